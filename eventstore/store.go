package eventstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ReadMax is the largest number of events one read returns.
const ReadMax = 10_000

// Store is the log in one Postgres database. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
}

// New returns the store behind the pool. The pool stays the caller's to close.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// querier is what reading needs of a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const eventColumns = `position, event_id, stream_type, stream_id, version, type, schema, data, metadata, effective_at, recorded_at`

const (
	selectHead   = `SELECT position, recorded_at, event_id FROM log_head`
	selectLog    = `SELECT ` + eventColumns + ` FROM events WHERE position > $1 ORDER BY position LIMIT $2`
	selectStream = `SELECT ` + eventColumns + ` FROM events WHERE stream_id = $1 AND version > $2 ORDER BY version LIMIT $3`
)

// Head returns the end of the log.
func (s *Store) Head(ctx context.Context) (Head, error) { return readHead(ctx, s.pool, selectHead) }

func readHead(ctx context.Context, q querier, sql string) (Head, error) {
	var head Head
	if err := q.QueryRow(ctx, sql).Scan(&head.Position, &head.RecordedAt, (*[16]byte)(&head.EventID)); err != nil {
		return Head{}, fmt.Errorf("read the head of the log: %w", err)
	}
	head.RecordedAt = head.RecordedAt.UTC()
	return head, nil
}

// ReadLog returns up to limit events (at most ReadMax) after the position, in log order, without a gap. Fewer than limit
// means that the log ended there when it was read.
func (s *Store) ReadLog(ctx context.Context, after int64, limit int) ([]Event, error) {
	return readLog(ctx, s.pool, after, limit)
}

func readLog(ctx context.Context, q querier, after int64, limit int) ([]Event, error) {
	limit = min(limit, ReadMax)
	events, err := collect(ctx, q, min(limit, readFirst), selectLog, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the log after %d: %w", after, err)
	}
	for i := range events {
		if want := after + 1 + int64(i); events[i].Position != want {
			return nil, fmt.Errorf("the log has a gap: event %d stands where %d should", events[i].Position, want)
		}
	}
	return events, nil
}

// ReadStream returns up to limit events (at most ReadMax) of one stream after the version, in order. A stream that does not
// exist is empty.
func (s *Store) ReadStream(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) ([]Event, error) {
	limit = min(limit, ReadMax)
	events, err := collect(ctx, s.pool, min(limit, readFirst), selectStream, id, afterVersion, limit)
	if err != nil {
		return nil, fmt.Errorf("read stream %s after version %d: %w", id, afterVersion, err)
	}
	return events, nil
}

// readFirst is for how many events a read makes room to begin with: many that may come are few most of the time.
const readFirst = 128

func collect(ctx context.Context, q querier, capacity int, sql string, args ...any) ([]Event, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	events := make([]Event, 0, capacity)
	for rows.Next() {
		events = append(events, Event{})
		if err := scanEvent(rows, &events[len(events)-1]); err != nil {
			return nil, err
		}
	}
	return events, rows.Err()
}

// scanEvent reads the eventColumns. The conversions keep pgx on its typed paths: no reflection, no text.
func scanEvent(rows pgx.Rows, e *Event) error {
	err := rows.Scan(&e.Position, (*[16]byte)(&e.ID), &e.StreamType, (*[16]byte)(&e.StreamID), &e.Version, &e.Type, &e.Schema,
		(*[]byte)(&e.Data), (*[]byte)(&e.Metadata), &e.EffectiveAt, &e.RecordedAt)
	if err != nil {
		return err
	}
	e.EffectiveAt, e.RecordedAt = e.EffectiveAt.UTC(), e.RecordedAt.UTC()
	return nil
}

// raw gives ids in the form that pgx sends as they are; uuid.UUID goes through text.
func raw(ids []uuid.UUID) [][16]byte {
	bytes := make([][16]byte, len(ids))
	for i, id := range ids {
		bytes[i] = id
	}
	return bytes
}
