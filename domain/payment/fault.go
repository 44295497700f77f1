package payment

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

func (e Requested) fault() error {
	return firstFault(
		missingUnless(e.PaymentID != uuid.Nil, "payment_id"),
		missingUnless(e.AccountID != uuid.Nil, "account_id"),
		missingUnless(e.HoldID != uuid.Nil, "hold_id"),
		missingUnless(e.Amount > 0 && e.Amount.InRange(), "amount"),
		missingUnless(!e.Currency.IsZero(), "currency"),
		missingUnless(e.Creditor.Name != "", "creditor.name"),
		missingUnless(e.Creditor.Account != "", "creditor.account"),
		missingUnless(!e.Deadline.IsZero(), "deadline"))
}

func (Submitted) fault() error { return nil }
func (Settled) fault() error   { return nil }
func (Rejected) fault() error  { return nil }

func (e TimedOut) fault() error { return missingUnless(!e.Deadline.IsZero(), "deadline") }

func (Cancelled) fault() error   { return nil }
func (Pushed) fault() error      { return nil }
func (MarkedStuck) fault() error { return nil }

func (e AnswerContradicted) fault() error {
	return firstFault(
		missingUnless(e.Outcome.Final(), "outcome"),
		missingUnless(e.Answer == StatusSettled || e.Answer == StatusRejected, "answer"))
}
