// Package natsclearing is the way to a clearing house over core NATS, seen from both ends: [Client] is the bank's, [Serve] the
// house's.
//
// # Protocol
//
// Requests and replies are JSON objects; members that a side does not know are passed over. Subjects begin with a prefix that
// both ends agree on, passbook.clearing unless they are told otherwise.
//
//	<prefix>.submit    bank to house   a payment (Submission); the reply is an Answer
//	<prefix>.status    bank to house   {"payment_id"}; the reply is an Answer, also with status unknown
//	<prefix>.answers   house to bank   an Answer; the reply {"payment_id", "taken": true} means that the bank has it on record
//
//	Submission  payment_id amount currency creditor{name account agent?} reference? settle_before
//	Answer      payment_id status: accepted | settled | rejected | unknown, gateway_reference? code? reason?
//	            or error: a text, when the request could not be understood
//
// # What each may rely on
//
// A payment is known by its id: a house takes it once, however often it is submitted, and its answer is always about the same
// one. It does not settle a payment at or after settle_before. It tells the outcome at least once, in any order with the
// replies: an answer without a confirmation is sent again a few times, and then kept until the bank asks for it. The bank takes
// every answer any number of times. Whichever message is lost, the bank asks again.
//
// NATS keeps none of it. Who may publish under the prefix can claim that a payment is settled: on a NATS that others use, the
// two ends need permissions of their own.
package natsclearing

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/domain/payment"
)

// DefaultPrefix is what the subjects begin with.
const DefaultPrefix = "passbook.clearing"

const (
	submitSubject  = ".submit"
	statusSubject  = ".status"
	answersSubject = ".answers"
)

// messageMax is more than any message that makes sense: what is longer is not read.
const messageMax = 64 << 10

type submission struct {
	PaymentID    uuid.UUID        `json:"payment_id"`
	Amount       money.Amount     `json:"amount"`
	Currency     money.Currency   `json:"currency"`
	Creditor     payment.Creditor `json:"creditor"`
	Reference    string           `json:"reference,omitempty"`
	SettleBefore time.Time        `json:"settle_before"`
}

type inquiry struct {
	PaymentID uuid.UUID `json:"payment_id"`
}

type answer struct {
	PaymentID        uuid.UUID          `json:"payment_id"`
	Status           payment.AnswerKind `json:"status,omitempty"`
	GatewayReference string             `json:"gateway_reference,omitempty"`
	Code             string             `json:"code,omitempty"`
	Reason           string             `json:"reason,omitempty"`
	Error            string             `json:"error,omitempty"`
}

type confirmation struct {
	PaymentID uuid.UUID `json:"payment_id"`
	Taken     bool      `json:"taken"`
}

func toSubmission(in payment.Instruction) submission {
	return submission{in.PaymentID, in.Money.Amount, in.Money.Currency, in.Creditor, in.Reference, in.SettleBefore}
}

func (s submission) instruction() payment.Instruction {
	return payment.Instruction{PaymentID: s.PaymentID, Money: money.Money{Amount: s.Amount, Currency: s.Currency},
		Creditor: s.Creditor, Reference: s.Reference, SettleBefore: s.SettleBefore}
}

// fault tells why a house cannot take it.
func (s submission) fault() error {
	switch {
	case s.PaymentID == uuid.Nil:
		return errors.New("payment_id is missing")
	case s.Amount <= 0 || !s.Amount.InRange():
		return errors.New("amount is missing or out of range")
	case s.Currency.IsZero():
		return errors.New("currency is missing")
	case s.Creditor.Account == "":
		return errors.New("creditor.account is missing")
	case s.SettleBefore.IsZero():
		return errors.New("settle_before is missing")
	}
	return nil
}

func toAnswer(a payment.Answer) answer {
	return answer{PaymentID: a.PaymentID, Status: a.Kind, GatewayReference: a.GatewayReference, Code: a.Code, Reason: a.Reason}
}

// ErrRefused means that the other side did not understand the message.
var ErrRefused = errors.New("refused by the other side")

// answer checks that an answer is one. about is the payment that was asked for, or nil when any will do.
func (a answer) answer(about uuid.UUID) (payment.Answer, error) {
	switch {
	case a.Error != "":
		return payment.Answer{}, fmt.Errorf("%w: %.200q", ErrRefused, a.Error)
	case a.PaymentID == uuid.Nil || about != uuid.Nil && a.PaymentID != about:
		return payment.Answer{}, fmt.Errorf("an answer about payment %s", a.PaymentID)
	}
	switch a.Status {
	case payment.AnswerAccepted, payment.AnswerSettled, payment.AnswerRejected, payment.AnswerUnknown:
		return payment.Answer{PaymentID: a.PaymentID, Kind: a.Status, GatewayReference: a.GatewayReference, Code: a.Code, Reason: a.Reason}, nil
	}
	return payment.Answer{}, fmt.Errorf("an answer with status %.40q", a.Status)
}

func read[T any](data []byte) (v T, err error) {
	if len(data) > messageMax {
		return v, fmt.Errorf("a message of %d bytes", len(data))
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("a message that is not as agreed: %w", err)
	}
	return v, nil
}

func write(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("natsclearing: %T is not JSON: %v", v, err)) // only a time outside the years 0 to 9999
	}
	return data
}
