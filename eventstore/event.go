package eventstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Event is one stored event with its envelope. Times are UTC with microseconds.
type Event struct {
	Position    int64     // place in the whole log, gapless from 1
	ID          uuid.UUID // UUIDv7
	StreamType  string
	StreamID    uuid.UUID
	Version     int64  // place in the stream, gapless from 1
	Type        string // wire name, such as "money.deposited"
	Schema      int    // version of the payload's shape, from 1
	Data        json.RawMessage
	Metadata    json.RawMessage // see Metadata
	EffectiveAt time.Time       // value date: when it counts
	RecordedAt  time.Time       // booking date: when the log learned of it
}

// Metadata says who caused an event and on whose behalf. Every field is optional.
type Metadata struct {
	Actor          string `json:"actor,omitempty"`           // subject of the token
	CorrelationID  string `json:"correlation_id,omitempty"`  // the request that began it all
	CausationID    string `json:"causation_id,omitempty"`    // the message that led to it directly
	IdempotencyKey string `json:"idempotency_key,omitempty"` // the client's key
	Traceparent    string `json:"traceparent,omitempty"`     // W3C trace context
	Client         string `json:"client,omitempty"`          // the calling program
}

// DecodeMetadata reads the metadata of the event.
func (e *Event) DecodeMetadata() (Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(e.Metadata, &m); err != nil {
		return Metadata{}, fmt.Errorf("metadata of event %d: %w", e.Position, err)
	}
	return m, nil
}

// Head is the end of the log.
type Head struct {
	Position   int64     // of the last event; 0 when there is none
	RecordedAt time.Time // of the last event
}

// Next is the booking time of what is appended behind the head now: the clock in the log's precision, microseconds, but
// never before the head's own.
func (h Head) Next(now time.Time) time.Time {
	now = now.UTC().Truncate(time.Microsecond)
	if now.Before(h.RecordedAt) {
		return h.RecordedAt
	}
	return now
}
