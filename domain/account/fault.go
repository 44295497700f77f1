package account

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
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
	return movementFault(e, e.Amount > 0)
}

func (e Withdrawn) fault() error {
	return movementFault(e, e.Amount > 0)
}

func (e FeeCharged) fault() error {
	return movementFault(e, e.Amount > 0)
}

func (e InterestPosted) fault() error {
	return movementFault(e, e.Amount != 0)
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

func (e SettingsChanged) fault() error {
	if e.OverdraftLimit == nil {
		return nil
	}
	return missingUnless(*e.OverdraftLimit >= 0 && e.OverdraftLimit.InRange(), "overdraft_limit")
}
