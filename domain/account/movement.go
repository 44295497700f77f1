package account

import (
	"github.com/google/uuid"

	"passbook/domain/money"
)

// Movement is what all money events have in common, for readers that do not care which of them it is.
type Movement struct {
	TransactionID uuid.UUID
	Amount        money.Amount // signed: what it added to the balance
	Currency      money.Currency
	Reference     string
	BalanceAfter  money.Amount
	HeldAfter     money.Amount
}

// MovementOf returns the movement that a money event is, and false for every other event.
func MovementOf(e Event) (Movement, bool) {
	switch e := e.(type) {
	case Deposited:
		return Movement{e.TransactionID, e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case Withdrawn:
		return Movement{e.TransactionID, -e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case FeeCharged:
		return Movement{e.TransactionID, -e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	case InterestPosted:
		return Movement{e.TransactionID, e.Amount, e.Currency, e.Reference, e.BalanceAfter, e.HeldAfter}, true
	}
	return Movement{}, false
}
