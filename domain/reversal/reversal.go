package reversal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/payload"
	"passbook/domain/money"
)

// StreamType is the stream type under which what became of transactions is stored; the stream's id is the transaction's id.
const StreamType = "transaction"

// Reverse asks to undo a transaction that moved so much, by a further transaction.
type Reverse struct {
	ReversalID uuid.UUID     // of the further transaction
	Original   money.Money   // what the transaction moved
	Amount     *money.Amount // nil: all that is not undone yet
}

// TypeReversed is the wire name of the only event.
const TypeReversed = "transaction.reversed"

const schemaReversed = 1

// Reversed says that a transaction was undone, or a part of it.
type Reversed struct {
	ReversalID     uuid.UUID      `json:"reversal_id"`
	Amount         money.Amount   `json:"amount"`
	OriginalAmount money.Amount   `json:"original_amount"`
	Currency       money.Currency `json:"currency"`
	ReversedAfter  money.Amount   `json:"reversed_after"` // in all
}

// EventType is the wire name of an event and the schema its payload has now.
type EventType struct {
	Name   string
	Schema int
}

// Types returns the wire names and current schemas of all events.
func Types() []EventType { return []EventType{{TypeReversed, schemaReversed}} }

// State is what became of a transaction. The zero value is one that was never reversed.
type State struct {
	ID       uuid.UUID    `json:"id"`
	Version  int64        `json:"version"`
	Reversed money.Amount `json:"reversed"`
	Last     uuid.UUID    `json:"last"` // reversal
}

// FoldVersion names how events fold into a state: another fold, or another form of State, is another name.
const FoldVersion = "1"

// Size returns about how many bytes the state holds in memory.
func (State) Size() int { return 64 }

// Refusal is why a reversal was not accepted.
type Refusal interface {
	error
	// Code is the refusal's name in the API.
	Code() string
}

// AlreadyReversed says that nothing is left to undo.
type AlreadyReversed struct{ Original money.Amount }

// ExceedsOriginal says that more should be undone than is left.
type ExceedsOriginal struct{ Original, Reversed, Requested money.Amount }

// Code returns "already_reversed".
func (AlreadyReversed) Code() string { return "already_reversed" }

// Code returns "reversal_exceeds_original".
func (ExceedsOriginal) Code() string { return "reversal_exceeds_original" }

func (r AlreadyReversed) Error() string {
	return fmt.Sprintf("the transaction of %d is reversed already", r.Original)
}

func (r ExceedsOriginal) Error() string {
	return fmt.Sprintf("%d requested, %d of %d are reversed already", r.Requested, r.Reversed, r.Original)
}

// Refusals returns a value of each refusal.
func Refusals() []Refusal { return []Refusal{AlreadyReversed{}, ExceedsOriginal{}} }

// Decide answers the event that follows, nothing when this very reversal was the last one, or a Refusal. The amount must be
// judged to be positive by whoever moves the money.
func Decide(s State, c Reverse) ([]Reversed, error) {
	left := c.Original.Amount - s.Reversed
	amount := left
	if c.Amount != nil {
		amount = *c.Amount
	}
	switch {
	case s.Version > 0 && s.Last == c.ReversalID:
		return nil, nil
	case left <= 0:
		return nil, AlreadyReversed{Original: c.Original.Amount}
	case amount > left:
		return nil, ExceedsOriginal{Original: c.Original.Amount, Reversed: s.Reversed, Requested: amount}
	}
	return []Reversed{{
		ReversalID: c.ReversalID, Amount: amount, OriginalAmount: c.Original.Amount, Currency: c.Original.Currency,
		ReversedAfter: s.Reversed + amount,
	}}, nil
}

// Evolve returns the state after an event of the transaction of this id.
func Evolve(s State, id uuid.UUID, e Reversed, _ time.Time) State {
	return State{ID: id, Version: s.Version + 1, Reversed: e.ReversedAfter, Last: e.ReversalID}
}

// Encode returns the wire name, the schema and the payload of an event, the same bytes every time.
func Encode(e Reversed) (typ string, schema int, data []byte) {
	data, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("reversal: %v", err)) // nothing in it can fail
	}
	return TypeReversed, schemaReversed, data
}

// ErrUnknownEvent says that a stored event has a wire name or a schema that this program does not know.
var ErrUnknownEvent = errors.New("unknown event")

// Decode reads an event's payload. What is required and missing or out of its range is an error.
func Decode(typ string, schema int, data []byte) (Reversed, error) {
	if typ != TypeReversed || schema != schemaReversed {
		return Reversed{}, fmt.Errorf("%w %.64q schema %d", ErrUnknownEvent, typ, schema)
	}
	var e Reversed
	if err := json.Unmarshal(data, &e); err != nil {
		return Reversed{}, fmt.Errorf("decode %T: %w", e, err)
	}
	if err := Fault(e); err != nil {
		return Reversed{}, fmt.Errorf("decode %T: %w", e, err)
	}
	return e, nil
}

// Fault tells why an event could not be read again if it were stored; nil for whatever Decide returns.
func Fault(e Reversed) error {
	sound := e.ReversalID != uuid.Nil && !e.Currency.IsZero() && e.Amount > 0 && e.ReversedAfter >= e.Amount &&
		e.OriginalAmount >= e.ReversedAfter && e.OriginalAmount.InRange()
	if !sound {
		return payload.ErrMissing
	}
	return nil
}
