package process

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/domain/payment"
	"passbook/eventstore"
)

//go:embed queries/*.sql
var queryFiles embed.FS

func query(name string) string {
	text, err := queryFiles.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(err) // the file is embedded above
	}
	return string(text)
}

var (
	headSQL        = query("head")
	readSQL        = query("read")
	streamSQL      = query("stream")
	claimSQL       = query("claim")
	advanceSQL     = query("advance")
	paymentsSQL    = query("payments")
	duePaymentsSQL = query("due_payments")
	putPaymentSQL  = query("put_payment")
	progressSQL    = query("progress")
	endPaymentsSQL = query("end_payments")
	putHoldSQL     = query("put_hold")
	endHoldsSQL    = query("end_holds")
	dueHoldsSQL    = query("due_holds")
	holdAskedSQL   = query("hold_asked")
	nextSQL        = query("next")
	countSQL       = query("count")
)

// Bounds that take in everything.
const (
	maxPosition = math.MaxInt64
	maxVersion  = math.MaxInt64
)

// errFenced means that a later leader has taken the checkpoint over.
var errFenced = errors.New("another process leads")

// row is an open payment.
type row struct {
	id        uuid.UUID
	fold      string
	state     payment.State
	progress  payment.Progress
	lastError string
	turn      int64

	step payment.Step // when it is written
}

// plan sets what is next.
func (r *row) plan(policy payment.Policy, now time.Time) {
	r.step = payment.Next(r.state, r.progress, policy, now)
}

// hold is an open hold that expires, or an approval that nobody has decided.
type hold struct {
	id, accountID uuid.UUID
	expiresAt     time.Time
	attempts      int
	kind          string
}

// The kinds of what expires.
const (
	kindHold     = "hold"
	kindApproval = "approval"
)

// changes are what events did to the rows, from one position to another. nil stands for what is no more.
type changes struct {
	epoch    int64
	from, to int64
	payments map[uuid.UUID]*row
	holds    map[uuid.UUID]*hold
}

// tally is how much there is to do.
type tally struct{ open, stuck, due, holds int64 }

// rows is what the process keeps and reads: *table.
type rows interface {
	claim(ctx context.Context, epoch int64) (position int64, err error)
	read(ctx context.Context, after int64, limit int) (head int64, events []eventstore.Event, err error)
	stream(ctx context.Context, id uuid.UUID, version, upTo int64) ([]eventstore.Event, error)
	advance(ctx context.Context, c *changes) error
	payments(ctx context.Context, ids []uuid.UUID) ([]row, error)
	duePayments(ctx context.Context, now time.Time, without []uuid.UUID, limit int) ([]row, error)
	progress(ctx context.Context, changed []row) error
	dueHolds(ctx context.Context, now time.Time, without []uuid.UUID, limit int) ([]hold, error)
	holdsAsked(ctx context.Context, ids []uuid.UUID, lastError string, again time.Time) error
	next(ctx context.Context, payments, accounts []uuid.UUID) (time.Time, error)
	count(ctx context.Context, now time.Time) (tally, error)
}

// table is the rows in Postgres.
type table struct{ pool *pgxpool.Pool }

func (t *table) claim(ctx context.Context, epoch int64) (position int64, err error) {
	err = t.pool.QueryRow(ctx, claimSQL, epoch).Scan(&position)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, errFenced
	}
	if err != nil {
		return 0, fmt.Errorf("claim the checkpoint: %w", err)
	}
	return position, nil
}

// read returns the end of the log and what happened behind a position. Everything up to the end is in it, unless limit cuts it
// short; what has been committed since may be, too.
func (t *table) read(ctx context.Context, after int64, limit int) (head int64, events []eventstore.Event, err error) {
	var batch pgx.Batch
	batch.Queue(headSQL).QueryRow(func(r pgx.Row) error { return r.Scan(&head) })
	batch.Queue(readSQL, after, limit).Query(func(r pgx.Rows) (err error) {
		events, err = pgx.CollectRows(r, scanEvent)
		return err
	})
	if err := t.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return 0, nil, fmt.Errorf("read the log after %d: %w", after, err)
	}
	return head, events, nil
}

func (t *table) stream(ctx context.Context, id uuid.UUID, version, upTo int64) ([]eventstore.Event, error) {
	found, err := t.pool.Query(ctx, streamSQL, id, version, upTo)
	if err != nil {
		return nil, fmt.Errorf("read the stream of payment %s: %w", id, err)
	}
	events, err := pgx.CollectRows(found, scanEvent)
	if err != nil {
		return nil, fmt.Errorf("read the stream of payment %s: %w", id, err)
	}
	return events, nil
}

func scanEvent(r pgx.CollectableRow) (e eventstore.Event, err error) {
	err = r.Scan(&e.Position, &e.StreamType, &e.StreamID, &e.Version, &e.Type, &e.Schema, (*[]byte)(&e.Data), &e.RecordedAt)
	e.RecordedAt = e.RecordedAt.UTC()
	return e, err
}

// advance writes rows and checkpoint, all or nothing.
func (t *table) advance(ctx context.Context, c *changes) error {
	err := pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, advanceSQL, c.from, c.to, c.epoch)
		if err == nil && tag.RowsAffected() == 0 {
			err = errFenced
		}
		if err != nil {
			return err
		}
		batch, err := c.statements()
		if err != nil {
			return err
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("note the log up to %d: %w", c.to, err)
	}
	return nil
}

func (c *changes) statements() (*pgx.Batch, error) {
	batch := &pgx.Batch{}
	var endedPayments, endedHolds []uuid.UUID
	for id, r := range c.payments {
		if r == nil {
			endedPayments = append(endedPayments, id)
			continue
		}
		state, err := json.Marshal(r.state)
		if err != nil {
			return nil, fmt.Errorf("payment %s: %w", id, err)
		}
		progress, err := json.Marshal(r.progress)
		if err != nil {
			return nil, fmt.Errorf("payment %s: %w", id, err)
		}
		s := &r.state
		batch.Queue(putPaymentSQL, id, s.AccountID, string(s.Status), s.Stuck, s.Deadline, r.progress.Attempts, r.lastError,
			string(r.step.Do), r.step.At, r.fold, state, progress)
	}
	for id, h := range c.holds {
		if h == nil {
			endedHolds = append(endedHolds, id)
			continue
		}
		batch.Queue(putHoldSQL, id, h.accountID, h.expiresAt, h.kind)
	}
	if len(endedPayments) > 0 {
		batch.Queue(endPaymentsSQL, endedPayments)
	}
	if len(endedHolds) > 0 {
		batch.Queue(endHoldsSQL, endedHolds)
	}
	return batch, nil
}

func (t *table) payments(ctx context.Context, ids []uuid.UUID) ([]row, error) {
	return t.collect(ctx, paymentsSQL, ids)
}

func (t *table) duePayments(ctx context.Context, now time.Time, without []uuid.UUID, limit int) ([]row, error) {
	return t.collect(ctx, duePaymentsSQL, now, without, limit)
}

func (t *table) collect(ctx context.Context, sql string, args ...any) ([]row, error) {
	found, err := t.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read open payments: %w", err)
	}
	all, err := pgx.CollectRows(found, func(r pgx.CollectableRow) (p row, err error) {
		var state, progress []byte
		if err := r.Scan(&p.id, &p.fold, &state, &progress, &p.lastError, &p.turn); err != nil {
			return p, err
		}
		if p.fold == payment.FoldFingerprint() { // else it is folded anew, and its shape is not ours to read
			err = json.Unmarshal(state, &p.state)
		}
		return p, errors.Join(err, json.Unmarshal(progress, &p.progress))
	})
	if err != nil {
		return nil, fmt.Errorf("read open payments: %w", err)
	}
	return all, nil
}

func (t *table) progress(ctx context.Context, changed []row) error {
	var batch pgx.Batch
	for _, r := range changed {
		progress, err := json.Marshal(r.progress)
		if err != nil {
			return fmt.Errorf("payment %s: %w", r.id, err)
		}
		batch.Queue(progressSQL, r.id, r.turn, r.progress.Attempts, r.lastError, string(r.step.Do), r.step.At, progress)
	}
	if err := t.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("note the progress of payments: %w", err)
	}
	return nil
}

func (t *table) dueHolds(ctx context.Context, now time.Time, without []uuid.UUID, limit int) ([]hold, error) {
	found, err := t.pool.Query(ctx, dueHoldsSQL, now, without, limit)
	if err != nil {
		return nil, fmt.Errorf("read holds that are due: %w", err)
	}
	all, err := pgx.CollectRows(found, func(r pgx.CollectableRow) (h hold, err error) {
		err = r.Scan(&h.id, &h.accountID, &h.expiresAt, &h.attempts, &h.kind)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("read holds that are due: %w", err)
	}
	return all, nil
}

func (t *table) holdsAsked(ctx context.Context, ids []uuid.UUID, lastError string, again time.Time) error {
	if _, err := t.pool.Exec(ctx, holdAskedSQL, ids, lastError, again); err != nil {
		return fmt.Errorf("note holds: %w", err)
	}
	return nil
}

// next returns a time far ahead when nothing is due ever.
func (t *table) next(ctx context.Context, payments, accounts []uuid.UUID) (time.Time, error) {
	var at *time.Time
	if err := t.pool.QueryRow(ctx, nextSQL, payments, accounts).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("look what is due next: %w", err)
	}
	if at == nil {
		return time.Now().Add(24 * time.Hour), nil
	}
	return *at, nil
}

func (t *table) count(ctx context.Context, now time.Time) (n tally, err error) {
	if err := t.pool.QueryRow(ctx, countSQL, now).Scan(&n.open, &n.stuck, &n.due, &n.holds); err != nil {
		return tally{}, fmt.Errorf("count open payments: %w", err)
	}
	return n, nil
}
