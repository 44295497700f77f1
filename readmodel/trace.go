package readmodel

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
	"passbook/readmodel/internal/db"
)

// Trace is the way of one event as far as it is known.
type Trace struct {
	Event   eventstore.Event
	Relayed Reached   // carried to the stream, by the marks; the stream itself knows it exactly
	Applied []Reached // by each generation of each projection
}

// Reached is when a subject reached a position. From marks it is known that this was behind NotBefore and at By at the latest; when
// both are known they are half a second apart in the last hour, a minute in the last week. Exact: the mark is of that very position.
type Reached struct {
	Subject    string    `json:"subject"`
	Generation int       `json:"generation,omitempty"`
	Live       bool      `json:"live"`
	Reached    bool      `json:"reached"`
	Parked     bool      `json:"parked,omitempty"` // it is past the position, but has set the event's account aside: the event waits
	Position   int64     `json:"position"`         // where the subject is now; of the relay: of its last mark
	NotBefore  time.Time `json:"not_before,omitzero"`
	By         time.Time `json:"by,omitzero"`
	Exact      bool      `json:"exact"`
}

// ErrReference means that a reference is neither a position nor an id.
var ErrReference = errors.New("neither a position of the log nor the id of an event or transaction")

// Around the time in an id: how long before it was recorded an event may get its id, and after.
const (
	namedBefore = 2 * time.Second
	namedAfter  = 30 * time.Second
)

// Find returns the events that a reference names: a position, an event id or a transaction id. The log has an index on transactions
// and none on event ids, which would cost every append; but ids hold the time at which they were made, and the log is in the order
// of time. When nothing is found around that time the whole log is read, which calls slow first.
func (q *Queries) Find(ctx context.Context, reference string, slow func(events int64)) ([]eventstore.Event, error) {
	if position, err := strconv.ParseInt(reference, 10, 64); err == nil && position > 0 {
		events, err := eventstore.New(q.pool).ReadLog(ctx, position-1, 1)
		if err != nil {
			return nil, err
		}
		if len(events) == 0 {
			return nil, fmt.Errorf("event %d: %w", position, ErrNotFound)
		}
		return events, nil
	}
	id, err := uuid.Parse(reference)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", reference, ErrReference)
	}
	return q.named(ctx, id, slow)
}

func (q *Queries) named(ctx context.Context, id uuid.UUID, slow func(events int64)) ([]eventstore.Event, error) {
	transaction, err := db.New(q.pool).EventsOfTransaction(ctx, id.String())
	if err != nil {
		return nil, fmt.Errorf("find transaction %s: %w", id, err)
	}
	if len(transaction) > 0 {
		named := make([]db.EventsNamedRow, len(transaction))
		for i, row := range transaction {
			named[i] = db.EventsNamedRow(row)
		}
		return eventsOf(named), nil
	}
	var made time.Time
	if id.Version() == 7 {
		made = time.Unix(id.Time().UnixTime())
	}
	around, err := db.New(q.pool).PositionsBetween(ctx, db.PositionsBetweenParams{Earliest: made.Add(-namedBefore), Latest: made.Add(namedAfter)})
	if err != nil {
		return nil, fmt.Errorf("find the time of %s in the log: %w", id, err)
	}
	found, err := q.eventsNamed(ctx, id, around.After, around.Through)
	if err != nil || len(found) > 0 {
		return found, err
	}
	slow(around.Head)
	if found, err = q.eventsNamed(ctx, id, 0, around.Head); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no event and no transaction %s: %w", id, ErrNotFound)
	}
	return found, nil
}

func (q *Queries) eventsNamed(ctx context.Context, id uuid.UUID, after, through int64) ([]eventstore.Event, error) {
	rows, err := db.New(q.pool).EventsNamed(ctx, db.EventsNamedParams{EventID: id, After: after, Through: through})
	if err != nil {
		return nil, fmt.Errorf("find events named %s: %w", id, err)
	}
	return eventsOf(rows), nil
}

func eventsOf(rows []db.EventsNamedRow) []eventstore.Event {
	events := make([]eventstore.Event, len(rows))
	for i, row := range rows {
		events[i] = eventstore.Event{
			Position: row.Position, ID: row.EventID, StreamType: row.StreamType, StreamID: row.StreamID, Version: row.Version,
			Type: row.Type, Schema: int(row.Schema), Data: row.Data, Metadata: row.Metadata,
			EffectiveAt: row.EffectiveAt.UTC(), RecordedAt: row.RecordedAt.UTC(),
		}
	}
	return events
}

// Trace finds out how far the event has come.
func (q *Queries) Trace(ctx context.Context, e eventstore.Event) (Trace, error) {
	rows, err := db.New(q.pool).MarksAround(ctx, db.MarksAroundParams{Position: e.Position, AccountID: e.StreamID, Version: e.Version})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Trace{}, fmt.Errorf("read the marks around %d: %w", e.Position, err)
	}
	trace := Trace{Event: e, Applied: []Reached{}}
	for _, row := range rows {
		r := Reached{
			Subject: row.Subject, Generation: row.Generation, Live: row.Live, Position: row.Position, Reached: row.Position >= e.Position && !row.Parked, Parked: row.Parked,
		}
		if r.Reached {
			r.NotBefore = e.RecordedAt // nothing is applied before it is there
			if before := row.BeforeAt.UTC(); before.After(r.NotBefore) {
				r.NotBefore = before
			}
			if row.AfterPosition > 0 {
				r.By, r.Exact = row.AfterAt.UTC(), row.AfterPosition == e.Position
			}
		}
		if row.Subject == "relay" {
			trace.Relayed = r
		} else {
			trace.Applied = append(trace.Applied, r)
		}
	}
	return trace, nil
}
