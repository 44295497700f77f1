package auditor

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/domain/account"
	"passbook/eventstore"
)

// Decoder reads payloads of every shape ever stored: *eventcodec.Codec.
type Decoder interface {
	Decode(stored eventstore.Event) (account.Event, error)
}

// Options limit a verification.
type Options struct {
	// DifferencesMax is how many differences are listed; all are counted. Zero means 100.
	DifferencesMax int
}

// Verify proves log and read models, or lists what is wrong. The error is about the verification itself, such as a lost
// connection; a report with differences is none. It needs a role that may read the log and the read models.
func Verify(ctx context.Context, pool *pgxpool.Pool, decoder Decoder, options Options) (Report, error) {
	if options.DifferencesMax == 0 {
		options.DifferencesMax = 100
	}
	audit := &audit{decoder: decoder, found: &differences{max: options.DifferencesMax}, known: map[int64]bool{}}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, pool, snapshot, func(tx pgx.Tx) error { return audit.run(ctx, tx) })
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return audit.finish(), nil
}

// audit is one verification under way.
type audit struct {
	decoder Decoder
	found   *differences
	report  Report
	known   map[int64]bool // positions of events that something is parked behind, or that were passed over

	events   *reader[eventstore.Event]
	balances *table[balanceRow]
	timeline *table[timelineRow]
}

func (a *audit) run(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, lockTables); err != nil {
		return fmt.Errorf("hold the tables: %w", err)
	}
	if err := a.readSnapshot(ctx, tx); err != nil {
		return err
	}
	if err := a.checkLog(ctx, tx); err != nil {
		return err
	}
	var err error
	if a.events, err = newReader(ctx, tx, declareEvents, fetchEvents, scanEvent); err != nil {
		return err
	}
	if a.balances.rows, err = newReader(ctx, tx, declareBalances, fetchBalances, scanBalance); err != nil {
		return err
	}
	if a.timeline.rows, err = newReader(ctx, tx, declareTimeline, fetchTimeline, scanTimeline); err != nil {
		return err
	}
	return a.walk(ctx)
}

// readSnapshot learns how far log and projections have come. A projection that never began is held to position 0.
func (a *audit) readSnapshot(ctx context.Context, tx pgx.Tx) error {
	var last int64
	if err := tx.QueryRow(ctx, selectHead).Scan(&a.report.Head, &last, &a.report.Events); err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	if a.report.Head != last {
		a.found.add(CheckHead, uuid.Nil, last, "the head row says %d", a.report.Head)
	}
	a.balances = newTable(CheckBalances, a.found, func(b *balanceRow) (uuid.UUID, int64) { return b.AccountID, b.Position })
	a.timeline = newTable(CheckTimeline, a.found, func(t *timelineRow) (uuid.UUID, int64) { return t.AccountID, t.Position })
	rows, err := tx.Query(ctx, selectCheckpoints)
	if err != nil {
		return fmt.Errorf("read the checkpoints: %w", err)
	}
	var p ProjectionReport
	_, err = pgx.ForEachRow(rows, []any{&p.Name, &p.Generation, &p.Position}, func() error {
		a.checkpoint(p)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the checkpoints: %w", err)
	}
	return a.readAside(ctx, tx)
}

func (a *audit) checkpoint(p ProjectionReport) {
	if p.Position > a.report.Head {
		a.found.add(CheckCheckpoint, uuid.Nil, p.Position, "%s is ahead of the log, which ends at %d", p.Name, a.report.Head)
	}
	if report, _ := a.projection(p.Name); report != nil {
		report.Generation, report.Position = p.Generation, p.Position
	}
}

// checkLog looks at what no single stream shows.
func (a *audit) checkLog(ctx context.Context, tx pgx.Tx) error {
	if err := a.checkOrder(ctx, tx); err != nil {
		return err
	}
	if err := a.checkRepeated(ctx, tx, selectRepeatedIDs, CheckEventID); err != nil {
		return err
	}
	return a.checkRepeated(ctx, tx, selectRepeatedTransactions, CheckTransaction)
}

func (a *audit) checkOrder(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, selectDisorder)
	if err != nil {
		return fmt.Errorf("check the order of the log: %w", err)
	}
	var position, previous int64
	var at time.Time
	var before any // -infinity in front of the first
	_, err = pgx.ForEachRow(rows, []any{&position, &previous, &at, &before}, func() error {
		if position != previous+1 {
			a.found.add(CheckPositions, uuid.Nil, position, "it follows position %d", previous)
		} else {
			a.found.add(CheckRecordedAt, uuid.Nil, position, "recorded at %s, the one before at %v", at.UTC(), before)
		}
		return nil
	})
	return err
}

func (a *audit) checkRepeated(ctx context.Context, tx pgx.Tx, sql, check string) error {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("check for a repeated %s: %w", check, err)
	}
	var id string
	var count, first int64
	_, err = pgx.ForEachRow(rows, []any{&id, &count, &first}, func() error {
		a.found.add(check, uuid.Nil, first, "%s stands %d times", id, count)
		return nil
	})
	return err
}

// walk folds stream after stream and holds the rows against each.
func (a *audit) walk(ctx context.Context) error {
	for {
		e, err := a.events.peek(ctx)
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		if err := a.stream(ctx, e.StreamID); err != nil {
			return err
		}
	}
	if err := a.balances.end(ctx); err != nil {
		return err
	}
	return a.timeline.end(ctx)
}

// stream folds the events of one stream.
func (a *audit) stream(ctx context.Context, id uuid.UUID) error {
	f := &folded{ledger: ledger{found: a.found}}
	if a.balances.aside.skipped[id] != nil {
		f.without = &ledger{found: &differences{}}
	}
	var last eventstore.Event
	for {
		e, err := a.events.peek(ctx)
		if err != nil {
			return err
		}
		if e == nil || e.StreamID != id {
			break
		}
		a.checkSuccession(&last, e)
		last = *e
		a.events.pass()
		if last.StreamType != account.StreamType {
			continue
		}
		if err := a.event(ctx, f, &last); err != nil {
			return err
		}
	}
	if last.StreamType == account.StreamType {
		a.report.Accounts++
	}
	if f.now.Version == 0 {
		return nil
	}
	return a.balances.expectEither(ctx, &f.now, &f.nowWithout)
}

// folded is one account being folded.
type folded struct {
	ledger  ledger
	without *ledger    // the same but for the events that the balances were to pass over; nil when there are none
	now     balanceRow // the ledger as far as the balances are
	// nowWithout is the same of the other ledger.
	nowWithout balanceRow
}

func (a *audit) checkSuccession(last, e *eventstore.Event) {
	if e.Version != last.Version+1 {
		a.found.add(CheckVersions, e.StreamID, e.Position, "version %d follows version %d", e.Version, last.Version)
	}
	if e.Position <= last.Position {
		a.found.add(CheckVersions, e.StreamID, e.Position, "version %d stands before version %d, at %d", e.Version, last.Version, last.Position)
	}
}

// event posts one event to the ledger and holds the timeline against it.
func (a *audit) event(ctx context.Context, f *folded, e *eventstore.Event) error {
	row, err := a.post(f, e)
	if err != nil {
		if !a.known[e.Position] {
			a.found.add(CheckPayload, e.StreamID, e.Position, "%v", err)
		}
		f.ledger.lose()
		return nil
	}
	if a.balances.reaches(e.StreamID, e.Version, e.Position) {
		f.now, f.nowWithout = f.ledger.row, f.ledger.row
		if f.without != nil {
			f.nowWithout = f.without.row
		}
	}
	switch {
	case !a.timeline.reaches(e.StreamID, e.Version, e.Position):
		return nil
	case a.timeline.aside.skipped[e.StreamID][e.Version]:
		return a.timeline.allow(ctx, &row)
	default:
		return a.timeline.expect(ctx, &row)
	}
}

// post enters the event into the ledger, and into the one that does without some.
func (a *audit) post(f *folded, e *eventstore.Event) (timelineRow, error) {
	payload, err := a.decoder.Decode(*e)
	if err != nil {
		return timelineRow{}, err
	}
	row, err := f.ledger.post(e, payload)
	if err != nil || f.without == nil || a.balances.aside.skipped[e.StreamID][e.Version] {
		return row, err
	}
	if _, err := f.without.post(e, payload); err != nil {
		return row, err
	}
	if row.Moved { // an event says what the balance is after it
		f.without.row.Balance, f.without.row.Held = row.Balance, row.Held
	}
	return row, nil
}

func (a *audit) finish() Report {
	a.report.Projections = []ProjectionReport{a.balances.finish(), a.timeline.finish()}
	a.report.Differences, a.report.DifferencesTotal = a.found.list, a.found.total
	return a.report
}

// compareIDs orders as Postgres orders uuids.
func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
