package auditor

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
)

const (
	// lockTables comes before the snapshot: otherwise a switch of generations could put other tables under their names after it.
	lockTables = `LOCK TABLE readmodel.balances, readmodel.timeline IN ACCESS SHARE MODE`

	selectHead = `SELECT head.position, (SELECT coalesce(max(position), 0) FROM events), (SELECT count(*) FROM events) FROM log_head head`

	selectCheckpoints = `SELECT projection, generation, position FROM readmodel.checkpoints WHERE live ORDER BY projection`

	selectParked = `SELECT p.projection, p.account_id, p.version, p.position, p.stale_since, p.class, p.cause
FROM readmodel.parked p JOIN readmodel.checkpoints c USING (projection, generation) WHERE c.live ORDER BY p.projection, p.position`

	selectSkipped = `SELECT projection, account_id, version, position, reason FROM readmodel.skipped ORDER BY projection, position`

	// selectDisorder walks the log once in its own order.
	selectDisorder = `
SELECT position, previous, recorded_at, previous_at FROM (
    SELECT position, recorded_at, lag(position, 1, 0::bigint) OVER log AS previous, lag(recorded_at, 1, '-infinity') OVER log AS previous_at
    FROM events WINDOW log AS (ORDER BY position)
) AS pairs WHERE position <> previous + 1 OR recorded_at < previous_at ORDER BY position`

	selectRepeatedIDs = `SELECT event_id::text, count(*), min(position) FROM events GROUP BY event_id HAVING count(*) > 1 ORDER BY 3`

	selectRepeatedTransactions = `
SELECT data->>'transaction_id', count(*), min(position) FROM events
WHERE data->>'transaction_id' IS NOT NULL GROUP BY 1 HAVING count(*) > 1 ORDER BY 3`

	declareEvents = `DECLARE audited_events NO SCROLL CURSOR FOR
SELECT position, stream_type, stream_id, version, type, schema, data, event_id, effective_at, recorded_at FROM events ORDER BY stream_id, version`
	fetchEvents = `FETCH FORWARD 2000 FROM audited_events`

	declareBalances = `DECLARE audited_balances NO SCROLL CURSOR FOR
SELECT account_id, owner_id, owner_name, currency, balance, held, overdraft_limit, status, freeze_scope, metadata, version, position, opened_at, updated_at
FROM readmodel.balances ORDER BY account_id`
	fetchBalances = `FETCH FORWARD 2000 FROM audited_balances`

	declareTimeline = `DECLARE audited_timeline NO SCROLL CURSOR FOR
SELECT account_id, position, version, event_id, transaction_id, type, amount, currency, balance, held, reference, detail, metadata, effective_at, recorded_at
FROM readmodel.timeline ORDER BY account_id, position`
	fetchTimeline = `FETCH FORWARD 2000 FROM audited_timeline`
)

func scanEvent(rows pgx.Rows, e *eventstore.Event) error {
	err := rows.Scan(&e.Position, &e.StreamType, (*[16]byte)(&e.StreamID), &e.Version, &e.Type, &e.Schema, (*[]byte)(&e.Data),
		(*[16]byte)(&e.ID), &e.EffectiveAt, &e.RecordedAt)
	e.EffectiveAt, e.RecordedAt = e.EffectiveAt.UTC(), e.RecordedAt.UTC()
	return err
}

// balanceRow is what readmodel.balances should say, or says. Metadata is canonical JSON.
type balanceRow struct {
	AccountID            uuid.UUID
	OwnerID, OwnerName   string
	Currency             string
	Balance, Held, Limit int64
	Status, Scope        string
	Metadata             string
	Version, Position    int64
	OpenedAt, UpdatedAt  time.Time
}

func scanBalance(rows pgx.Rows, b *balanceRow) error {
	var metadata []byte
	err := rows.Scan((*[16]byte)(&b.AccountID), &b.OwnerID, &b.OwnerName, &b.Currency, &b.Balance, &b.Held, &b.Limit,
		&b.Status, &b.Scope, &metadata, &b.Version, &b.Position, &b.OpenedAt, &b.UpdatedAt)
	if err != nil {
		return err
	}
	b.OpenedAt, b.UpdatedAt = b.OpenedAt.UTC(), b.UpdatedAt.UTC()
	b.Metadata, err = canonical(metadata)
	return err
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
