package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"

	"passbook/webhook/internal/db"
)

// failedPart is how many failed deliveries a replay takes up, as a part of ReplayMax.
const failedPart = 100

// ReplayDelivery sends one delivery again, whatever became of it. ErrNoDelivery: the subscription has none of the id.
func (s *Store) ReplayDelivery(ctx context.Context, r Request, id, deliveryID uuid.UUID) (Outcome, error) {
	return s.change(ctx, r, id, func(q *db.Queries, now time.Time, out *Outcome) error {
		found, err := q.ReplayDelivery(ctx, db.ReplayDeliveryParams{DeliveryID: deliveryID, WebhookID: id, Now: now})
		if err == nil && found == 0 {
			err = ErrNoDelivery
		}
		out.Deliveries = int(found)
		out.Webhook.QuietUntil = now
		return err
	})
}

// ReplayFailed sends those again that were given up: the oldest, as many as may be at a time.
func (s *Store) ReplayFailed(ctx context.Context, r Request, id uuid.UUID) (Outcome, error) {
	most := max(1, s.limits.ReplayMax/failedPart)
	return s.change(ctx, r, id, func(q *db.Queries, now time.Time, out *Outcome) error {
		found, err := q.ReplayFailed(ctx, db.ReplayFailedParams{WebhookID: id, Now: now, RowLimit: int(most)})
		out.Deliveries, out.More = int(found), found == most
		out.Webhook.QuietUntil = now
		return err
	})
}

// ReplayFrom takes a subscription back to a position, or ahead to one: what was recorded from there on is put on its list, again or for the first
// time, and what is recorded meanwhile comes after it. ErrLimit: the position is too far back. ErrAhead: it is behind the end of the log.
func (s *Store) ReplayFrom(ctx context.Context, r Request, id uuid.UUID, position int64) (Outcome, error) {
	return s.change(ctx, r, id, func(q *db.Queries, now time.Time, out *Outcome) error {
		head, err := q.Head(ctx)
		switch {
		case err != nil:
			return err
		case position > head+1:
			return ErrAhead
		case head+1-position > s.limits.ReplayMax:
			return &ErrLimit{LimitReplay, int(s.limits.ReplayMax)}
		}
		out.Webhook.Position, out.Webhook.QuietUntil = position-1, now
		return nil
	})
}
