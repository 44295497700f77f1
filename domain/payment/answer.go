package payment

import (
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// AnswerKind is what a gateway says of a payment.
type AnswerKind string

// The kinds of answers.
const (
	AnswerAccepted AnswerKind = "accepted" // taken; the outcome follows
	AnswerSettled  AnswerKind = "settled"  // paid
	AnswerRejected AnswerKind = "rejected" // not paid, and will not be
	AnswerUnknown  AnswerKind = "unknown"  // never heard of it
)

// Answer is what the gateway says of a payment: to its submission, to a question for its status, or by itself.
type Answer struct {
	PaymentID        uuid.UUID
	Kind             AnswerKind
	GatewayReference string // of accepted and settled
	Code, Reason     string // of rejected
}

// Command is what an answer asks of its payment; nil when it asks for nothing that is recorded.
func (a Answer) Command() Command {
	switch a.Kind {
	case AnswerAccepted:
		return Submit{GatewayReference: a.GatewayReference}
	case AnswerSettled:
		return Settle{GatewayReference: a.GatewayReference}
	case AnswerRejected:
		return Reject{Code: a.Code, Reason: a.Reason}
	}
	return nil
}

// Instruction is what the gateway is told of a payment. Given twice, it is the same payment.
type Instruction struct {
	PaymentID    uuid.UUID
	Money        money.Money
	Creditor     Creditor
	Reference    string
	SettleBefore time.Time // from then on the gateway must not settle it: it will be given up
}

// Instruction returns what the gateway is told of the payment.
func (s State) Instruction() Instruction {
	return Instruction{PaymentID: s.PaymentID, Money: s.Money, Creditor: s.Creditor, Reference: s.Reference, SettleBefore: s.Deadline}
}
