package readmodel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/internal/pgkit"
	"passbook/internal/supervise"
)

// runner keeps the generation of a projection that is at one place, while it leads.
type runner struct {
	projector  Projector
	checkpoint checkpoint
	config     Config
	pool       *pgxpool.Pool
	open       transactions
	decoder    Decoder
	intake     intake
	log        *slog.Logger
	metrics    runnerMetrics

	position int64
	parking  parking
	memory   memory // valid under the number of parking; nil: there is none
	suspect  suspect
	active   atomic.Bool
	applied  atomic.Int64 // position, for Status
}

func newRunner(parts Parts, config Config, p Projector, place Place, m metrics) (*runner, error) {
	if p.newFold == nil {
		return nil, fmt.Errorf("readmodel: projection %q has no definition: see Project", p.Name)
	}
	log, label := parts.Logger.With("projection", p.Name), p.Name
	if place != PlaceLive {
		log, label = log.With("place", string(place)), p.Name+"/"+string(place)
	}
	r := &runner{
		projector:  p,
		checkpoint: checkpoint{projection: p.Name, place: place, codeVersion: p.Version},
		config:     config, pool: parts.Pool, decoder: parts.Decoder, log: log, metrics: m.of(label), memory: p.newMemory(),
	}
	r.intake = intake{
		consumer: fmt.Sprintf("%s-%d", p.Name, firstGeneration),
		source:   parts.Source, events: parts.Log, config: config, log: log, fromLog: r.metrics.fromLog,
	}
	return r, nil
}

// lead follows the log until ctx is done, starting again from the checkpoint after each failure. It returns when there is no
// generation at the place that this code can continue.
func (r *runner) lead(ctx context.Context, _ int64) error {
	r.setActive(true)
	defer r.setActive(false)
	defer r.forget()
	r.retryParked(ctx)
	pause := r.config.RetryMin
	for ctx.Err() == nil {
		progressed, err := r.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if notOurs(err) {
			return err
		}
		r.failed(ctx, err)
		if progressed {
			pause = r.config.RetryMin
		}
		supervise.Wait(ctx, pause)
		pause = min(2*pause, r.config.RetryMax)
	}
	return nil
}

func (r *runner) forget() {
	if r.memory != nil {
		r.memory.forget()
	}
}

func (r *runner) setActive(active bool) {
	r.active.Store(active)
	r.metrics.active.Set(0)
	r.metrics.stopped.Set(0)
	if active {
		r.metrics.active.Set(1)
	}
}

// follow applies events until something fails.
func (r *runner) follow(ctx context.Context) (progressed bool, err error) {
	r.position, err = r.checkpoint.load(ctx, r.pool)
	r.moved(r.position)
	if err != nil {
		return false, err
	}
	r.evict(ctx)
	if err := r.suspect.load(ctx, r); err != nil {
		return false, err
	}
	r.parking = unknownParking()
	r.log.InfoContext(ctx, "projection follows the log", "after", r.position, "generation", r.checkpoint.generation)
	defer r.intake.reset()
	for {
		events, err := r.intake.next(ctx, r.position)
		if err != nil {
			return progressed, err
		}
		if len(events) == 0 {
			r.intake.acknowledge(ctx) // what was delivered and applied before
			if err := r.unmoved(ctx); err != nil {
				return progressed, err
			}
			continue
		}
		from, started := r.position, time.Now()
		err = r.applyAll(ctx, events)
		progressed = progressed || r.position > from
		if err != nil {
			return progressed, err
		}
		r.intake.acknowledge(ctx)
		r.pace(ctx, len(events), started)
	}
}

// evict makes way to a checkpoint that a holder before this one has left locked. Half a lease is longer than a holder that is
// alive is ever silent, and shorter than a successor had to wait for the lease.
func (r *runner) evict(ctx context.Context) {
	ended, err := r.checkpoint.evict(ctx, r.pool, r.config.LeaseTTL/2)
	switch {
	case err != nil:
		r.log.WarnContext(ctx, "cannot end the session that has the checkpoint", "error", err)
	case ended:
		r.log.WarnContext(ctx, "ended a session that hung in a transaction with the checkpoint")
	}
}

// unmoved tells, while all is quiet, whether the generation is still where it was left: an operator may have put another in its
// place, or the log may have been restored.
func (r *runner) unmoved(ctx context.Context) error {
	now := r.checkpoint
	position, err := now.load(ctx, r.pool)
	if err == nil && (now.generation != r.checkpoint.generation || position != r.position) {
		err = errFenced
	}
	return err
}

const (
	// paceEvents is from how many events on a transaction is a sign of load: fewer are applied as they come.
	paceEvents = 16
	// A projection is at work for no more than one part in paceShare of the time, unless that would be longer than paceMost paces.
	paceShare, paceMost = 3, 3
)

// pace lets events gather while there are many, so that a projection takes its share of a busy server in few large
// transactions: the longer they take, the fewer and larger they become. It bounds the lag it adds by paceMost times Config.Pace. Far
// behind, when batches are full, it does not wait.
func (r *runner) pace(ctx context.Context, applied int, started time.Time) {
	if applied >= paceEvents && applied < r.config.Batch {
		took := time.Since(started)
		supervise.Wait(ctx, min(max(r.config.Pace, paceShare*took), paceMost*r.config.Pace)-took)
	}
}

func (r *runner) moved(position int64) {
	r.position = position
	r.applied.Store(position)
	r.metrics.position.Set(float64(position))
}

// applyAll applies in as many steps as there is suspicion for.
func (r *runner) applyAll(ctx context.Context, events []eventstore.Event) error {
	for len(events) > 0 {
		n := r.suspect.step(len(events))
		if err := r.apply(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// apply commits a run of events that follows the position. What is wrong with one event is found and its account parked. When
// too many would be, the events before the first of them are applied and the projection stops in front of it.
func (r *runner) apply(ctx context.Context, events []eventstore.Event) error {
	if len(events) == 0 {
		return nil
	}
	err := r.commit(ctx, events, r.suspect.verdict(events))
	if refusedRows(err) {
		err = r.isolate(ctx, events, err)
	}
	if refused, ok := errors.AsType[*EventError](err); ok && errors.Is(err, errParkedMax) {
		return errors.Join(err, r.commit(ctx, before(events, refused.Position), nil))
	}
	if err != nil {
		return err
	}
	return r.suspect.passed(ctx, r)
}

// isolate finds the event whose rows Postgres does not take, by halves.
func (r *runner) isolate(ctx context.Context, events []eventstore.Event, cause error) error {
	if len(events) == 1 {
		return r.commit(ctx, events, map[int64]error{events[0].Position: &databaseError{cause}})
	}
	for _, half := range [][]eventstore.Event{events[:len(events)/2], events[len(events)/2:]} {
		err := r.commit(ctx, half, nil)
		if refusedRows(err) {
			err = r.isolate(ctx, half, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// before returns the events of the run before the position; none when the position is not of the run.
func before(events []eventstore.Event, position int64) []eventstore.Event {
	n := position - events[0].Position
	if n < 0 || n >= int64(len(events)) {
		return nil
	}
	return events[:n]
}

// commit applies events and moves the checkpoint, both or neither. Events with a fault, by position, are not tried.
func (r *runner) commit(ctx context.Context, events []eventstore.Event, faults map[int64]error) error {
	if len(events) == 0 {
		return nil
	}
	if err := r.open.enter(ctx); err != nil {
		return err
	}
	defer r.open.leave()
	started := time.Now()
	through := events[len(events)-1].Position
	ctx, cancel := context.WithTimeoutCause(ctx, r.config.TransactionMax, errStuck)
	defer cancel()
	var b *batch
	err := pgx.BeginTxFunc(ctx, r.pool, r.checkpoint.place.Begin(), func(tx pgx.Tx) (err error) {
		b, err = r.step(ctx, tx, r.position, through, events, faults)
		return err
	})
	if err != nil && errors.Is(context.Cause(ctx), errStuck) {
		err = errors.Join(errStuck, err)
	}
	if err != nil {
		r.parking = unknownParking() // what was read may have been of the transaction
		return fmt.Errorf("apply events %d to %d: %w", r.position+1, through, err)
	}
	b.committed()
	r.moved(through)
	r.metrics.parked.Set(float64(len(r.parking.accounts)))
	r.metrics.seconds.Observe(time.Since(started).Seconds())
	r.metrics.applied.Add(float64(len(events)))
	r.metrics.stopped.Set(0)
	return nil
}

// step moves the checkpoint and folds the events between, in somebody's transaction. The batch may be told when that is committed.
func (r *runner) step(ctx context.Context, tx pgx.Tx, from, through int64, events []eventstore.Event, faults map[int64]error) (*batch, error) {
	number, err := r.checkpoint.advance(ctx, tx, from, through)
	if err != nil {
		return nil, err
	}
	if number != r.parking.number {
		r.forget() // rows of accounts may have changed beside the log
	}
	if err := r.parking.read(ctx, tx, r.checkpoint, number); err != nil {
		return nil, err
	}
	return r.fold(ctx, tx, events, faults)
}

// fold writes what the events mean, and parks the accounts of those that cannot be applied.
func (r *runner) fold(ctx context.Context, tx pgx.Tx, events []eventstore.Event, faults map[int64]error) (*batch, error) {
	b := newBatch(r.projector, r.decoder, r.parking.pass(events), r.parking.skips, r.memory)
	b.faults = faults
	if err := b.load(ctx, tx); err != nil {
		return nil, err
	}
	var refused []*Refusal
	if err := r.suspect.watch(ctx, r, events, func() { refused = b.fold() }); err != nil {
		return nil, err
	}
	if n := len(r.parking.accounts) + len(refused); len(refused) > 0 && n > r.config.ParkedMax {
		return nil, fmt.Errorf("%w (%d of %d): %w", errParkedMax, n, r.config.ParkedMax, firstRefused(refused))
	}
	if err := b.write(ctx, tx); err != nil {
		return nil, err
	}
	return b, r.park(ctx, tx, refused)
}

func (r *runner) park(ctx context.Context, tx pgx.Tx, refused []*Refusal) error {
	if len(refused) == 0 {
		return nil
	}
	n, err := park(ctx, tx, r.checkpoint, r.config.Build, refused)
	if err != nil {
		return err
	}
	for _, one := range refused {
		r.parking.accounts[one.Stream] = true
		r.log.ErrorContext(ctx, "account parked", "account", one.Stream, "event", one.Err.Position, "class", classOf(one.Err.Err),
			"error", one.Err.Err, "parked", n, "stack", stackOf(one.Err.Err))
	}
	r.parking.number++
	return nil
}

// failed tells the operator, and everyone who asks for the state of the projection when trying again will not help by itself.
func (r *runner) failed(ctx context.Context, cause error) {
	r.metrics.failures.Inc()
	if errors.Is(cause, errFenced) || errors.Is(cause, errStuck) || pgkit.IsRetryable(cause) {
		r.log.WarnContext(ctx, "projection interrupted, starting again from the checkpoint", "position", r.position, "error", cause)
		return
	}
	r.stopped(ctx, cause)
}

// stopped records why the generation stays where it is.
func (r *runner) stopped(ctx context.Context, cause error) {
	r.metrics.stopped.Set(1)
	r.log.ErrorContext(ctx, "projection stopped, trying again later", "position", r.position, "error", cause)
	if err := r.checkpoint.stop(ctx, r.pool, r.position, cause); err != nil {
		r.log.WarnContext(ctx, "the stop is not recorded", "error", err)
	}
}
