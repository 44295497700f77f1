package auditor

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/domain/account"
	"passbook/eventstore"
)

// Decoder reads payloads of every shape ever stored: *eventcodec.Codec.
type Decoder interface {
	// Payload returns what the event says, as a value of the domain package that its stream's type belongs to.
	Payload(stored eventstore.Event) (any, error)
}

// Options say what is verified. The zero value: the log, and the live generation of every projection.
type Options struct {
	// DifferencesMax is how many differences are listed; all are counted. Zero means 100.
	DifferencesMax int
	// Projections names those that are verified; none means all.
	Projections []string
	// Place is where the generation stands that is verified: live, next or previous. Empty means live.
	Place string
	// Range restricts it to some accounts, and leaves out what is about the log as a whole.
	Range *Range
	// Progress is told how many events of how many have been folded, now and then. It may be nil.
	Progress func(done, total int64)
}

// Range is a range of accounts in the order of their ids: behind After, up to and with Through.
type Range struct{ After, Through uuid.UUID }

// Verify proves log and read models, or lists what is wrong. The error is about the verification itself, such as a lost
// connection; a report with differences is none. It needs a role that may read the log and the read models.
func Verify(ctx context.Context, pool *pgxpool.Pool, decoder Decoder, options Options) (Report, error) {
	audit := newAudit(decoder, options)
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, pool, snapshot, func(tx pgx.Tx) error { return audit.run(ctx, tx) })
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return audit.finish(), nil
}

// audit is one verification under way.
type audit struct {
	options Options
	decoder Decoder
	found   *differences
	report  Report
	known   map[int64]bool // positions of events that something is parked behind, or that were passed over

	events *reader[eventstore.Event]
	books  []book
	of     map[string][]book // by the type of streams that they are made of
	folded int64             // events
	sums   conservation
	undone map[uuid.UUID]bool // transactions
	lost   bool               // an event could not be read: the sums are not those of the log
}

func newAudit(decoder Decoder, options Options) *audit {
	if options.DifferencesMax == 0 {
		options.DifferencesMax = 100
	}
	if options.Place == "" {
		options.Place = "live"
	}
	a := &audit{
		options: options, decoder: decoder, known: map[int64]bool{}, of: map[string][]book{}, sums: conservation{}, undone: map[uuid.UUID]bool{},
		found: &differences{max: options.DifferencesMax, counts: map[string]int64{}},
	}
	for _, b := range books {
		if len(options.Projections) == 0 || slices.Contains(options.Projections, b.name) {
			opened := b.open(a.found)
			a.books, a.of[b.stream] = append(a.books, opened), append(a.of[b.stream], opened)
		}
	}
	return a
}

func (a *audit) run(ctx context.Context, tx pgx.Tx) error {
	if err := a.hold(ctx, tx); err != nil {
		return fmt.Errorf("hold the tables: %w", err)
	}
	if err := a.readSnapshot(ctx, tx); err != nil {
		return err
	}
	if a.options.Range == nil {
		if err := a.checkLog(ctx, tx); err != nil {
			return err
		}
	}
	if err := a.readUndone(ctx, tx); err != nil {
		return err
	}
	var err error
	if a.events, err = newReader(ctx, tx, declareEvents, declareRange, fetchEvents, a.options.Range, scanEvent); err != nil {
		return err
	}
	for _, b := range a.books {
		if err := b.open(ctx, tx, a.options.Range); err != nil {
			return err
		}
	}
	return a.walk(ctx)
}

// hold comes before the snapshot: otherwise a switch of generations could put other tables under their names after it.
func (a *audit) hold(ctx context.Context, tx pgx.Tx) error {
	path, known := map[string]string{"live": pathLive, "next": pathNext, "previous": pathPrevious}[a.options.Place]
	if !known {
		return fmt.Errorf("no generation is at place %q", a.options.Place)
	}
	if _, err := tx.Exec(ctx, path); err != nil {
		return err
	}
	for _, b := range a.books {
		if err := b.lock(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// readSnapshot learns how far log and projections have come. A projection that never began is held to position 0.
func (a *audit) readSnapshot(ctx context.Context, tx pgx.Tx) error {
	var last int64
	ends := selectHead
	if a.options.Range != nil {
		ends = selectEnds
	}
	if err := tx.QueryRow(ctx, ends).Scan(&a.report.Head, &last, &a.report.Events); err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	if a.report.Head != last {
		a.found.add(CheckHead, uuid.Nil, last, "the head row says %d", a.report.Head)
	}
	rows, err := tx.Query(ctx, selectCheckpoints, a.options.Place)
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
	report, _ := a.projection(p.Name)
	if report == nil {
		return
	}
	report.Generation, report.Position = p.Generation, p.Position
	if p.Position > a.report.Head {
		a.found.add(CheckCheckpoint, uuid.Nil, p.Position, "%s is ahead of the log, which ends at %d", p.Name, a.report.Head)
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
	return a.checkAcross(ctx, tx)
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
		if err := a.stream(ctx, e); err != nil {
			return err
		}
	}
	for _, b := range a.books {
		if err := b.end(ctx); err != nil {
			return err
		}
	}
	if a.options.Range == nil && !a.lost {
		a.sums.check(a.found)
	}
	return nil
}

// progressEvents is how many events are folded between two words about it.
const progressEvents = 10_000

// stream folds the events of one stream.
func (a *audit) stream(ctx context.Context, first *eventstore.Event) error {
	id, kind := first.StreamID, first.StreamType
	for _, b := range a.of[kind] {
		b.begin(id)
	}
	own := a.ownBook(kind)
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
		if a.folded++; a.folded%progressEvents == 0 && a.options.Progress != nil {
			a.options.Progress(a.folded, a.report.Events)
		}
		if last.StreamType != kind || own == nil {
			continue
		}
		if err := a.event(ctx, own, &last); err != nil {
			return err
		}
	}
	if kind == account.StreamType {
		a.report.Accounts++
	}
	if own != nil {
		own.close()
	}
	for _, b := range a.of[kind] {
		if err := b.close(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) checkSuccession(last, e *eventstore.Event) {
	if e.Version != last.Version+1 {
		a.found.add(CheckVersions, e.StreamID, e.Position, "version %d follows version %d", e.Version, last.Version)
	}
	if last.Version > 0 && e.StreamType != last.StreamType {
		a.found.add(CheckVersions, e.StreamID, e.Position, "of a stream of type %s, the version before is of one of type %s", e.StreamType, last.StreamType)
	}
	if e.Position <= last.Position {
		a.found.add(CheckVersions, e.StreamID, e.Position, "version %d stands before version %d, at %d", e.Version, last.Version, last.Position)
	}
}

// event enters one event into the auditor's own books and into those of the projections.
func (a *audit) event(ctx context.Context, own ownBook, e *eventstore.Event) error {
	entered := &posting{Event: e}
	var err error
	if entered.payload, err = a.decoder.Payload(*e); err == nil {
		err = own.post(entered)
	}
	if err != nil {
		if !a.known[e.Position] {
			a.found.add(CheckPayload, e.StreamID, e.Position, "%v", err)
		}
		own.lose()
		a.lost = true
		return nil
	}
	for _, b := range a.of[e.StreamType] {
		if err := b.apply(ctx, entered); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) finish() Report {
	if a.options.Range != nil {
		a.report.Events = a.folded
	}
	a.report.Projections = []ProjectionReport{}
	for _, b := range a.books {
		a.report.Projections = append(a.report.Projections, b.finish())
	}
	a.report.Differences, a.report.DifferencesTotal = a.found.list, a.found.total
	return a.report
}

// compareIDs orders as Postgres orders uuids.
func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
