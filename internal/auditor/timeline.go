package auditor

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	selectTimeline = `SELECT account_id, position, version, event_id, transaction_id, type, amount, currency, balance, held, reference, detail, metadata, effective_at, recorded_at,
    held_change, counterparty_id, hold_id, reverses_id, payment_id FROM timeline`
	orderTimeline = ` ORDER BY account_id, position`
)

var timelineSQL = tableSQL{
	lock:    `LOCK TABLE timeline IN ACCESS SHARE MODE`,
	declare: `DECLARE audited_timeline NO SCROLL CURSOR FOR ` + selectTimeline + orderTimeline,
	within:  `DECLARE audited_timeline NO SCROLL CURSOR FOR ` + selectTimeline + ` WHERE account_id > $1 AND account_id <= $2` + orderTimeline,
	fetch:   `FETCH FORWARD 2000 FROM audited_timeline`,
}

// timelineRow is what readmodel.timeline should say, or says. Amount is signed; Moved is whether there is one.
type timelineRow struct {
	AccountID               uuid.UUID
	Position, Version       int64
	EventID, TransactionID  uuid.UUID // TransactionID is Nil where no money moved
	Type                    string
	Moved                   bool
	Amount                  int64
	Currency                string
	Balance, Held           int64
	Reference, Detail       string
	Metadata                string
	EffectiveAt, RecordedAt time.Time

	HeldChange                        int64     // 0 where there is none
	Counterparty, Hold, Reverses, Pay uuid.UUID // Nil where there is none
}

func scanTimeline(rows pgx.Rows, t *timelineRow) error {
	var metadata []byte
	var transaction, counterparty, hold, reverses, payment *[16]byte
	var amount, heldChange *int64
	err := rows.Scan((*[16]byte)(&t.AccountID), &t.Position, &t.Version, (*[16]byte)(&t.EventID), &transaction, &t.Type, &amount,
		&t.Currency, &t.Balance, &t.Held, &t.Reference, &t.Detail, &metadata, &t.EffectiveAt, &t.RecordedAt,
		&heldChange, &counterparty, &hold, &reverses, &payment)
	if err != nil {
		return err
	}
	t.TransactionID, t.Counterparty, t.Hold, t.Reverses, t.Pay = orNil(transaction), orNil(counterparty), orNil(hold), orNil(reverses), orNil(payment)
	if heldChange != nil {
		t.HeldChange = *heldChange
	}
	if amount != nil {
		t.Moved, t.Amount = true, *amount
	}
	t.EffectiveAt, t.RecordedAt = t.EffectiveAt.UTC(), t.RecordedAt.UTC()
	t.Metadata, err = canonical(metadata)
	return err
}

// canonical appends the row as its hash sees it: see docs/operations.md.
func (t *timelineRow) canonical(to *canonicalRow) {
	to.text(t.AccountID.String())
	to.numbers(t.Position, t.Version)
	to.text(t.EventID.String())
	if t.Moved {
		to.text(t.TransactionID.String(), t.Type)
		to.numbers(t.Amount)
	} else {
		to.null()
		to.text(t.Type)
		to.null()
	}
	to.text(t.Currency)
	to.numbers(t.Balance, t.Held)
	to.text(t.Reference, t.Detail)
	to.object(t.Metadata)
	to.times(t.EffectiveAt, t.RecordedAt)
	if t.HeldChange != 0 {
		to.numbers(t.HeldChange)
	} else {
		to.null()
	}
	to.ids(t.Counterparty, t.Hold, t.Reverses, t.Pay)
}

// orNil is Nil for null.
func orNil(id *[16]byte) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

// timelineBook expects one row an event.
type timelineBook struct{ *table[timelineRow] }

func newTimelineBook(found *differences) book {
	key := func(t *timelineRow) rowKey {
		return rowKey{stream: t.AccountID, position: t.Position, at: t.Position}
	}
	return &timelineBook{newTable(CheckTimeline, found, timelineSQL, key, scanTimeline)}
}

func (b *timelineBook) begin(uuid.UUID) {}

func (b *timelineBook) apply(ctx context.Context, e *posting) error {
	switch {
	case !b.reaches(e.StreamID, e.Version, e.Position):
		return nil
	case b.aside.skipped[e.StreamID][e.Version]:
		return b.allow(ctx, e.row)
	default:
		return b.expect(ctx, e.row)
	}
}

func (b *timelineBook) close(context.Context) error { return nil }
