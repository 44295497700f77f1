package approval

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// StreamType is the stream type under which an approval's events are stored; the stream's id is the approval's id.
const StreamType = "approval"

// Status is how far an approval has come.
type Status string

// The statuses of an approval. StatusNone is the approval that was never asked for.
const (
	StatusNone     Status = ""
	StatusPending  Status = "pending"
	StatusApproved Status = "approved"
	StatusRejected Status = "rejected"
	StatusExpired  Status = "expired"
)

// State is an approval as the fold of its events. The zero value is the approval that was never asked for. A State is a value:
// Evolve returns a new one, and Command is never written to.
//
// It is stored as JSON in snapshots, which are thrown away when [FoldFingerprint] changes.
type State struct {
	ApprovalID  uuid.UUID       `json:"approval_id"`
	Version     int64           `json:"version"` // the number of events folded
	Status      Status          `json:"status"`
	AccountID   uuid.UUID       `json:"account_id"`
	Kind        string          `json:"kind"`
	Command     json.RawMessage `json:"command,omitempty"`
	Money       money.Money     `json:"money"`
	Threshold   money.Amount    `json:"threshold"`
	Maker       string          `json:"maker"`
	OwnedBy     string          `json:"owned_by,omitempty"`
	EffectiveAt time.Time       `json:"effective_at,omitzero"`
	RequestedAt time.Time       `json:"requested_at"`
	ExpiresAt   time.Time       `json:"expires_at"`
	DecidedBy   string          `json:"decided_by,omitempty"`
	Reason      string          `json:"reason,omitempty"` // of the decision
	DecidedAt   time.Time       `json:"decided_at,omitzero"`
}

// StatusAt is the status at a moment: a pending approval whose time is over has expired, whether that is on record or not.
func (s State) StatusAt(at time.Time) Status {
	if s.Status == StatusPending && !at.Before(s.ExpiresAt) {
		return StatusExpired
	}
	return s.Status
}

var stateBytes = int(reflect.TypeFor[State]().Size()) // without what its strings and slice point to

// Size returns about how many bytes the state holds in memory, for a cache with a budget.
func (s State) Size() int {
	return stateBytes + len(s.Kind) + len(s.Command) + len(s.Maker) + len(s.OwnedBy) + len(s.DecidedBy) + len(s.Reason)
}
