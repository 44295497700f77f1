// Package casefile keeps the history of one account as a file: the stored events as they are, so that what went wrong in a bank can
// be replayed by a test. Package casetest replays it.
//
// A case has nothing but what folding needs: no metadata of the envelope, which name people, requests and idempotency keys, and
// nothing of other accounts beyond what the account's own events say of them.
package casefile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
)

// Format is the number of the file's format.
const Format = 1

// streamType is the only type of streams that are captured.
const streamType = "account"

// ErrNoAccount means that nothing stands under the id.
var ErrNoAccount = errors.New("no such account in the log")

// Case is the history of one account.
type Case struct {
	Format    int       `json:"passbook_case"`
	AccountID uuid.UUID `json:"account_id"`
	Redacted  bool      `json:"redacted,omitempty"` // names and texts of customers were replaced
	Head      int64     `json:"head"`               // the end of the log when it was captured
	Events    []Event   `json:"events"`
}

// Event is a stored event without its metadata.
type Event struct {
	Position    int64           `json:"position"`
	ID          uuid.UUID       `json:"event_id"`
	Version     int64           `json:"version"`
	Type        string          `json:"type"`
	Schema      int             `json:"schema"`
	Data        json.RawMessage `json:"data"`
	EffectiveAt time.Time       `json:"effective_at"`
	RecordedAt  time.Time       `json:"recorded_at"`
}

// Log is where a case is captured: *eventstore.Store.
type Log interface {
	Head(ctx context.Context) (eventstore.Head, error)
	ReadStream(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) ([]eventstore.Event, error)
}

// page is how many events are read at once.
const page = 1_000

// Capture reads the history of an account, or ErrNoAccount. Nothing is decoded: what this code cannot read is captured all the same.
func Capture(ctx context.Context, log Log, id uuid.UUID) (Case, error) {
	head, err := log.Head(ctx)
	if err != nil {
		return Case{}, err
	}
	c := Case{Format: Format, AccountID: id, Head: head.Position}
	for {
		events, err := log.ReadStream(ctx, id, int64(len(c.Events)), page)
		if err != nil {
			return Case{}, err
		}
		for _, e := range events {
			if e.StreamType != streamType {
				return Case{}, fmt.Errorf("%w: %s is a %s", ErrNoAccount, id, e.StreamType)
			}
			c.Events = append(c.Events, Event{e.Position, e.ID, e.Version, e.Type, e.Schema, e.Data, e.EffectiveAt, e.RecordedAt})
		}
		if len(events) < page {
			break
		}
	}
	if len(c.Events) == 0 {
		return Case{}, fmt.Errorf("%w: %s", ErrNoAccount, id)
	}
	return c, nil
}

// Stored returns the events as they stand in the log, without metadata.
func (c *Case) Stored() []eventstore.Event {
	stored := make([]eventstore.Event, len(c.Events))
	for i, e := range c.Events {
		stored[i] = eventstore.Event{
			Position: e.Position, ID: e.ID, StreamType: streamType, StreamID: c.AccountID, Version: e.Version, Type: e.Type, Schema: e.Schema,
			Data: e.Data, Metadata: json.RawMessage(`{}`), EffectiveAt: e.EffectiveAt, RecordedAt: e.RecordedAt,
		}
	}
	return stored
}

// Write writes the file, an event a line, so that two cases can be compared.
func (c *Case) Write(w io.Writer) error {
	head := *c
	head.Events = []Event{}
	encoded, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("write the case: %w", err)
	}
	b := append(encoded[:len(encoded)-len("]}")], '\n')
	for i, e := range c.Events {
		line, err := encodeEvent(&e)
		if err != nil {
			return fmt.Errorf("write event %d of the case: %w", e.Position, err)
		}
		if b = append(b, line...); i < len(c.Events)-1 {
			b = append(b, ',')
		}
		b = append(b, '\n')
	}
	_, err = w.Write(append(b, "]}\n"...))
	return err
}

// encodeEvent keeps the payload's bytes, which encoding/json would compact and escape.
func encodeEvent(e *Event) ([]byte, error) {
	bare := *e
	bare.Data = nil
	line, err := json.Marshal(bare)
	if err != nil {
		return nil, err
	}
	const hole = `"data":null` // a type cannot hold it: quotes are escaped in a text
	return bytes.Replace(line, []byte(hole), append([]byte(`"data":`), e.Data...), 1), nil
}

// Read reads a case.
func Read(r io.Reader) (Case, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var c Case
	if err := decoder.Decode(&c); err != nil {
		return Case{}, fmt.Errorf("read the case: %w", err)
	}
	if c.Format != Format {
		return Case{}, fmt.Errorf("read the case: its format is %d, this reads %d", c.Format, Format)
	}
	for i, e := range c.Events {
		if e.Data == nil {
			return Case{}, fmt.Errorf("read the case: its event %d has no data", i+1)
		}
	}
	return c, nil
}
