package readmodel

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/readmodel/internal/db"
)

// ErrNotFound means that the read models know no such account, or knew none at the time asked about.
var ErrNotFound = errors.New("not found")

// Queries reads the read models. It is safe for concurrent use. A pool of the role passbook_query is enough; every error
// that is not named here is the database's.
type Queries struct {
	pool    *pgxpool.Pool
	lookups lookups
	waiters waiters
	trial   chan struct{} // held by who adds up the books
}

// NewQueries returns the read side behind the pool, which stays the caller's to close.
func NewQueries(pool *pgxpool.Pool) *Queries {
	q := &Queries{pool: pool, lookups: lookups{ask: asker(pool)}, trial: make(chan struct{}, 1)}
	q.waiters.turn = make(chan struct{}, 1)
	return q
}

// Run lets reads that wait at the same time share statements, until ctx is done: see Account. Before and after, each goes by
// itself. It always returns nil.
func (q *Queries) Run(ctx context.Context) error {
	q.lookups.run(ctx)
	return nil
}

// notFound gives the absence of a row its meaning.
func notFound(what string, id uuid.UUID, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s %s: %w", what, id, ErrNotFound)
	}
	return fmt.Errorf("read %s %s: %w", what, id, err)
}

// limitMax bounds every list.
const limitMax = 1_000

// pageLimit is one more than asked for, which tells whether there is more.
func pageLimit(limit int) int { return min(max(limit, 1), limitMax) + 1 }

// page cuts the row that only tells that there is more.
func page[T any](rows []T, limit int) ([]T, bool) {
	if len(rows) == limit {
		return rows[:limit-1], true
	}
	return rows, false
}

// Events returns the raw events of an account after a version, oldest first, as they are stored. It reads the log itself, so
// it has no freshness: it is never behind. An account without events is ErrNotFound.
func (q *Queries) Events(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) ([]eventstore.Event, bool, error) {
	arg := db.AccountEventsParams{StreamID: id, AfterVersion: afterVersion, RowLimit: pageLimit(limit)}
	rows, err := db.New(q.pool).AccountEvents(ctx, arg)
	if err == nil && len(rows) == 0 && afterVersion <= 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return nil, false, notFound("events of account", id, err)
	}
	rows, more := page(rows, arg.RowLimit)
	events := make([]eventstore.Event, len(rows))
	for i, row := range rows {
		events[i] = eventstore.Event{
			Position: row.Position, ID: row.EventID, StreamType: row.StreamType, StreamID: row.StreamID, Version: row.Version,
			Type: row.Type, Schema: int(row.Schema), Data: row.Data, Metadata: row.Metadata,
			EffectiveAt: row.EffectiveAt.UTC(), RecordedAt: row.RecordedAt.UTC(),
		}
	}
	return events, more, nil
}
