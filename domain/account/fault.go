package account

import (
	"github.com/google/uuid"

	"passbook/domain/internal/limit"
	"passbook/domain/internal/payload"
	"passbook/domain/money"
)

// What a stored payload must hold to be the event it says it is. Texts were judged when they were decided on and are not
// judged again: the limits of today do not make yesterday's facts untrue.

func (e Opened) fault() error {
	return limit.First(
		payload.Need(e.AccountID != uuid.Nil, "account_id"),
		payload.Need(e.OwnerID != "", "owner_id"),
		payload.Need(!e.Currency.IsZero(), "currency"),
		payload.Need(e.OverdraftLimit >= 0 && e.OverdraftLimit.InRange(), "overdraft_limit"))
}

func (e Deposited) fault() error {
	return limit.First(payload.Need(e.Source != "", "source"), movementFault(e, e.Amount > 0))
}

func (e Withdrawn) fault() error {
	return movementFault(e, e.Amount > 0)
}

func (e FeeCharged) fault() error {
	return movementFault(e, e.Amount > 0)
}

func (e InterestCredited) fault() error {
	return movementFault(e, e.Amount > 0)
}

func (e InterestDebited) fault() error {
	return movementFault(e, e.Amount > 0)
}

func (e TransferSent) fault() error {
	return limit.First(payload.Need(e.CounterpartyID != uuid.Nil, "counterparty_id"), movementFault(e, e.Amount > 0))
}

func (e TransferReceived) fault() error { return TransferSent(e).fault() }

func (e HoldPlaced) fault() error {
	return holdFault(e.HoldID, e.Amount, e.Currency, e.BalanceAfter, e.HeldAfter)
}

func (e HoldCaptured) fault() error {
	return limit.First(
		payload.Need(e.HoldID != uuid.Nil, "hold_id"),
		payload.Need(e.Remaining >= 0 && e.Remaining.InRange(), "remaining"),
		payload.Need(e.Released >= 0 && e.Released.InRange(), "released"),
		movementFault(e, e.Amount > 0))
}

func (e HoldReleased) fault() error {
	return holdFault(e.HoldID, e.Amount, e.Currency, e.BalanceAfter, e.HeldAfter)
}

func (e HoldExtended) fault() error {
	return limit.First(payload.Need(e.HoldID != uuid.Nil, "hold_id"), payload.Need(!e.ExpiresAt.IsZero(), "expires_at"))
}

func (e HoldExpired) fault() error {
	return holdFault(e.HoldID, e.Amount, e.Currency, e.BalanceAfter, e.HeldAfter)
}

func (e ReversalPosted) fault() error {
	return limit.First(
		payload.Need(e.Reverses != uuid.Nil, "reverses"),
		payload.Need(e.Direction == Credit || e.Direction == Debit, "direction"),
		movementFault(e, e.Amount > 0))
}

func holdFault(id uuid.UUID, amount money.Amount, currency money.Currency, balance, held money.Amount) error {
	return limit.First(
		payload.Need(id != uuid.Nil, "hold_id"),
		payload.Need(amount > 0 && amount.InRange(), "amount"),
		payload.Need(!currency.IsZero(), "currency"),
		payload.Need(balance.InRange(), "balance_after"),
		payload.Need(held >= 0 && held.InRange(), "held_after"))
}

func movementFault(e Event, signed bool) error {
	m, _ := MovementOf(e)
	return limit.First(
		payload.Need(m.TransactionID != uuid.Nil, "transaction_id"),
		payload.Need(signed && m.Amount.InRange(), "amount"),
		payload.Need(!m.Currency.IsZero(), "currency"),
		payload.Need(m.BalanceAfter.InRange(), "balance_after"),
		payload.Need(m.HeldAfter >= 0 && m.HeldAfter.InRange(), "held_after"))
}

func (e Frozen) fault() error { return checkScope(e.Scope) }

func (Unfrozen) fault() error { return nil }
func (Closed) fault() error   { return nil }
func (Reopened) fault() error { return nil }

func (e TermsChanged) fault() error {
	return limit.First(
		payload.Need(e.OverdraftLimit == nil || *e.OverdraftLimit >= 0 && e.OverdraftLimit.InRange(), "overdraft_limit"),
		payload.Need(e.Limits == nil || e.Limits.inRange(), "limits"))
}
