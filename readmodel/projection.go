package readmodel

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/eventstore"
)

// Names of the projections, as they stand in checkpoints, leases and answers.
const (
	Balances = "balances" // what each account is now
	Timeline = "timeline" // what happened on each account, with the balance after it
)

// Projector is a fold of the log into tables.
type Projector struct {
	Name string
	// Version is of the code: rows made by one version are not continued by another.
	Version int
	// Tables are written by this projection and by nothing else.
	Tables []string
	// Apply writes what the events mean: a run of the log without a gap, never the same event twice. It must be a function
	// of the rows before and the events alone, and do nothing outside tx. An error about one event is an *EventError.
	Apply func(ctx context.Context, tx pgx.Tx, events []Event) error
}

// Event is a stored event together with what it says.
type Event struct {
	eventstore.Event
	Payload account.Event
}

// Decoder reads payloads of every shape ever stored: *eventcodec.Codec.
type Decoder interface {
	Decode(stored eventstore.Event) (account.Event, error)
}

// EventError means that one event cannot be applied, now or ever, by this code.
type EventError struct {
	Position int64
	Err      error
}

func (e *EventError) Error() string {
	return fmt.Sprintf("event %d cannot be applied: %v", e.Position, e.Err)
}

func (e *EventError) Unwrap() error { return e.Err }

// Projectors lists all of them.
func Projectors() []Projector {
	return []Projector{balancesProjector(), timelineProjector()}
}

// follows is the guard of a row against a lost or repeated event.
func follows(before int64, e *Event) error {
	if e.Version == before+1 {
		return nil
	}
	return &EventError{e.Position, fmt.Errorf("account %s is at version %d in the rows, the event is version %d", e.StreamID, before, e.Version)}
}

// unknownPayload is for the end of a switch over all payloads, which a test walks: reaching it means that a payload was
// added to the domain and forgotten here.
func unknownPayload(e *Event) string {
	return fmt.Sprintf("readmodel: no rule for %T of event %d", e.Payload, e.Position)
}
