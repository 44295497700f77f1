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

// Hold is an amount set aside on an account, in minor units. Amount is Captured, Remaining and Released together.
type Hold struct {
	ID, AccountID       uuid.UUID
	PaymentID           *uuid.UUID // the payment it belongs to, if it does
	Amount              int64
	Captured            int64 // paid out
	Remaining           int64 // still held
	Released            int64 // given back
	Currency            string
	Status              string // see the Hold constants
	Reference, Reason   string // Reason is of the release
	Metadata            map[string]string
	Version, Position   int64 // of the last event about it, on the account and in the log
	PlacedAt, UpdatedAt time.Time
	ExpiresAt           *time.Time // nil: never
}

// HoldFilter picks holds of one account; an empty status picks all.
type HoldFilter struct {
	AccountID uuid.UUID
	Status    string
	Limit     int       // at most 1,000
	Before    uuid.UUID // the hold behind which the page begins; Nil for the newest
}

// Hold returns one hold, or ErrNotFound.
func (q *Queries) Hold(ctx context.Context, id uuid.UUID) (Hold, Freshness, error) {
	statements, stamp := q.stamp(Holds)
	row, err := statements.HoldByID(ctx, id)
	if err != nil {
		return Hold{}, stamp.missing(err), notFound("hold", id, err)
	}
	h, err := newHold(row)
	return h, stamp.of(h.AccountID), err
}

// HoldsOf returns a page of an account's holds, newest first, and whether there is more behind it. An account that is not known has none.
func (q *Queries) HoldsOf(ctx context.Context, f HoldFilter) ([]Hold, bool, Freshness, error) {
	statements, stamp := q.stamp(Holds)
	limit, before := pageLimit(f.Limit), beforeID(f.Before)
	var rows []db.ReadmodelHold
	var err error
	if f.Status == HoldPlaced {
		rows, err = statements.OpenHoldsOfAccount(ctx, db.OpenHoldsOfAccountParams{AccountID: f.AccountID, Before: before, RowLimit: limit})
	} else {
		rows, err = statements.HoldsOfAccount(ctx, db.HoldsOfAccountParams{AccountID: f.AccountID, Before: before, Status: f.Status, RowLimit: limit})
	}
	if err != nil {
		return nil, false, stamp.freshness, fmt.Errorf("list holds of account %s: %w", f.AccountID, err)
	}
	rows, more := page(rows, limit)
	holds := make([]Hold, len(rows))
	for i, row := range rows {
		if holds[i], err = newHold(row); err != nil {
			return nil, false, stamp.freshness, err
		}
	}
	return holds, more, stamp.of(f.AccountID), nil
}

// beforeID begins a list that goes from the largest id downwards.
func beforeID(id uuid.UUID) uuid.UUID {
	if id == uuid.Nil {
		return uuid.Max
	}
	return id
}

func newHold(row db.ReadmodelHold) (Hold, error) {
	metadata, err := decodeMetadata(row.Metadata)
	if err != nil {
		return Hold{}, fmt.Errorf("metadata of hold %s: %w", row.HoldID, err)
	}
	return Hold{
		ID: row.HoldID, AccountID: row.AccountID, PaymentID: row.PaymentID, Amount: row.Amount, Captured: row.Captured,
		Remaining: row.Remaining, Released: row.Released, Currency: row.Currency, Status: row.Status, Reference: row.Reference,
		Reason: row.Reason, Metadata: metadata, Version: row.Version, Position: row.Position,
		PlacedAt: row.PlacedAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(), ExpiresAt: utc(row.ExpiresAt),
	}, nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	in := t.UTC()
	return &in
}

// missing is the freshness of what was not found.
func (s *stamped) missing(err error) Freshness {
	if errors.Is(err, pgx.ErrNoRows) {
		return s.unknown()
	}
	return s.freshness
}

// unknown is the freshness of what is in none of the rows: it may be something of any that is parked.
func (s *stamped) unknown() Freshness {
	fresh := s.freshness
	for _, stale := range s.parked {
		fresh = fresh.of(stale)
	}
	return fresh
}
