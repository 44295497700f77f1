package process

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/payment"
	"passbook/eventstore"
)

const (
	readMax = 1000 // events folded in one transaction
	// noteAfter is how far the checkpoint may lag behind what was looked at, when none of it concerned the process: a write for
	// each look would cost more than looking again.
	noteAfter = 100_000
)

// follow reads the log to its end and reports whether rows have changed.
func (w *work) follow(ctx context.Context) (changed bool, err error) {
	for {
		head, events, err := w.rows.read(ctx, w.position, readMax)
		if err != nil {
			return changed, err
		}
		to := max(head, w.position)
		if len(events) > 0 {
			to = max(to, events[len(events)-1].Position)
		}
		if len(events) == readMax {
			to = events[len(events)-1].Position
		}
		if len(events) > 0 || to-w.noted > noteAfter {
			if err := w.take(ctx, events, to); err != nil {
				return changed, err
			}
			changed = changed || len(events) > 0
		}
		w.position = to
		w.metrics.lag.Set(float64(max(0, head-to)))
		w.metrics.position.Set(float64(to))
		if len(events) < readMax {
			return changed, nil
		}
	}
}

// take folds events into the rows and moves the checkpoint behind them, in one transaction.
func (w *work) take(ctx context.Context, events []eventstore.Event, to int64) error {
	c := &changes{epoch: w.epoch, from: w.noted, to: to, payments: map[uuid.UUID]*row{}, holds: map[uuid.UUID]*hold{}}
	if err := w.load(ctx, c, events); err != nil {
		return err
	}
	var told []func()
	for _, stored := range events {
		e, err := w.decode(stored)
		if err != nil {
			return fmt.Errorf("%w: event %d: %w", errUnreadable, stored.Position, err)
		}
		switch e := e.(type) {
		case payment.Event:
			told = append(told, w.onPayment(c, stored, e))
		case account.Event:
			c.onHold(stored, e)
		case approval.Event:
			c.onApproval(stored.StreamID, e)
		}
	}
	now := time.Now()
	for _, r := range c.payments {
		if r != nil {
			r.plan(w.config.Policy, now)
		}
	}
	if err := w.rows.advance(ctx, c); err != nil {
		return err
	}
	w.noted = to
	for _, tell := range told {
		tell()
	}
	return nil
}

// load reads the rows of the payments that the events are about.
func (w *work) load(ctx context.Context, c *changes, events []eventstore.Event) error {
	var ids []uuid.UUID
	for _, e := range events {
		if e.StreamType == payment.StreamType && e.Version > 1 {
			ids = append(ids, e.StreamID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := w.rows.payments(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range found {
		if err := w.refold(ctx, &r, w.noted); err != nil {
			return err
		}
		c.payments[r.state.PaymentID] = &r
	}
	return nil
}

// refold makes a row's state anew that another program's fold has made.
func (w *work) refold(ctx context.Context, r *row, upTo int64) error {
	if r.fold == payment.FoldFingerprint() {
		return nil
	}
	events, err := w.rows.stream(ctx, r.id, maxVersion, upTo)
	if err != nil {
		return err
	}
	r.state = payment.State{}
	for _, stored := range events {
		e, err := w.decode(stored)
		if err != nil {
			return fmt.Errorf("%w: event %d: %w", errUnreadable, stored.Position, err)
		}
		if e, ok := e.(payment.Event); ok {
			r.state = payment.Evolve(r.state, e, stored.RecordedAt)
		}
	}
	r.fold = payment.FoldFingerprint()
	return nil
}

// onPayment folds an event and returns what is to be told of it once it is noted.
func (w *work) onPayment(c *changes, stored eventstore.Event, e payment.Event) (tell func()) {
	id := stored.StreamID
	r := c.payments[id]
	if _, begins := e.(payment.Requested); begins {
		r = &row{id: id, fold: payment.FoldFingerprint()}
		c.payments[id] = r
	}
	tell = func() { w.tell(id, e) }
	if r == nil { // it has its outcome: what is said now is for the record only
		return tell
	}
	r.state = payment.Evolve(r.state, e, stored.RecordedAt)
	r.progress = r.progress.Observe(e, stored.RecordedAt, w.config.Policy)
	if _, again := e.(payment.Pushed); again {
		r.lastError = ""
	}
	if r.state.Final() {
		c.payments[id] = nil
	}
	return tell
}

func (w *work) tell(id uuid.UUID, e payment.Event) {
	about := slog.String("payment_id", id.String())
	switch e := e.(type) {
	case payment.Requested:
		w.metrics.requested.Inc()
	case payment.Settled:
		w.metrics.outcomes.WithLabelValues(string(payment.StatusSettled)).Inc()
	case payment.Rejected:
		w.metrics.outcomes.WithLabelValues(string(payment.StatusRejected)).Inc()
	case payment.TimedOut:
		w.metrics.outcomes.WithLabelValues(string(payment.StatusTimedOut)).Inc()
		w.log.Warn("a payment timed out", about)
	case payment.Cancelled:
		w.metrics.outcomes.WithLabelValues(string(payment.StatusCancelled)).Inc()
	case payment.MarkedStuck:
		w.metrics.stuckTotal.Inc()
		w.log.Warn("a payment is stuck", about, "reason", e.Reason)
	case payment.AnswerContradicted:
		w.metrics.contradictions.Inc()
		w.log.Error("the gateway contradicts a payment's outcome: find out what is true", about, "outcome", e.Outcome, "answer", e.Answer,
			"gateway_reference", e.GatewayReference)
	}
}

// onHold keeps the holds that expire. Those of payments do not.
func (c *changes) onHold(stored eventstore.Event, e account.Event) {
	switch e := e.(type) {
	case account.HoldPlaced:
		if !e.ExpiresAt.IsZero() {
			c.holds[e.HoldID] = &hold{id: e.HoldID, accountID: stored.StreamID, expiresAt: e.ExpiresAt, kind: kindHold}
		}
	case account.HoldExtended:
		c.holds[e.HoldID] = &hold{id: e.HoldID, accountID: stored.StreamID, expiresAt: e.ExpiresAt, kind: kindHold}
	case account.HoldCaptured:
		if e.Remaining == 0 {
			c.holds[e.HoldID] = nil
		}
	case account.HoldReleased:
		c.holds[e.HoldID] = nil
	case account.HoldExpired:
		c.holds[e.HoldID] = nil
	}
}

// onApproval keeps the approvals that nobody has decided.
func (c *changes) onApproval(id uuid.UUID, e approval.Event) {
	switch e := e.(type) {
	case approval.Requested:
		c.holds[id] = &hold{id: id, accountID: e.AccountID, expiresAt: e.ExpiresAt, kind: kindApproval}
	case approval.Approved, approval.Rejected, approval.Expired:
		c.holds[id] = nil
	}
}
