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
	audit := &audit{decoder: decoder, found: &differences{max: options.DifferencesMax}}
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

	events   *reader[eventstore.Event]
	balances *table[balanceRow]
	timeline *table[timelineRow]
}

func (a *audit) run(ctx context.Context, tx pgx.Tx) error {
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
	return err
}

func (a *audit) checkpoint(p ProjectionReport) {
	if p.Position > a.report.Head {
		a.found.add(CheckCheckpoint, uuid.Nil, p.Position, "%s is ahead of the log, which ends at %d", p.Name, a.report.Head)
	}
	switch p.Name {
	case a.balances.name:
		a.balances.checkpoint = p
	case a.timeline.name:
		a.timeline.checkpoint = p
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
	l := &ledger{found: a.found}
	var last eventstore.Event
	var now balanceRow // the ledger at the checkpoint of the balances
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
		if err := a.event(ctx, l, &last); err != nil {
			return err
		}
		if last.Position <= a.balances.checkpoint.Position {
			now = l.row
		}
	}
	if last.StreamType == account.StreamType {
		a.report.Accounts++
	}
	if now.Version == 0 {
		return nil
	}
	return a.balances.expect(ctx, &now)
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
func (a *audit) event(ctx context.Context, l *ledger, e *eventstore.Event) error {
	payload, err := a.decoder.Decode(*e)
	if err != nil {
		a.found.add(CheckPayload, e.StreamID, e.Position, "%v", err)
		return nil
	}
	row, err := l.post(e, payload)
	if err != nil {
		a.found.add(CheckPayload, e.StreamID, e.Position, "%v", err)
		return nil
	}
	if e.Position > a.timeline.checkpoint.Position {
		return nil
	}
	return a.timeline.expect(ctx, &row)
}

func (a *audit) finish() Report {
	a.report.Projections = []ProjectionReport{a.balances.finish(), a.timeline.finish()}
	a.report.Differences, a.report.DifferencesTotal = a.found.list, a.found.total
	return a.report
}

// compareIDs orders as Postgres orders uuids.
func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
