package readmodel

import (
	"context"
	"fmt"

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
}

// stamped is a way to the database on which every statement is preceded, in the same round trip, by reading how far the
// projections have come. Each statement sees at least what the one before it saw, so the data is at least that new.
// It serves one reading; freshness is that of its first statement.
type stamped struct {
	pool        *pgxpool.Pool
	projections []string
	freshness   Freshness
	taken       bool
}

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
	if err := results.QueryRow().Scan(&s.freshness.Position, &s.freshness.LagMilliseconds); err != nil {
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
