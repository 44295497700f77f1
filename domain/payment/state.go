package payment

import (
	"reflect"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// StreamType is the stream type under which a payment's events are stored; the stream's id is the payment's id.
const StreamType = "payment"

// Status is how far a payment has come.
type Status string

// The statuses of a payment. StatusNone is the payment that was never requested.
const (
	StatusNone      Status = ""
	StatusRequested Status = "requested" // the money is held
	StatusSubmitted Status = "submitted" // the gateway has it
	StatusSettled   Status = "settled"   // the money has left
	StatusRejected  Status = "rejected"  // the gateway did not pay
	StatusTimedOut  Status = "timed_out" // given up at the deadline
	StatusCancelled Status = "cancelled" // given up by somebody
)

// Final tells whether the status is an outcome.
func (s Status) Final() bool {
	switch s {
	case StatusSettled, StatusRejected, StatusTimedOut, StatusCancelled:
		return true
	}
	return false
}

// ContradictionsMax bounds how many different contradictions of a payment are recorded. A gateway that makes more has been
// noticed by then.
const ContradictionsMax = 10

// State is a payment as the fold of its events. The zero value is the payment that was never requested. A State is a value:
// Evolve returns a new one, and neither Metadata nor Contradictions is ever written to, so states may share them.
//
// It is stored as JSON in snapshots, which are thrown away when [FoldFingerprint] changes.
type State struct {
	PaymentID        uuid.UUID            `json:"payment_id"`
	Version          int64                `json:"version"` // the number of events folded
	Status           Status               `json:"status"`
	AccountID        uuid.UUID            `json:"account_id"`
	HoldID           uuid.UUID            `json:"hold_id"`
	Money            money.Money          `json:"money"`
	Creditor         Creditor             `json:"creditor"`
	Reference        string               `json:"reference,omitempty"`
	Metadata         map[string]string    `json:"metadata,omitempty"`
	RequestedAt      time.Time            `json:"requested_at"`
	Deadline         time.Time            `json:"deadline"`
	GatewayReference string               `json:"gateway_reference,omitempty"`
	Stuck            bool                 `json:"stuck,omitempty"`
	StuckReason      string               `json:"stuck_reason,omitempty"`
	EndedAt          time.Time            `json:"ended_at,omitzero"` // of the outcome, as are the two below
	Code             string               `json:"code,omitempty"`
	Reason           string               `json:"reason,omitempty"`
	Contradictions   []AnswerContradicted `json:"contradictions,omitempty"`
}

// Final tells whether the payment has its outcome.
func (s State) Final() bool { return s.Status.Final() }

var (
	stateBytes         = int(reflect.TypeFor[State]().Size()) // without what its strings, map and slice point to
	contradictionBytes = int(reflect.TypeFor[AnswerContradicted]().Size())
)

// mapEntryBytes is about what an entry of a map of strings takes beside the text: two string headers and its share of the table.
const mapEntryBytes = 48

// Size returns about how many bytes the state holds in memory, for a cache with a budget.
func (s State) Size() int {
	size := stateBytes + len(s.Creditor.Name) + len(s.Creditor.Account) + len(s.Creditor.Agent) +
		len(s.Reference) + len(s.GatewayReference) + len(s.StuckReason) + len(s.Code) + len(s.Reason)
	for key, value := range s.Metadata {
		size += mapEntryBytes + len(key) + len(value)
	}
	for _, c := range s.Contradictions {
		size += contradictionBytes + len(c.GatewayReference) + len(c.Code) + len(c.Reason)
	}
	return size
}
