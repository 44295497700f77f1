package readmodel

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel/internal/db"
)

// Direction of a movement.
const (
	DirectionIn   = "in"
	DirectionOut  = "out"
	DirectionNone = "none" // no money moved
)

// TimelineRow is one thing that happened on an account.
type TimelineRow struct {
	AccountID               uuid.UUID
	Position, Version       int64
	EventID                 uuid.UUID
	TransactionID           *uuid.UUID // nil where no money moved
	Type                    string     // see TimelineTypes
	Direction               string
	Amount                  *int64 // positive minor units; nil where no money moved
	Currency                string
	Balance, Held           int64 // after it
	Reference               string
	Description             string // for people
	Detail                  string // source, channel, reason, rate and period, or the names of changed settings
	Metadata                map[string]string
	EffectiveAt, RecordedAt time.Time

	HeldChange     *int64     // signed: what it added to what is held; nil where it changed nothing
	CounterpartyID *uuid.UUID // the other account of a transfer, or of its reversal
	HoldID         *uuid.UUID
	ReversesID     *uuid.UUID // the transaction that this one undoes
	PaymentID      *uuid.UUID
	ReversedAmount int64       // how much of it was undone
	Reversals      []uuid.UUID // the transactions that did, the first hundred; not of rows read by transaction
}

// TimelineFilter picks rows of one account; empty fields pick all.
type TimelineFilter struct {
	AccountID uuid.UUID
	Types     []string
	Direction string     // in, out or empty
	From, To  *time.Time // by booking time: From <= t < To
	Limit     int        // at most 1,000
	Before    int64      // the position the page ends before, which is that of the last row seen; 0 for the newest
}

func (f TimelineFilter) plain() bool {
	return len(f.Types) == 0 && f.Direction == "" && f.From == nil && f.To == nil
}

// Timeline returns a page of an account's rows, newest first, and whether there is more behind it. An account that is not
// known has none.
func (q *Queries) Timeline(ctx context.Context, f TimelineFilter) ([]TimelineRow, bool, Freshness, error) {
	statements, stamp := q.stamp(Timeline)
	limit := pageLimit(f.Limit)
	stored, err := listTimeline(ctx, statements, f, limit)
	if err != nil {
		return nil, false, stamp.freshness, fmt.Errorf("read the timeline of account %s: %w", f.AccountID, err)
	}
	stored, more := page(stored, limit)
	rows := make([]TimelineRow, len(stored))
	for i, row := range stored {
		if rows[i], err = newTimelineRow(row.ReadmodelTimeline); err != nil {
			return nil, false, stamp.freshness, err
		}
		rows[i].ReversedAmount, rows[i].Reversals = row.ReversedAmount, row.Reversals
	}
	return rows, more, stamp.of(f.AccountID), nil
}

func listTimeline(ctx context.Context, q *db.Queries, f TimelineFilter, limit int) ([]db.TimelinePageRow, error) {
	before := f.Before
	if before <= 0 {
		before = math.MaxInt64
	}
	if f.plain() {
		return q.TimelinePage(ctx, db.TimelinePageParams{AccountID: f.AccountID, Before: before, RowLimit: limit})
	}
	filtered := db.TimelineFilteredParams{
		AccountID: f.AccountID, Before: before, RecordedFrom: f.From, RecordedTo: f.To, Types: f.Types, Direction: f.Direction, RowLimit: limit,
	}
	if filtered.Types == nil {
		filtered.Types = []string{} // a NULL array has no cardinality
	}
	found, err := q.TimelineFiltered(ctx, filtered)
	rows := make([]db.TimelinePageRow, len(found))
	for i, row := range found {
		rows[i] = db.TimelinePageRow(row)
	}
	return rows, err
}

func newTimelineRow(row db.ReadmodelTimeline) (TimelineRow, error) {
	metadata, err := decodeMetadata(row.Metadata)
	if err != nil {
		return TimelineRow{}, fmt.Errorf("metadata of event %d: %w", row.Position, err)
	}
	direction, amount := unsigned(row.Amount)
	return TimelineRow{
		AccountID: row.AccountID, Position: row.Position, Version: row.Version, EventID: row.EventID, TransactionID: row.TransactionID,
		Type: row.Type, Direction: direction, Amount: amount, Currency: row.Currency, Balance: row.Balance, Held: row.Held,
		Reference: row.Reference, Description: describe(row), Detail: row.Detail, Metadata: metadata,
		EffectiveAt: row.EffectiveAt.UTC(), RecordedAt: row.RecordedAt.UTC(),
		HeldChange: row.HeldChange, CounterpartyID: row.CounterpartyID, HoldID: row.HoldID, ReversesID: row.ReversesID, PaymentID: row.PaymentID,
	}, nil
}

func unsigned(signed *int64) (direction string, amount *int64) {
	switch {
	case signed == nil:
		return DirectionNone, nil
	case *signed < 0:
		positive := -*signed
		return DirectionOut, &positive
	default:
		return DirectionIn, signed
	}
}

// titles are the descriptions, which a row's detail completes.
var titles = map[string]string{
	TypeOpened: "Account opened", TypeDeposit: "Deposit", TypeWithdrawal: "Withdrawal", TypeFee: "Fee", TypeInterest: "Interest",
	TypeFrozen: "Account frozen", TypeUnfrozen: "Account unfrozen", TypeClosed: "Account closed", TypeReopened: "Account reopened",
	TypeSettingsChanged: "Settings changed", TypeTransferOut: "Transfer sent", TypeTransferIn: "Transfer received", TypeReversal: "Reversal",
	TypeHoldPlaced: "Hold placed", TypeHoldCaptured: "Hold captured", TypeHoldReleased: "Hold released", TypeHoldExtended: "Hold extended",
	TypeHoldExpired: "Hold expired",
}

// ofPayments are the descriptions of what becomes of the hold of a payment.
var ofPayments = map[string]string{
	TypeHoldPlaced: "Held for a payment", TypeHoldCaptured: "Payment", TypeHoldReleased: "Given back",
}

func describe(row db.ReadmodelTimeline) string {
	title := titles[row.Type]
	if own, ok := ofPayments[row.Type]; ok && row.PaymentID != nil {
		title = own
	}
	if row.Detail == "" {
		return title
	}
	return title + ": " + row.Detail
}
