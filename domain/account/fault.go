package account

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// What a stored payload must hold to be the event it says it is. Texts were judged when they were decided on and are not
// judged again: the limits of today do not make yesterday's facts untrue.

var errMissing = errors.New("missing or out of range")

func missingUnless(holds bool, field string) error {
	if holds {
		return nil
	}
	return fmt.Errorf("%s: %w", field, errMissing)
}

func (e Opened) fault() error {
	return firstFault(
		missingUnless(e.AccountID != uuid.Nil, "account_id"),
		missingUnless(e.OwnerID != "", "owner_id"),
		missingUnless(!e.Currency.IsZero(), "currency"),
		missingUnless(e.OverdraftLimit >= 0 && e.OverdraftLimit.InRange(), "overdraft_limit"))
}

func (e Deposited) fault() error {
	return firstFault(missingUnless(e.Source != "", "source"), movementFault(e, e.Amount > 0))
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
	return firstFault(missingUnless(e.CounterpartyID != uuid.Nil, "counterparty_id"), movementFault(e, e.Amount > 0))
}

func (e TransferReceived) fault() error { return TransferSent(e).fault() }

func (e HoldPlaced) fault() error {
	return holdFault(e.HoldID, e.Amount, e.Currency, e.BalanceAfter, e.HeldAfter)
}

func (e HoldCaptured) fault() error {
	return firstFault(
		missingUnless(e.HoldID != uuid.Nil, "hold_id"),
		missingUnless(e.Remaining >= 0 && e.Remaining.InRange(), "remaining"),
		missingUnless(e.Released >= 0 && e.Released.InRange(), "released"),
		movementFault(e, e.Amount > 0))
}

func (e HoldReleased) fault() error {
	return holdFault(e.HoldID, e.Amount, e.Currency, e.BalanceAfter, e.HeldAfter)
}

func (e HoldExtended) fault() error {
	return firstFault(missingUnless(e.HoldID != uuid.Nil, "hold_id"), missingUnless(!e.ExpiresAt.IsZero(), "expires_at"))
}

func (e HoldExpired) fault() error {
	return holdFault(e.HoldID, e.Amount, e.Currency, e.BalanceAfter, e.HeldAfter)
}

func (e ReversalPosted) fault() error {
	return firstFault(
		missingUnless(e.Reverses != uuid.Nil, "reverses"),
		missingUnless(e.Direction == Credit || e.Direction == Debit, "direction"),
		movementFault(e, e.Amount > 0))
}

func holdFault(id uuid.UUID, amount money.Amount, currency money.Currency, balance, held money.Amount) error {
	return firstFault(
		missingUnless(id != uuid.Nil, "hold_id"),
		missingUnless(amount > 0 && amount.InRange(), "amount"),
		missingUnless(!currency.IsZero(), "currency"),
		missingUnless(balance.InRange(), "balance_after"),
		missingUnless(held >= 0 && held.InRange(), "held_after"))
}

func movementFault(e Event, signed bool) error {
	m, _ := MovementOf(e)
	return firstFault(
		missingUnless(m.TransactionID != uuid.Nil, "transaction_id"),
		missingUnless(signed && m.Amount.InRange(), "amount"),
		missingUnless(!m.Currency.IsZero(), "currency"),
		missingUnless(m.BalanceAfter.InRange(), "balance_after"),
		missingUnless(m.HeldAfter >= 0 && m.HeldAfter.InRange(), "held_after"))
}

func (e Frozen) fault() error { return checkScope(e.Scope) }

func (Unfrozen) fault() error { return nil }
func (Closed) fault() error   { return nil }
func (Reopened) fault() error { return nil }

func (e TermsChanged) fault() error {
	return firstFault(
		missingUnless(e.OverdraftLimit == nil || *e.OverdraftLimit >= 0 && e.OverdraftLimit.InRange(), "overdraft_limit"),
		missingUnless(e.Limits == nil || e.Limits.inRange(), "limits"))
}
