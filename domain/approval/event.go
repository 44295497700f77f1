package approval

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Event is something that happened to an approval. The set is closed: the types of this file, as values. Their JSON is a storage
// format: names, order and presence of fields are those of the schemas in [Types], for ever. That holds for the command, too.
type Event interface{ isEvent() }

// Requested says that a command waits for a second person.
type Requested struct {
	ApprovalID  uuid.UUID       `json:"approval_id"`
	AccountID   uuid.UUID       `json:"account_id"`
	Kind        string          `json:"kind"`
	Command     json.RawMessage `json:"command"`
	Amount      money.Amount    `json:"amount"`
	Currency    money.Currency  `json:"currency"`
	Threshold   money.Amount    `json:"threshold"`
	Maker       string          `json:"maker"`
	OwnedBy     string          `json:"owned_by,omitempty"`
	EffectiveAt time.Time       `json:"effective_at,omitzero"`
	ExpiresAt   time.Time       `json:"expires_at"`
}

// Approved says that somebody else agreed. What was asked for stands in the same append.
type Approved struct {
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// Rejected says that somebody else did not agree.
type Rejected struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// Expired says that nobody decided in time.
type Expired struct {
	ExpiresAt time.Time `json:"expires_at"`
}

func (Requested) isEvent() {}
func (Approved) isEvent()  {}
func (Rejected) isEvent()  {}
func (Expired) isEvent()   {}
