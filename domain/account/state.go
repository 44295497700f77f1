package account

import (
	"reflect"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// StreamType is the stream type under which an account's events are stored; the stream's id is the account's id.
const StreamType = "account"

// Status is where an account stands in its life.
type Status string

// The statuses of an account. StatusNone is the account that was never opened.
const (
	StatusNone   Status = ""
	StatusOpen   Status = "open"
	StatusFrozen Status = "frozen"
	StatusClosed Status = "closed"
)

// FreezeScope says which movements a freeze stops.
type FreezeScope string

// The scopes of a freeze.
const (
	FreezeNone  FreezeScope = ""      // not frozen
	FreezeAll   FreezeScope = "all"   // no movement of money at all
	FreezeDebit FreezeScope = "debit" // nothing that the owner spends: no withdrawals, transfers out and holds; the rest goes on
)

// State is an account as the fold of its events. The zero value is the account that was never opened. A State is a value:
// Evolve returns a new one, and neither Metadata nor the slices are ever written to, so states may share them.
//
// It is stored as JSON in snapshots, which are thrown away when [FoldFingerprint] changes.
type State struct {
	ID              uuid.UUID         `json:"id"`
	Version         int64             `json:"version"` // the number of events folded
	Status          Status            `json:"status"`
	FreezeScope     FreezeScope       `json:"freeze_scope,omitempty"`
	OwnerID         string            `json:"owner_id"`
	OwnerName       string            `json:"owner_name"`
	Currency        money.Currency    `json:"currency"`
	Balance         money.Amount      `json:"balance"`
	Held            money.Amount      `json:"held"` // set aside by authorisations, still part of Balance
	OverdraftLimit  money.Amount      `json:"overdraft_limit"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	LastTransaction uuid.UUID         `json:"last_transaction"` // of the last movement
	Holds           []Hold            `json:"holds,omitempty"`  // open ones, in the order of their placing
	Ended           []EndedHold       `json:"ended_holds,omitempty"`
	Limits          Limits            `json:"limits,omitzero"`
	Spent           Spent             `json:"spent,omitzero"`
}

// Available is the most that a withdrawal may take: balance less held plus overdraft limit, kept within ±money.MaxAmount. It
// is negative when fees or penalty interest went past the limit.
func (s State) Available() money.Amount {
	return min(max(s.Balance-s.Held+s.OverdraftLimit, -money.MaxAmount), money.MaxAmount)
}

// stateBytes is a State without what its strings and its map point to.
var stateBytes = int(reflect.TypeFor[State]().Size())

var (
	holdBytes      = int(reflect.TypeFor[Hold]().Size())
	endedHoldBytes = int(reflect.TypeFor[EndedHold]().Size())
)

// mapEntryBytes is about what an entry of a map of strings takes beside the text: two string headers and its share of the table.
const mapEntryBytes = 48

// Size returns about how many bytes the state holds in memory, for a cache with a budget.
func (s State) Size() int {
	size := stateBytes + len(s.OwnerID) + len(s.OwnerName) + cap(s.Holds)*holdBytes + cap(s.Ended)*endedHoldBytes
	for key, value := range s.Metadata {
		size += mapEntryBytes + len(key) + len(value)
	}
	return size
}
