package process

import (
	"context"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
)

// Intercept has around called for everything that the process does with its rows, by name. It must be called before Run.
func (p *Process) Intercept(around func(what string, do func() error) error) {
	p.rows = intercepted{p.rows, around}
}

type intercepted struct {
	rows
	around func(what string, do func() error) error
}

func (i intercepted) claim(ctx context.Context, epoch int64) (position int64, err error) {
	err = i.around("claim", func() (err error) { position, err = i.rows.claim(ctx, epoch); return err })
	return position, err
}

func (i intercepted) read(ctx context.Context, after int64, limit int) (head int64, events []eventstore.Event, err error) {
	err = i.around("read", func() (err error) { head, events, err = i.rows.read(ctx, after, limit); return err })
	return head, events, err
}

func (i intercepted) stream(ctx context.Context, id uuid.UUID, version, upTo int64) (events []eventstore.Event, err error) {
	err = i.around("stream", func() (err error) { events, err = i.rows.stream(ctx, id, version, upTo); return err })
	return events, err
}

func (i intercepted) advance(ctx context.Context, c *changes) error {
	return i.around("advance", func() error { return i.rows.advance(ctx, c) })
}

func (i intercepted) payments(ctx context.Context, ids []uuid.UUID) (found []row, err error) {
	err = i.around("payments", func() (err error) { found, err = i.rows.payments(ctx, ids); return err })
	return found, err
}

func (i intercepted) duePayments(ctx context.Context, now time.Time, without []uuid.UUID, limit int) (found []row, err error) {
	err = i.around("duePayments", func() (err error) { found, err = i.rows.duePayments(ctx, now, without, limit); return err })
	return found, err
}

func (i intercepted) progress(ctx context.Context, changed []row) error {
	return i.around("progress", func() error { return i.rows.progress(ctx, changed) })
}

func (i intercepted) dueHolds(ctx context.Context, now time.Time, without []uuid.UUID, limit int) (found []hold, err error) {
	err = i.around("dueHolds", func() (err error) { found, err = i.rows.dueHolds(ctx, now, without, limit); return err })
	return found, err
}

func (i intercepted) holdsAsked(ctx context.Context, ids []uuid.UUID, lastError string, again time.Time) error {
	return i.around("holdsAsked", func() error { return i.rows.holdsAsked(ctx, ids, lastError, again) })
}

// ReadSQL is how the log is read.
var ReadSQL = readSQL
