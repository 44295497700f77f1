package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/internal/pgkit"
	"passbook/readmodel/internal/db"
)

// Parked is an account that a generation of a projection has set aside.
type Parked struct {
	Projection string    `json:"projection"`
	Generation int       `json:"generation"`
	Live       bool      `json:"live"` // the generation serves readers
	AccountID  uuid.UUID `json:"account_id"`
	EventID    uuid.UUID `json:"event_id"` // the one that cannot be applied
	EventType  string    `json:"event_type"`
	Position   int64     `json:"position"`
	Version    int64     `json:"version"`     // of the account in the rows
	Waiting    int64     `json:"waiting"`     // events that wait, that one included
	StaleSince time.Time `json:"stale_since"` // when that one was recorded
	Class      string    `json:"class"`       // see the Class constants
	Cause      string    `json:"cause"`
	Attempts   int       `json:"attempts"`
	FirstAt    time.Time `json:"first_at"`
	LastAt     time.Time `json:"last_at"`
	Build      string    `json:"build"` // of the code that tried last
}

// ListParked returns what is parked, by projection, generation and position. An empty projection means all, uuid.Nil all accounts.
func ListParked(ctx context.Context, pool *pgxpool.Pool, projection string, account uuid.UUID) ([]Parked, error) {
	arg := db.ListParkedParams{Projection: projection}
	if account != uuid.Nil {
		arg.AccountID = &account
	}
	rows, err := db.New(pool).ListParked(ctx, arg)
	if err != nil {
		return nil, fmt.Errorf("list what is parked: %w", err)
	}
	list := make([]Parked, len(rows))
	for i, row := range rows {
		list[i] = Parked{
			Projection: row.Projection, Generation: row.Generation, Live: row.Live, AccountID: row.AccountID, EventID: row.EventID,
			EventType: row.EventType, Position: row.Position, Version: row.Version, Waiting: row.Waiting, StaleSince: row.StaleSince.UTC(),
			Class: row.Class, Cause: row.Cause, Attempts: row.Attempts, FirstAt: row.FirstAt.UTC(), LastAt: row.LastAt.UTC(), Build: row.Build,
		}
	}
	return list, nil
}

// Skipped is an event that an operator has decided to pass over.
type Skipped struct {
	Projection string    `json:"projection"`
	AccountID  uuid.UUID `json:"account_id"`
	EventID    uuid.UUID `json:"event_id"`
	Position   int64     `json:"position"`
	Version    int64     `json:"version"`
	Class      string    `json:"class"`
	Cause      string    `json:"cause"`
	SkippedAt  time.Time `json:"skipped_at"`
	SkippedBy  string    `json:"skipped_by"`
	Reason     string    `json:"reason"`
}

// ListSkipped returns what was passed over. An empty projection means all.
func ListSkipped(ctx context.Context, pool *pgxpool.Pool, projection string) ([]Skipped, error) {
	rows, err := db.New(pool).ListSkipped(ctx, projection)
	if err != nil {
		return nil, fmt.Errorf("list what is passed over: %w", err)
	}
	list := make([]Skipped, len(rows))
	for i, row := range rows {
		list[i] = Skipped{
			Projection: row.Projection, AccountID: row.AccountID, EventID: row.EventID, Position: row.Position, Version: row.Version,
			Class: row.Class, Cause: row.Cause, SkippedAt: row.SkippedAt.UTC(), SkippedBy: row.SkippedBy, Reason: row.Reason,
		}
	}
	return list, nil
}

var (
	// ErrNotParked means that the account is not, or no longer, parked.
	ErrNotParked = errors.New("not parked")
	// ErrNotPassedOver means that the account does not wait behind that event, or that the event is in order and the account's
	// rows are not: then passing it over would not help.
	ErrNotPassedOver = errors.New("the account waits behind another event by now, or its rows are damaged and must be rebuilt")
)

// Outcome is what came of an attempt to apply the events that wait.
type Outcome struct {
	Released bool   `json:"released"` // the account is up to date
	Applied  int    `json:"applied"`  // events
	Position int64  `json:"position"` // of the event that cannot be applied; 0 when released
	Class    string `json:"class,omitempty"`
	Cause    string `json:"cause,omitempty"`
}

// ParkingDesk tries parked accounts of one projection's live generation again. What it does, it does in transactions that have the
// checkpoint: whoever follows the log waits for them, and sees what has changed.
type ParkingDesk struct{ runner *runner }

// NewParkingDesk needs Pool, Decoder and Logger of the parts, and Holder and Build of the configuration.
func NewParkingDesk(parts Parts, config Config, p Projector) (*ParkingDesk, error) {
	r, err := newRunner(parts, config, p, PlaceLive, newMetrics(prometheus.NewRegistry()))
	if err != nil {
		return nil, err
	}
	return &ParkingDesk{r}, nil
}

// Retry applies the events of the account that wait, in their order, as far as that goes.
func (d *ParkingDesk) Retry(ctx context.Context, account uuid.UUID) (Outcome, error) {
	if _, err := d.runner.checkpoint.load(ctx, d.runner.pool); err != nil {
		return Outcome{}, err
	}
	return d.runner.retry(ctx, account)
}

// PassOver has the event passed over, for good, that the account waits behind, and applies those after it as far as that goes.
func (d *ParkingDesk) PassOver(ctx context.Context, account uuid.UUID, position int64, by, reason string) (Outcome, error) {
	r := d.runner
	if _, err := r.checkpoint.load(ctx, r.pool); err != nil {
		return Outcome{}, err
	}
	err := r.withCheckpoint(ctx, func(tx pgx.Tx, _ int64) error {
		n, err := db.New(tx).SkipEvent(ctx, db.SkipEventParams{
			Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, AccountID: account, Position: position, SkippedBy: by, Reason: reason,
		})
		if err != nil {
			return fmt.Errorf("pass over the event of account %s: %w", account, err)
		}
		if n == 0 {
			return r.whyNotSkipped(account)
		}
		_, err = countParked(ctx, tx, r.checkpoint)
		return err
	})
	if err != nil {
		return Outcome{}, err
	}
	return r.retry(ctx, account)
}

func (r *runner) whyNotSkipped(account uuid.UUID) error {
	if r.parking.accounts[account] {
		return ErrNotPassedOver
	}
	return ErrNotParked
}

// retryParked tries again whatever is parked, because the code that starts may be newer than the code that parked it.
func (r *runner) retryParked(ctx context.Context) {
	if _, err := r.checkpoint.load(ctx, r.pool); err != nil {
		return // whoever follows the log will say so
	}
	accounts, err := r.retryable(ctx)
	for _, account := range accounts {
		if err != nil || ctx.Err() != nil {
			break
		}
		var outcome Outcome
		if outcome, err = r.retry(ctx, account); errors.Is(err, ErrNotParked) {
			err = nil
			continue
		}
		r.log.InfoContext(ctx, "parked account tried again", "account", account, "released", outcome.Released, "applied", outcome.Applied,
			"class", outcome.Class, "cause", outcome.Cause)
	}
	if err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "cannot try parked accounts again", "error", err)
	}
}

// retryable marks what killed the process that tried it, and lists the rest.
func (r *runner) retryable(ctx context.Context) ([]uuid.UUID, error) {
	q := db.New(r.pool)
	err := q.MarkKilled(ctx, db.MarkKilledParams{
		Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, Holder: r.config.Holder, Cause: errKilled.Error(),
	})
	if err != nil {
		return nil, err
	}
	return q.RetryableParked(ctx, db.RetryableParkedParams{
		Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, Build: r.config.Build,
	})
}

// retry drains in steps of at most a batch, each in a transaction of its own.
func (r *runner) retry(ctx context.Context, account uuid.UUID) (Outcome, error) {
	if err := r.tried(ctx, account); err != nil {
		return Outcome{}, err
	}
	var outcome Outcome
	for {
		var more bool
		err := r.withCheckpoint(ctx, func(tx pgx.Tx, checkpoint int64) error {
			var err error
			more, err = r.drain(ctx, tx, account, checkpoint, &outcome)
			return err
		})
		if err != nil {
			return outcome, errors.Join(err, r.untried(ctx, account))
		}
		if !more {
			return outcome, nil
		}
	}
}

// tried counts the attempt before it is made: it may kill the process.
func (r *runner) tried(ctx context.Context, account uuid.UUID) error {
	n, err := db.New(r.pool).CountAttempt(ctx, db.CountAttemptParams{
		Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, AccountID: account, Build: r.config.Build, Holder: r.config.Holder,
	})
	if err != nil {
		return fmt.Errorf("count the attempt: %w", err)
	}
	if n == 0 {
		return ErrNotParked
	}
	return nil
}

// untried says that the attempt ended without the death of anybody.
func (r *runner) untried(ctx context.Context, account uuid.UUID) error {
	return db.New(r.pool).EndParkedAttempt(ctx, db.EndParkedAttemptParams{
		Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, AccountID: account,
	})
}

// attemptsMax bounds how often a transaction is begun anew that others were in the way of.
const attemptsMax = 10

// withCheckpoint runs fn in a transaction that has the checkpoint, whose position it is given.
func (r *runner) withCheckpoint(ctx context.Context, fn func(tx pgx.Tx, position int64) error) (err error) {
	if err := r.open.enter(ctx); err != nil {
		return err
	}
	defer r.open.leave()
	for range attemptsMax {
		err = pgx.BeginTxFunc(ctx, r.pool, r.checkpoint.place.Begin(), func(tx pgx.Tx) error {
			row, err := db.New(tx).HoldCheckpoint(ctx, db.HoldCheckpointParams{
				Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, Place: string(r.checkpoint.place),
			})
			if errors.Is(err, pgx.ErrNoRows) {
				return ErrNotParked
			}
			if err != nil {
				return fmt.Errorf("hold the checkpoint: %w", err)
			}
			if row.CodeVersion != r.checkpoint.codeVersion {
				return fmt.Errorf("%w: theirs is %d, this one is %d", errOtherCode, row.CodeVersion, r.checkpoint.codeVersion)
			}
			r.parking = unknownParking()
			if err := r.parking.read(ctx, tx, r.checkpoint, row.Parking); err != nil {
				return err
			}
			return fn(tx, row.Position)
		})
		if !pgkit.IsRetryable(err) {
			break
		}
	}
	r.parking = unknownParking()
	return err
}

// drain applies the next events that wait. It reports whether there may be more.
func (r *runner) drain(ctx context.Context, tx pgx.Tx, account uuid.UUID, checkpoint int64, outcome *Outcome) (more bool, err error) {
	waiting, full, err := r.waiting(ctx, tx, account, checkpoint)
	if err != nil {
		return false, err
	}
	refused, err := r.drainTransaction(ctx, tx, waiting)
	if err != nil {
		return false, err
	}
	for i := range waiting {
		if refused == nil || waiting[i].Position < refused.Err.Position {
			outcome.Applied++
		}
	}
	switch {
	case refused != nil:
		outcome.Position, outcome.Class, outcome.Cause = refused.Err.Position, classOf(refused.Err.Err), shortened(refused.Err.Err.Error())
		_, err = park(ctx, tx, r.checkpoint, r.config.Build, []*Refusal{refused})
		return false, err
	case full:
		last := &waiting[len(waiting)-1]
		return true, db.New(tx).DrainedThrough(ctx, db.DrainedThroughParams{
			Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, AccountID: account, Version: last.Version, Position: last.Position,
		})
	}
	outcome.Released = true
	err = db.New(tx).ReleaseAccount(ctx, db.ReleaseAccountParams{
		Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, AccountID: account,
	})
	if err != nil {
		return false, fmt.Errorf("release account %s: %w", account, err)
	}
	_, err = countParked(ctx, tx, r.checkpoint)
	return false, err
}

// drainTransaction writes what can be applied of one account's events. When Postgres refuses the rows, they are written one by one.
func (r *runner) drainTransaction(ctx context.Context, tx pgx.Tx, waiting []eventstore.Event) (*Refusal, error) {
	refused, err := r.write(ctx, tx, waiting, nil)
	if !refusedRows(err) {
		return refused, err
	}
	for i := range waiting {
		refused, err = r.write(ctx, tx, waiting[i:i+1], nil)
		if refusedRows(err) {
			refused, err = r.write(ctx, tx, waiting[i:], map[int64]error{waiting[i].Position: &databaseError{err}})
		}
		if refused != nil || err != nil {
			return refused, err
		}
	}
	return nil, nil
}

// write folds one account's events within a savepoint.
func (r *runner) write(ctx context.Context, tx pgx.Tx, events []eventstore.Event, faults map[int64]error) (refused *Refusal, err error) {
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		b := newBatch(r.projector, r.decoder, events, r.parking.skips, nil)
		b.faults = faults
		if err := b.load(ctx, tx); err != nil {
			return err
		}
		if all := b.fold(); len(all) > 0 {
			refused = all[0]
		}
		return b.write(ctx, tx)
	})
	return refused, err
}

// waiting are the account's events behind its rows, up to the checkpoint: at most a batch of them, and whether there were more.
func (r *runner) waiting(ctx context.Context, tx pgx.Tx, account uuid.UUID, checkpoint int64) (events []eventstore.Event, full bool, err error) {
	rows, err := db.New(tx).WaitingEvents(ctx, db.WaitingEventsParams{
		Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, AccountID: account, Checkpoint: checkpoint, RowLimit: r.config.Batch,
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the events that wait: %w", err)
	}
	for _, row := range rows {
		events = append(events, eventstore.Event{
			Position: row.Position, ID: row.EventID, StreamType: row.StreamType, StreamID: row.StreamID, Version: row.Version,
			Type: row.Type, Schema: int(row.Schema), Data: row.Data, Metadata: row.Metadata, EffectiveAt: row.EffectiveAt, RecordedAt: row.RecordedAt,
		})
	}
	return events, len(events) == r.config.Batch, nil
}
