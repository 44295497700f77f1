package readmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel/internal/db"
)

// Freshness says how new an answer is.
type Freshness struct {
	// Position: the answer contains the effects of every event up to it, and perhaps of later ones.
	Position int64
	// LagMilliseconds is the age of the oldest event that was not applied yet, 0 when there was none.
	LagMilliseconds int64
	// StaleSince is set when some of the data is of a parked account: when the first event was recorded that it does not show.
	// Position lies in front of that event.
	StaleSince time.Time

	parked bool // some account is, perhaps none of these
}

// staleness is what the data of a parked account lacks: everything from an event on. It is zero for an account that is not.
type staleness struct {
	Position int64
	Since    time.Time
}

// of is the freshness of data with what this account lacks.
func (f Freshness) of(stale staleness) Freshness {
	if stale.Position == 0 {
		return f
	}
	f.Position = min(f.Position, stale.Position-1)
	if f.StaleSince.IsZero() || stale.Since.Before(f.StaleSince) {
		f.StaleSince = stale.Since
	}
	f.LagMilliseconds = max(f.LagMilliseconds, time.Since(f.StaleSince).Milliseconds())
	return f
}

// ErrParked means that the account is there and cannot be shown: its first event cannot be applied.
var ErrParked = errors.New("parked")

// unlessParked tells an account that is not there from one that cannot be shown.
func (q *Queries) unlessParked(ctx context.Context, id uuid.UUID, absent error) error {
	list, err := ListParked(ctx, q.pool, Balances, id)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Live {
			return fmt.Errorf("account %s since %s: %w", id, p.StaleSince, ErrParked)
		}
	}
	return absent
}

// stamped is a way to the database on which every statement is preceded, in the same round trip, by reading how far the
// projections have come. Each statement sees at least what the one before it saw, so the data is at least that new.
// It serves one reading; freshness is that of its first statement.
type stamped struct {
	pool        *pgxpool.Pool
	projections []string
	freshness   Freshness
	parked      map[uuid.UUID]staleness
	taken       bool
}

// of is the freshness of one account's data.
func (s *stamped) of(id uuid.UUID) Freshness { return s.freshness.of(s.parked[id]) }

// stamp returns statements whose data is of the projections.
func (q *Queries) stamp(projections ...string) (*db.Queries, *stamped) {
	s := &stamped{pool: q.pool, projections: projections}
	return db.New(s), s
}

// Query implements db.DBTX.
func (s *stamped) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if s.taken {
		return s.pool.Query(ctx, sql, args...)
	}
	batch := &pgx.Batch{}
	batch.Queue(db.Freshness, s.projections)
	batch.Queue(sql, args...)
	results := s.pool.SendBatch(ctx, batch)
	if err := s.scan(results.QueryRow()); err != nil {
		_ = results.Close() // it repeats the error
		return nil, fmt.Errorf("read the freshness: %w", err)
	}
	s.taken = true
	rows, err := results.Query()
	if err != nil {
		_ = results.Close() // it repeats the error
		return nil, err
	}
	return &batchRows{rows, results}, nil
}

func (s *stamped) scan(row pgx.Row) error {
	var encoded []byte
	if err := row.Scan(&s.freshness.Position, &s.freshness.LagMilliseconds, &encoded); err != nil || encoded == nil {
		return err
	}
	var list []struct {
		AccountID uuid.UUID
		staleness
	}
	if err := json.Unmarshal(encoded, &list); err != nil {
		return err
	}
	s.parked = make(map[uuid.UUID]staleness, len(list))
	for _, p := range list { // of two projections the one that lacks more
		if other, again := s.parked[p.AccountID]; !again || p.Position < other.Position {
			s.parked[p.AccountID] = p.staleness
		}
	}
	return nil
}

// QueryRow implements db.DBTX.
func (s *stamped) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := s.Query(ctx, sql, args...)
	return &onlyRow{rows, err}
}

// Exec implements db.DBTX. Nothing that reads calls it.
func (s *stamped) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	panic("readmodel: a query writes")
}

// batchRows gives the connection back with the last rows.
type batchRows struct {
	pgx.Rows
	results pgx.BatchResults
}

// Close implements pgx.Rows.
func (r *batchRows) Close() {
	r.Rows.Close()
	_ = r.results.Close() // an error of the rows is in Err
}

// onlyRow is the first of the rows.
type onlyRow struct {
	rows pgx.Rows
	err  error
}

// Scan implements pgx.Row.
func (r *onlyRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
