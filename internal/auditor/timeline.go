package auditor

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
)

const (
	selectTimeline = `SELECT account_id, position, version, event_id, transaction_id, type, amount, currency, balance, held, reference, detail, metadata, effective_at, recorded_at
FROM timeline`
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
}

func scanTimeline(rows pgx.Rows, t *timelineRow) error {
	var metadata []byte
	var transaction *[16]byte
	var amount *int64
	err := rows.Scan((*[16]byte)(&t.AccountID), &t.Position, &t.Version, (*[16]byte)(&t.EventID), &transaction, &t.Type, &amount,
		&t.Currency, &t.Balance, &t.Held, &t.Reference, &t.Detail, &metadata, &t.EffectiveAt, &t.RecordedAt)
	if err != nil {
		return err
	}
	if transaction != nil {
		t.TransactionID = *transaction
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
}

// timelineBook expects one row an event.
type timelineBook struct{ *table[timelineRow] }

func newTimelineBook(found *differences) book {
	key := func(t *timelineRow) (uuid.UUID, int64) { return t.AccountID, t.Position }
	return &timelineBook{newTable(CheckTimeline, found, timelineSQL, key, scanTimeline)}
}

func (b *timelineBook) begin(uuid.UUID) {}

func (b *timelineBook) apply(ctx context.Context, _ *ledger, e *eventstore.Event, _ any, row *timelineRow) error {
	switch {
	case !b.reaches(e.StreamID, e.Version, e.Position):
		return nil
	case b.aside.skipped[e.StreamID][e.Version]:
		return b.allow(ctx, row)
	default:
		return b.expect(ctx, row)
	}
}

func (b *timelineBook) close(context.Context) error { return nil }
