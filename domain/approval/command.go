package approval

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Command is something asked of an approval. The set is closed: the types of this file, as values.
type Command interface{ isCommand() }

// Request asks for a second person. Repeated with the very same content it decides nothing.
type Request struct {
	ApprovalID  uuid.UUID
	AccountID   uuid.UUID       // that the command is about in the first place
	Kind        string          // of the command
	Command     json.RawMessage // as it will be carried out
	Money       money.Money     // what it moves
	Threshold   money.Amount    // above which one person does not suffice
	Maker       string          // who gave the command
	OwnedBy     string          // the only owner about whose accounts the maker may give it; "" for all
	EffectiveAt time.Time       // value date of what is booked; zero: when it is booked
	ExpiresAt   time.Time
}

// Approve asks to carry the command out.
type Approve struct{ By, Reason string } // the reason may be empty

// Reject asks to drop it.
type Reject struct{ By, Reason string }

// Expire asks for the record of what is a fact already: the time is over.
type Expire struct{}

func (Request) isCommand() {}
func (Approve) isCommand() {}
func (Reject) isCommand()  {}
func (Expire) isCommand()  {}
