package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/readmodel/internal/db"
)

// Transport is the JetStream stream as somebody saw it.
type Transport struct {
	ObservedAt    time.Time        `json:"observed_at,omitzero"` // zero: never
	Observer      string           `json:"observer,omitempty"`
	Found         bool             `json:"found"`           // there is a stream
	Cause         string           `json:"cause,omitempty"` // why it could not be seen
	Messages      uint64           `json:"messages"`
	Bytes         uint64           `json:"bytes"`
	FirstSequence uint64           `json:"first_sequence"`
	LastSequence  uint64           `json:"last_sequence"`
	Position      int64            `json:"position"` // in the log, of the last message; 0 when there is none
	EventID       uuid.UUID        `json:"event_id"` // of the last message
	StoredAt      time.Time        `json:"stored_at,omitzero"`
	Consumers     []StreamConsumer `json:"consumers"`
}

// StreamConsumer is a durable consumer of the stream: the place of a projector, as the broker keeps it.
type StreamConsumer struct {
	Name         string `json:"name"`
	Pending      uint64 `json:"pending"`       // messages not delivered yet
	Unconfirmed  int    `json:"unconfirmed"`   // delivered, not acknowledged
	Redelivered  int    `json:"redelivered"`   // of those, delivered more than once
	AckSequence  uint64 `json:"ack_sequence"`  // everything up to it is acknowledged
	LastSequence uint64 `json:"last_sequence"` // delivered last
}

// Message is where an event stands in the stream.
type Message struct {
	Position int64     `json:"position"`
	EventID  uuid.UUID `json:"event_id"`
	Sequence uint64    `json:"sequence"`
	StoredAt time.Time `json:"stored_at"`
	Epoch    string    `json:"relay_epoch"` // of the relay that published it
}

// Stream is what can be looked at: *feed.Feed.
type Stream interface {
	// Inspect returns the present state. That there is no stream is no error.
	Inspect(ctx context.Context) (Transport, error)
}

// transportFresh is how old an observation of the stream may be and still count.
const transportFresh = 15 * time.Second

// See replaces what was recorded of the stream by what the caller sees of it now.
func (q *Queries) See(ctx context.Context, s *Status, seen Transport) error {
	return q.see(ctx, s, seen)
}

// see works out how far the log has been carried. The stream's last message is held against the log: a position alone
// would call a stream of another history complete.
func (q *Queries) see(ctx context.Context, s *Status, seen Transport) error {
	r := &s.Relay
	r.Stream, r.Position = seen, seen.Position
	switch {
	case seen.ObservedAt.IsZero() || s.ReadAt.Sub(seen.ObservedAt) > transportFresh:
		r.State = RelayUnknown
		if seen.ObservedAt.IsZero() {
			r.Stream.Cause = "no projector has looked at it"
		}
	case seen.Cause != "":
		r.State = RelayUnknown
	case !seen.Found:
		r.State = RelayMissing
	default:
		r.State = RelayLive
	}
	if r.State == RelayLive && seen.Position > 0 {
		if err := q.compare(ctx, s, seen); err != nil {
			return err
		}
	}
	return q.lagOfRelay(ctx, s)
}

// compare finds out whether the stream is of this log. The observation may be older than the head just read, never newer than
// the log is now.
func (q *Queries) compare(ctx context.Context, s *Status, seen Transport) error {
	at, err := db.New(q.pool).EventAt(ctx, seen.Position)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		s.Relay.State = RelayForeign
		s.Relay.Stream.Cause = fmt.Sprintf("its last message has position %d, past the end of the log", seen.Position)
	case err != nil:
		return fmt.Errorf("read the event at the end of the stream: %w", err)
	case at.EventID != seen.EventID:
		s.Relay.State = RelayForeign
		s.Relay.Stream.Cause = fmt.Sprintf("event %d is %s in the log and %s in the stream", seen.Position, at.EventID, seen.EventID)
	}
	return nil
}

func (q *Queries) lagOfRelay(ctx context.Context, s *Status) error {
	r := &s.Relay
	r.LagEvents, r.LagMilliseconds = max(0, s.Head-r.Position), 0
	if r.LagEvents == 0 {
		return nil
	}
	next, err := db.New(q.pool).EventAt(ctx, r.Position+1)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("read the event behind the stream: %w", err)
	}
	r.LagMilliseconds = max(1, s.ReadAt.Sub(next.RecordedAt).Milliseconds())
	if r.State == RelayLive && time.Duration(r.LagMilliseconds)*time.Millisecond > liveLag {
		r.State = RelayCatchingUp
	}
	return nil
}
