package account

import (
	"github.com/google/uuid"

	"passbook/domain/money"
)

// Movement is what all events that change the balance have in common, for readers that do not care which of them it is.
type Movement struct {
	TransactionID uuid.UUID
	Amount        money.Amount // signed: what it added to the balance
	Currency      money.Currency
	Reference     string
	BalanceAfter  money.Amount
	HeldAfter     money.Amount
}

// MovementOf returns the movement that an event is, and false for every event that leaves the balance as it is.
func MovementOf(e Event) (Movement, bool) {
	switch e := e.(type) {
	case Deposited:
		return Movement{e.TransactionID, e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case Withdrawn:
		return Movement{e.TransactionID, -e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case FeeCharged:
		return Movement{e.TransactionID, -e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case InterestCredited:
		return Movement{e.TransactionID, e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case InterestDebited:
		return Movement{e.TransactionID, -e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case TransferSent:
		return Movement{e.TransactionID, -e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case TransferReceived:
		return Movement{e.TransactionID, e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case HoldCaptured:
		return Movement{e.TransactionID, -e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case ReversalPosted:
		return Movement{e.TransactionID, e.Direction.signed(e.Amount), e.Currency, "", e.BalanceAfter, e.HeldAfter}, true
	}
	return Movement{}, false
}

// Balances are what a money event states: the balance and what is held of it, afterwards.
type Balances struct{ Balance, Held money.Amount }

// BalancesOf returns the balances that a money event states, movement or not, and false for every other event.
func BalancesOf(e Event) (Balances, bool) {
	switch e := e.(type) {
	case Deposited:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case Withdrawn:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case FeeCharged:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case InterestCredited:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case InterestDebited:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case TransferSent:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case TransferReceived:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case HoldPlaced:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case HoldCaptured:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case HoldReleased:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case HoldExpired:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	case ReversalPosted:
		return Balances{e.BalanceAfter, e.HeldAfter}, true
	}
	return Balances{}, false
}
