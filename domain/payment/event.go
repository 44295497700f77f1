package payment

import (
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Event is something that happened to a payment. The set is closed: the types of this file, as values. Their JSON is a
// storage format: names, order and presence of fields are those of the schemas in [Types], for ever.
type Event interface{ isEvent() }

// Requested says that the payment was asked for, and that the money is held.
type Requested struct {
	PaymentID uuid.UUID         `json:"payment_id"`
	AccountID uuid.UUID         `json:"account_id"`
	HoldID    uuid.UUID         `json:"hold_id"`
	Amount    money.Amount      `json:"amount"`
	Currency  money.Currency    `json:"currency"`
	Creditor  Creditor          `json:"creditor"`
	Reference string            `json:"reference,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Deadline  time.Time         `json:"deadline"`
}

// Submitted says that the gateway took the payment.
type Submitted struct {
	GatewayReference string `json:"gateway_reference,omitempty"`
}

// Settled says that the money has left the bank.
type Settled struct {
	GatewayReference string `json:"gateway_reference,omitempty"`
}

// Rejected says that the gateway did not pay. Code is the gateway's.
type Rejected struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// TimedOut says that the payment was given up at its deadline.
type TimedOut struct {
	Deadline time.Time `json:"deadline"`
}

// Cancelled says that somebody gave the payment up.
type Cancelled struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// Pushed says that somebody had a stuck payment tried again.
type Pushed struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// MarkedStuck says that the payment was tried in vain too often.
type MarkedStuck struct {
	Reason string `json:"reason"`
}

// AnswerContradicted says that the gateway told something else after the outcome: an operator has to find out what is true.
// Outcome is the one that stands; Answer is settled or rejected.
type AnswerContradicted struct {
	Outcome          Status `json:"outcome"`
	Answer           Status `json:"answer"`
	GatewayReference string `json:"gateway_reference,omitempty"`
	Code             string `json:"code,omitempty"`
	Reason           string `json:"reason,omitempty"`
}

func (Requested) isEvent()          {}
func (Submitted) isEvent()          {}
func (Settled) isEvent()            {}
func (Rejected) isEvent()           {}
func (TimedOut) isEvent()           {}
func (Cancelled) isEvent()          {}
func (Pushed) isEvent()             {}
func (MarkedStuck) isEvent()        {}
func (AnswerContradicted) isEvent() {}
