package payment

import (
	"fmt"
	"time"

	"passbook/domain/money"
)

// Refusal is why a command was not accepted: a value with the data of the case, to be had with errors.As. The set is closed:
// the types of this file, as values; [Refusals] lists them.
type Refusal interface {
	error
	// Code is the refusal's name in the API, in snake_case. It never changes.
	Code() string
	isRefusal()
}

// NotFound says that the payment was never requested.
type NotFound struct{}

// AlreadyRequested says that the payment was requested before, with other content.
type AlreadyRequested struct{}

// Final says that the payment has its outcome, which never changes.
type Final struct{ Outcome Status }

// AtGateway says that the gateway has the payment: it answers, or the deadline passes, or the payment gets stuck; only then
// can it be cancelled.
type AtGateway struct{}

// NotDue says that the payment cannot time out before its deadline.
type NotDue struct{ Deadline time.Time }

// AmountOutOfRange says that an amount is not between Min and Max.
type AmountOutOfRange struct{ Amount, Min, Max money.Amount }

// InvalidField says that a field of the command does not have the form it must have. Field is its name in the API; a slash
// stands between those of a field within a field.
type InvalidField struct{ Field, Detail string }

// Code returns "not_found".
func (NotFound) Code() string { return "not_found" }

// Code returns "payment_exists".
func (AlreadyRequested) Code() string { return "payment_exists" }

// Code returns "payment_final".
func (Final) Code() string { return "payment_final" }

// Code returns "payment_submitted".
func (AtGateway) Code() string { return "payment_submitted" }

// Code returns "payment_not_due".
func (NotDue) Code() string { return "payment_not_due" }

// Code returns "amount_out_of_range".
func (AmountOutOfRange) Code() string { return "amount_out_of_range" }

// Code returns "invalid_parameter".
func (InvalidField) Code() string { return "invalid_parameter" }

func (NotFound) Error() string         { return "no such payment" }
func (AlreadyRequested) Error() string { return "the payment was requested before with other content" }
func (r Final) Error() string          { return fmt.Sprintf("the payment is %s", r.Outcome) }
func (AtGateway) Error() string        { return "the gateway has the payment" }

func (r NotDue) Error() string {
	return fmt.Sprintf("the deadline is %s", r.Deadline.Format(time.RFC3339Nano))
}

func (r AmountOutOfRange) Error() string {
	return fmt.Sprintf("amount %d is not between %d and %d", r.Amount, r.Min, r.Max)
}

func (r InvalidField) Error() string { return fmt.Sprintf("%s %s", r.Field, r.Detail) }

func (NotFound) isRefusal()         {}
func (AlreadyRequested) isRefusal() {}
func (Final) isRefusal()            {}
func (AtGateway) isRefusal()        {}
func (NotDue) isRefusal()           {}
func (AmountOutOfRange) isRefusal() {}
func (InvalidField) isRefusal()     {}

// Refusals returns a value of each refusal, for tables and tests that must know them all.
func Refusals() []Refusal {
	return []Refusal{
		NotFound{}, AlreadyRequested{}, Final{}, AtGateway{}, NotDue{}, AmountOutOfRange{}, InvalidField{},
	}
}
