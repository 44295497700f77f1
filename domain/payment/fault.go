package payment

import (
	"github.com/google/uuid"

	"passbook/domain/internal/limit"
	"passbook/domain/internal/payload"
)

// What a stored payload must hold to be the event it says it is. Texts were judged when they were decided on and are not
// judged again: the limits of today do not make yesterday's facts untrue.

func (e Requested) fault() error {
	return limit.First(
		payload.Need(e.PaymentID != uuid.Nil, "payment_id"),
		payload.Need(e.AccountID != uuid.Nil, "account_id"),
		payload.Need(e.HoldID != uuid.Nil, "hold_id"),
		payload.Need(e.Amount > 0 && e.Amount.InRange(), "amount"),
		payload.Need(!e.Currency.IsZero(), "currency"),
		payload.Need(e.Creditor.Name != "", "creditor.name"),
		payload.Need(e.Creditor.Account != "", "creditor.account"),
		payload.Need(!e.Deadline.IsZero(), "deadline"))
}

func (Submitted) fault() error { return nil }
func (Settled) fault() error   { return nil }
func (Rejected) fault() error  { return nil }

func (e TimedOut) fault() error { return payload.Need(!e.Deadline.IsZero(), "deadline") }

func (Cancelled) fault() error   { return nil }
func (Pushed) fault() error      { return nil }
func (MarkedStuck) fault() error { return nil }

func (e AnswerContradicted) fault() error {
	return limit.First(
		payload.Need(e.Outcome.Final(), "outcome"),
		payload.Need(e.Answer == StatusSettled || e.Answer == StatusRejected, "answer"))
}
