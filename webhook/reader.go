package webhook

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/webhook/internal/db"
)

// Reader shows subscriptions and what became of their deliveries, under the role passbook_query. Where ownedBy is not "", those of
// others do not exist.
type Reader struct{ q *db.Queries }

// NewReader returns a reader behind the pool.
func NewReader(pool *pgxpool.Pool) *Reader { return &Reader{db.New(pool)} }

// Webhook returns a subscription, or ErrNotFound.
func (r *Reader) Webhook(ctx context.Context, ownedBy string, id uuid.UUID) (Subscription, error) {
	row, err := r.q.Subscription(ctx, db.SubscriptionParams{WebhookID: id, OwnedBy: ownedBy})
	if errors.Is(err, pgx.ErrNoRows) {
		return Subscription{}, ErrNotFound
	}
	if err != nil {
		return Subscription{}, fmt.Errorf("read webhook %s: %w", id, err)
	}
	return counted(row), nil
}

func counted(row db.SubscriptionRow) Subscription {
	s := subscriptionOf(db.WebhookSubscription{
		WebhookID: row.WebhookID, CreatedBy: row.CreatedBy, OwnedBy: row.OwnedBy, AccountID: row.AccountID, Url: row.Url, EventTypes: row.EventTypes,
		Description: row.Description, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Revision: row.Revision, Status: row.Status, StatusReason: row.StatusReason,
		Position: row.Position, Failures: row.Failures, FailingSince: row.FailingSince, QuietUntil: row.QuietUntil, DeliveredAt: row.DeliveredAt,
	})
	s.Pending, s.Failed = int(row.Pending), int(row.Failed)
	return s
}

// Filter picks a page of subscriptions, newest first.
type Filter struct {
	OwnedBy string
	Before  uuid.UUID // Nil: from the newest on
	Limit   int
}

// Webhooks returns a page, and whether there are more.
func (r *Reader) Webhooks(ctx context.Context, f Filter) (page []Subscription, more bool, err error) {
	if f.Before == uuid.Nil {
		f.Before = uuid.Max
	}
	rows, err := r.q.Subscriptions(ctx, db.SubscriptionsParams{Before: f.Before, OwnedBy: f.OwnedBy, RowLimit: f.Limit + 1})
	if err != nil {
		return nil, false, fmt.Errorf("list webhooks: %w", err)
	}
	for _, row := range rows[:min(len(rows), f.Limit)] {
		page = append(page, counted(db.SubscriptionRow(row)))
	}
	return page, len(rows) > f.Limit, nil
}

// DeliveryFilter picks a page of deliveries, newest first.
type DeliveryFilter struct {
	OwnedBy   string
	WebhookID uuid.UUID
	State     State // "" for any
	Before    int64 // number; 0: from the newest on
	Limit     int
}

// Deliveries returns a page, and whether there are more, or ErrNotFound.
func (r *Reader) Deliveries(ctx context.Context, f DeliveryFilter) (page []Delivery, more bool, err error) {
	if f.Before == 0 {
		f.Before = math.MaxInt64
	}
	if err := r.visible(ctx, f.OwnedBy, f.WebhookID); err != nil {
		return nil, false, err
	}
	rows, err := r.q.Deliveries(ctx, db.DeliveriesParams{WebhookID: f.WebhookID, Before: f.Before, State: string(f.State), RowLimit: f.Limit + 1})
	if err != nil {
		return nil, false, fmt.Errorf("list deliveries of webhook %s: %w", f.WebhookID, err)
	}
	for _, row := range rows[:min(len(rows), f.Limit)] {
		page = append(page, deliveryOf(db.DeliveryRow(row)))
	}
	return page, len(rows) > f.Limit, nil
}

func (r *Reader) visible(ctx context.Context, ownedBy string, id uuid.UUID) error {
	visible, err := r.q.Visible(ctx, db.VisibleParams{WebhookID: id, OwnedBy: ownedBy})
	if err != nil {
		return fmt.Errorf("look for webhook %s: %w", id, err)
	}
	if !visible {
		return ErrNotFound
	}
	return nil
}

// AttemptsMax is how many attempts of a delivery are shown: the last ones.
const AttemptsMax = 100

// Delivery returns a delivery with its attempts, the last ones first, or ErrNotFound or ErrNoDelivery.
func (r *Reader) Delivery(ctx context.Context, ownedBy string, webhookID, id uuid.UUID) (Delivery, []Attempt, error) {
	if err := r.visible(ctx, ownedBy, webhookID); err != nil {
		return Delivery{}, nil, err
	}
	row, err := r.q.Delivery(ctx, db.DeliveryParams{DeliveryID: id, WebhookID: webhookID})
	if errors.Is(err, pgx.ErrNoRows) {
		return Delivery{}, nil, ErrNoDelivery
	}
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("read delivery %s: %w", id, err)
	}
	stored, err := r.q.Attempts(ctx, db.AttemptsParams{DeliveryID: id, RowLimit: AttemptsMax})
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("read the attempts of delivery %s: %w", id, err)
	}
	attempts := make([]Attempt, len(stored))
	for i, a := range stored {
		attempts[i] = Attempt{
			Number: a.Attempt, At: a.At.UTC(), Took: time.Duration(a.TookMs) * time.Millisecond, Result: Result(a.Result), Status: statusOf(a.HttpStatus), Answer: a.Answer,
		}
	}
	return deliveryOf(row), attempts, nil
}

func deliveryOf(row db.DeliveryRow) Delivery {
	d := row.WebhookDelivery
	out := Delivery{
		ID: d.DeliveryID, WebhookID: d.WebhookID, Number: d.Number, AccountID: d.AccountID, Type: d.Type, Payload: d.Payload, State: State(d.State),
		Attempts: d.Attempts, DueAt: d.DueAt.UTC(), CreatedAt: d.CreatedAt.UTC(), EndedAt: utc(d.EndedAt),
	}
	if d.Position != nil {
		out.Position = *d.Position
	}
	if row.AttemptedAt != nil {
		out.Last = Attempt{Number: out.Attempts, At: row.AttemptedAt.UTC(), Result: Result(row.Result), Status: statusOf(row.HttpStatus)}
	}
	return out
}

func statusOf(status *int) int {
	if status == nil {
		return 0
	}
	return *status
}
