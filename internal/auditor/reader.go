package auditor

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// reader streams rows in order through a cursor of the transaction, several of which can be open at once.
type reader[T any] struct {
	tx     pgx.Tx
	fetch  string
	scan   func(rows pgx.Rows, into *T) error
	buffer []T
	next   int
	ended  bool
}

// newReader declares the cursor that fetch reads from: over everything, or over a range of accounts.
func newReader[T any](ctx context.Context, tx pgx.Tx, all, some, fetch string, within *Range, scan func(pgx.Rows, *T) error) (*reader[T], error) {
	declare, args := all, []any(nil)
	if within != nil {
		// A cursor takes no parameters: they are written into the statement, as uuids.
		declare, args = some, []any{pgx.QueryExecModeSimpleProtocol, within.After.String(), within.Through.String()}
	}
	if _, err := tx.Exec(ctx, declare, args...); err != nil {
		return nil, fmt.Errorf("declare a cursor: %w", err)
	}
	return &reader[T]{tx: tx, fetch: fetch, scan: scan}, nil
}

// peek returns the next row without passing it, nil at the end. It is good until the next call of peek.
func (r *reader[T]) peek(ctx context.Context) (*T, error) {
	if r.next == len(r.buffer) && !r.ended {
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
	}
	if r.next == len(r.buffer) {
		return nil, nil
	}
	return &r.buffer[r.next], nil
}

// pass goes behind the row that peek has returned.
func (r *reader[T]) pass() { r.next++ }

func (r *reader[T]) fill(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, r.fetch)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	defer rows.Close()
	r.buffer, r.next = r.buffer[:0], 0
	for rows.Next() {
		r.buffer = append(r.buffer, *new(T))
		if err := r.scan(rows, &r.buffer[len(r.buffer)-1]); err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
	}
	r.ended = len(r.buffer) == 0
	return rows.Err()
}
