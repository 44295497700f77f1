// Package replay folds the history of one account event by event and shows the state after each: for whoever asks how an account
// came to be what it is.
package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

// Log is where the history is read: *eventstore.Store.
type Log interface {
	ReadStream(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) ([]eventstore.Event, error)
}

// Decoder reads payloads of every shape ever stored: *eventcodec.Codec.
type Decoder interface {
	Decode(stored eventstore.Event) (account.Event, error)
	Upcasters() *eventstore.Upcasters
}

// Until is where a replay ends: after a version, or with what was booked by a time. The zero value: at the end.
type Until struct {
	Version int64
	Time    time.Time
}

// ParseUntil reads a version or an RFC 3339 time; empty is the end.
func ParseUntil(text string) (Until, error) {
	if text == "" {
		return Until{}, nil
	}
	if version, err := strconv.ParseInt(text, 10, 64); err == nil && version > 0 {
		return Until{Version: version}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return Until{}, fmt.Errorf("%q is neither a version nor a time like 2026-11-21T15:04:05Z", text)
	}
	return Until{Time: at}, nil
}

func (u Until) includes(e *eventstore.Event) bool {
	return (u.Version == 0 || e.Version <= u.Version) && (u.Time.IsZero() || !e.RecordedAt.After(u.Time))
}

// Step is one event and what it changed.
type Step struct {
	Stored        eventstore.Event
	Read          eventstore.Shape // as what it was read
	Event         account.Event
	Before, After account.State
}

// ErrNoAccount means that nothing stands under the id.
var ErrNoAccount = errors.New("no such account in the log")

// EventError means that an event cannot be read, or does not follow the one before.
type EventError struct {
	Position, Version int64
	Err               error
}

func (e *EventError) Error() string {
	return fmt.Sprintf("version %d, event %d: %v", e.Version, e.Position, e.Err)
}

func (e *EventError) Unwrap() error { return e.Err }

// page is how many events are read at once.
const page = 1_000

// Run calls each with every event of the account in its order. The first event that cannot be folded ends it with an *EventError.
func Run(ctx context.Context, log Log, decoder Decoder, id uuid.UUID, until Until, each func(*Step) error) error {
	var state account.State
	for {
		events, err := log.ReadStream(ctx, id, state.Version, page)
		if err != nil {
			return err
		}
		if state.Version == 0 && (len(events) == 0 || events[0].StreamType != account.StreamType) {
			return fmt.Errorf("%w: %s", ErrNoAccount, id)
		}
		for i := range events {
			if !until.includes(&events[i]) {
				return nil
			}
			step, err := Next(decoder, state, &events[i])
			if err != nil {
				return err
			}
			if err := each(step); err != nil {
				return err
			}
			state = step.After
		}
		if len(events) < page {
			return nil
		}
	}
}

// Next folds one more event of an account onto its state. The error is an *EventError.
func Next(decoder Decoder, state account.State, stored *eventstore.Event) (*Step, error) {
	fault := func(err error) error { return &EventError{stored.Position, stored.Version, err} }
	if stored.Version != state.Version+1 {
		return nil, fault(fmt.Errorf("it follows version %d", state.Version))
	}
	current, err := decoder.Upcasters().Upcast(*stored)
	if err != nil {
		return nil, fault(err)
	}
	event, err := decoder.Decode(current)
	if err != nil {
		return nil, fault(err)
	}
	return &Step{
		Stored: *stored, Read: eventstore.Shape{Type: current.Type, Schema: current.Schema}, Event: event,
		Before: state, After: account.Evolve(state, event, stored.RecordedAt),
	}, nil
}
