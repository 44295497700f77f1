package eventstore

import (
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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
	Client         string `json:"client,omitempty"`          // the program the token was issued to; of old events what the program called itself, where the token did not say
	UserAgent      string `json:"user_agent,omitempty"`      // what the program called itself
	Address        string `json:"address,omitempty"`         // the IP address that the request came from
}

// AppendJSON appends the metadata as a JSON object, without the empty fields. What is not UTF-8 becomes U+FFFD. It is written by
// hand because every command passes it.
func (m *Metadata) AppendJSON(dst []byte) []byte {
	separator := byte('{')
	for _, field := range [...]struct{ name, value string }{
		{`"actor":`, m.Actor}, {`"correlation_id":`, m.CorrelationID}, {`"causation_id":`, m.CausationID},
		{`"idempotency_key":`, m.IdempotencyKey}, {`"traceparent":`, m.Traceparent}, {`"client":`, m.Client},
		{`"user_agent":`, m.UserAgent}, {`"address":`, m.Address},
	} {
		if field.value == "" {
			continue
		}
		dst = append(append(dst, separator), field.name...)
		dst, _ = jsontext.AppendQuote(dst, field.value) // the error is about what is not UTF-8, which is replaced
		separator = ','
	}
	if separator == '{' {
		dst = append(dst, separator)
	}
	return append(dst, '}')
}

// lenient: what was once stored is read, though it be odd.
var lenient = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// DecodeMetadata reads the metadata of the event. Fields it does not know are ignored.
func (e *Event) DecodeMetadata() (Metadata, error) {
	var m Metadata
	if err := jsonv2.Unmarshal(e.Metadata, &m, lenient); err != nil {
		return Metadata{}, fmt.Errorf("metadata of event %d: %w", e.Position, err)
	}
	return m, nil
}

// Head is the end of the log.
type Head struct {
	Position   int64     // of the last event; 0 when there is none
	RecordedAt time.Time // of the last event, or of what was answered since
	EventID    uuid.UUID // of the last event; zero when there is none
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
