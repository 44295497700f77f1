package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/webhook"
	"passbook/webhook/internal/db"
)

// list is what the engine keeps: *table.
type list interface {
	followers(ctx context.Context) ([]follower, error)
	backlogs(ctx context.Context, ids []uuid.UUID, most int) (map[uuid.UUID]int, error)
	advance(ctx context.Context, g group, through int64, entries []entry) (made int64, err error)
	due(ctx context.Context, d dueness) ([]order, error)
	note(ctx context.Context, done []noted) error
	clean(ctx context.Context, now time.Time, retention time.Duration) (dropped int64, err error)
	tally(ctx context.Context) (tally, error)
}

// table is the list in Postgres.
type table struct {
	pool *pgxpool.Pool
	q    *db.Queries
}

func newTable(pool *pgxpool.Pool) *table { return &table{pool, db.New(pool)} }

func (t *table) followers(ctx context.Context) ([]follower, error) {
	rows, err := t.q.Followers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read subscriptions: %w", err)
	}
	all := make([]follower, len(rows))
	for i, r := range rows {
		all[i] = follower{id: r.WebhookID, revision: r.Revision, position: r.Position, accountID: r.AccountID, ownedBy: r.OwnedBy, types: r.EventTypes}
	}
	return all, nil
}

func (t *table) backlogs(ctx context.Context, ids []uuid.UUID, most int) (map[uuid.UUID]int, error) {
	rows, err := t.q.Backlogs(ctx, db.BacklogsParams{Most: most, WebhookIds: ids})
	if err != nil {
		return nil, fmt.Errorf("count what is on lists: %w", err)
	}
	pending := make(map[uuid.UUID]int, len(rows))
	for _, r := range rows {
		pending[r.WebhookID] = int(r.Pending)
	}
	return pending, nil
}

// advance moves those of the group that are still where they were, unchanged, and makes their deliveries, all or nothing. The others stay.
func (t *table) advance(ctx context.Context, g group, through int64, entries []entry) (made int64, err error) {
	err = pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		q := t.q.WithTx(tx)
		move := db.AdvanceParams{Through: through, Position: g.position()}
		for i := range g {
			move.WebhookIds, move.Revisions = append(move.WebhookIds, g[i].id), append(move.Revisions, g[i].revision)
		}
		moved, err := q.Advance(ctx, move)
		if err != nil {
			return err
		}
		add := enqueued(entries, moved)
		if len(add.DeliveryIds) == 0 {
			return nil
		}
		add.Now = time.Now()
		made, err = q.Enqueue(ctx, add)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("put events up to %d on lists: %w", through, err)
	}
	return made, nil
}

func enqueued(entries []entry, of []uuid.UUID) (add db.EnqueueParams) {
	moved := make(map[uuid.UUID]bool, len(of))
	for _, id := range of {
		moved[id] = true
	}
	for _, e := range entries {
		if moved[e.webhookID] {
			add.DeliveryIds, add.WebhookIds, add.AccountIds = append(add.DeliveryIds, e.id), append(add.WebhookIds, e.webhookID), append(add.AccountIds, e.accountID)
			add.Positions, add.Types, add.Payloads = append(add.Positions, e.position), append(add.Types, e.kind), append(add.Payloads, e.payload)
		}
	}
	return add
}

// dueness is what is asked for when there are hands free.
type dueness struct {
	now        time.Time
	atWork     []uuid.UUID // deliveries
	busy       []uuid.UUID // subscriptions that have all that they may
	failingToo bool
	each, most int
}

// order is a delivery to be sent.
type order struct {
	id, webhookID uuid.UUID
	url           string
	payload       string
	secrets       []webhook.Secret
	permitted     bool // the account is the subscriber's, where it must be
	test          bool
	failures      int // attempts of its subscription in vain, one after another
	tries         int
	attempts      int
	since         time.Time
}

// failing tells whether the subscription is tried with one delivery at a time.
func (o *order) failing() bool { return o.failures > 0 }

func (t *table) due(ctx context.Context, d dueness) ([]order, error) {
	rows, err := t.q.Due(ctx, db.DueParams{
		Now: &d.now, AtWork: d.atWork, Busy: d.busy, FailingToo: d.failingToo, Each: d.each, RowLimit: d.most,
	})
	if err != nil {
		return nil, fmt.Errorf("read what is due: %w", err)
	}
	orders := make([]order, len(rows))
	for i, r := range rows {
		o := order{
			id: r.DeliveryID, webhookID: r.WebhookID, url: r.Url, payload: r.Payload, permitted: r.Test || r.OwnedBy == "" || r.OwnerID == r.OwnedBy,
			test: r.Test, failures: r.Failures, tries: r.Tries, attempts: r.Attempts, since: r.Since,
		}
		for _, s := range r.Secrets {
			o.secrets = append(o.secrets, s)
		}
		orders[i] = o
	}
	return orders, nil
}

// noted is what became of an attempt, and what follows.
type noted struct {
	order
	webhook.Attempt
	state      webhook.State
	dueAt      time.Time
	quietUntil time.Time
	// Failing since before this, the subscription is disabled.
	failingBefore time.Time
}

// note writes down what became of attempts, all or nothing.
func (t *table) note(ctx context.Context, done []noted) error {
	var deliveries []db.NoteDeliveryParams
	var attempts []db.NoteAttemptParams
	var arrivals []db.NoteArrivalParams
	var failures []db.NoteFailureParams
	for _, d := range done {
		at := d.At.Add(d.Took)
		delivery := db.NoteDeliveryParams{State: string(d.state), DueAt: d.dueAt, DeliveryID: d.id, AttemptsBefore: d.attempts}
		if d.state != webhook.Pending {
			delivery.EndedAt = &at
		}
		deliveries = append(deliveries, delivery)
		attempt := db.NoteAttemptParams{
			Attempt: d.Number, StartedAt: d.At, TookMs: int(d.Took.Milliseconds()), Result: string(d.Result), Answer: d.Answer, DeliveryID: d.id,
		}
		if d.Status != 0 {
			attempt.HttpStatus = &d.Status
		}
		attempts = append(attempts, attempt)
		switch {
		case d.test || d.Result == webhook.NotPermitted: // it says nothing of the receiver
		case d.Result == webhook.Arrived:
			second := at.Add(-time.Second)
			arrivals = append(arrivals, db.NoteArrivalParams{WebhookID: d.webhookID, ArrivedAt: &at, NotedBefore: &second})
		default:
			failures = append(failures, db.NoteFailureParams{
				WebhookID: d.webhookID, FailedAt: &d.At, QuietUntil: d.quietUntil, FailingBefore: &d.failingBefore, Gone: d.Result == webhook.ReceiverGone,
			})
		}
	}
	err := pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		q, all := t.q.WithTx(tx), firstError{}
		q.NoteArrival(ctx, arrivals).Exec(all.take)
		q.NoteFailure(ctx, failures).Exec(all.take)
		q.NoteDelivery(ctx, deliveries).Exec(all.take)
		q.NoteAttempt(ctx, attempts).Exec(all.take)
		return all.err
	})
	if err != nil {
		return fmt.Errorf("note what became of deliveries: %w", err)
	}
	return nil
}

// firstError keeps the first error of a batch.
type firstError struct{ err error }

func (f *firstError) take(_ int, err error) {
	if f.err == nil {
		f.err = err
	}
}

// cleanMax is how many rows are dropped at a time.
const cleanMax = 5_000

func (t *table) clean(ctx context.Context, now time.Time, retention time.Duration) (dropped int64, err error) {
	before := now.Add(-retention)
	if dropped, err = t.q.DropEnded(ctx, db.DropEndedParams{Before: &before, RowLimit: cleanMax}); err != nil {
		return 0, fmt.Errorf("drop old deliveries: %w", err)
	}
	if _, err := t.q.DropAttempts(ctx, db.DropAttemptsParams{Before: before, RowLimit: cleanMax}); err != nil {
		return 0, fmt.Errorf("drop old attempts: %w", err)
	}
	if err := t.q.DropSecrets(ctx, &now); err != nil {
		return 0, fmt.Errorf("drop secrets that have ended: %w", err)
	}
	return dropped, nil
}

// tally is how it stands.
type tally struct{ active, paused, disabled, failing, pending int64 }

func (t *table) tally(ctx context.Context) (tally, error) {
	r, err := t.q.Tally(ctx)
	if err != nil {
		return tally{}, fmt.Errorf("count subscriptions: %w", err)
	}
	return tally{r.Active, r.Paused, r.Disabled, r.Failing, r.Pending}, nil
}
