package queryapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"passbook/httpapi"
	"passbook/webhook"
)

// Webhooks answers who is told of what, and what became of it; see webhook.Reader.
type Webhooks interface {
	Webhook(ctx context.Context, ownedBy string, id uuid.UUID) (webhook.Subscription, error)
	Webhooks(ctx context.Context, filter webhook.Filter) (page []webhook.Subscription, more bool, err error)
	Deliveries(ctx context.Context, filter webhook.DeliveryFilter) (page []webhook.Delivery, more bool, err error)
	Delivery(ctx context.Context, ownedBy string, webhookID, id uuid.UUID) (webhook.Delivery, []webhook.Attempt, error)
}

// webhookAnswer is about webhooks, which are no read model: it has no position and no lag.
type webhookAnswer struct{ body any }

func (a *webhookAnswer) write(w http.ResponseWriter) error {
	body, err := json.Marshal(a.body, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(body)
	return err
}

// VisitListWebhooksResponse writes the answer.
func (a *webhookAnswer) VisitListWebhooksResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetWebhookResponse writes the answer.
func (a *webhookAnswer) VisitGetWebhookResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListDeliveriesResponse writes the answer.
func (a *webhookAnswer) VisitListDeliveriesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetDeliveryResponse writes the answer.
func (a *webhookAnswer) VisitGetDeliveryResponse(w http.ResponseWriter) error { return a.write(w) }

// ListWebhooks answers with subscriptions; those of the caller alone, where it is bound to its own.
func (h *handlers) ListWebhooks(ctx context.Context, r ListWebhooksRequestObject) (ListWebhooksResponseObject, error) {
	f := webhook.Filter{OwnedBy: httpapi.CallFrom(ctx).OwnedBy, Limit: limitOf(r.Params.Limit)}
	scope := filtersOf(cursorWebhooks, f.OwnedBy)
	var err error
	if f.Before, err = decodeOptionalID(r.Params.Cursor, scope); err != nil {
		return nil, err
	}
	rows, more, err := h.reads.Webhooks(ctx, f)
	if err != nil {
		return nil, webhookProblem(err)
	}
	page := WebhookPage{Data: make([]Webhook, len(rows)), HasMore: more}
	for i := range rows {
		page.Data[i] = h.webhookOf(&rows[i])
	}
	if more {
		page.NextCursor = encodeID(scope, rows[len(rows)-1].ID)
	}
	return &webhookAnswer{page}, nil
}

// GetWebhook answers with one subscription.
func (h *handlers) GetWebhook(ctx context.Context, r GetWebhookRequestObject) (GetWebhookResponseObject, error) {
	id, err := httpapi.ParseID(r.WebhookID)
	if err != nil {
		return nil, webhookProblem(webhook.ErrNotFound)
	}
	w, err := h.reads.Webhook(ctx, httpapi.CallFrom(ctx).OwnedBy, id)
	if err != nil {
		return nil, webhookProblem(err)
	}
	return &webhookAnswer{h.webhookOf(&w)}, nil
}

// ListDeliveries answers with what became of deliveries.
func (h *handlers) ListDeliveries(ctx context.Context, r ListDeliveriesRequestObject) (ListDeliveriesResponseObject, error) {
	id, err := httpapi.ParseID(r.WebhookID)
	if err != nil {
		return nil, webhookProblem(webhook.ErrNotFound)
	}
	f := webhook.DeliveryFilter{OwnedBy: httpapi.CallFrom(ctx).OwnedBy, WebhookID: id, State: webhook.State(r.Params.State), Limit: limitOf(r.Params.Limit)}
	scope := filtersOf(cursorDeliveries, id.String(), string(f.State))
	if f.Before, err = decodeNumber(r.Params.Cursor, scope); err != nil {
		return nil, err
	}
	rows, more, err := h.reads.Deliveries(ctx, f)
	if err != nil {
		return nil, webhookProblem(err)
	}
	page := DeliveryPage{Data: make([]Delivery, len(rows)), HasMore: more}
	for i := range rows {
		page.Data[i] = deliveryOf(&rows[i])
	}
	if more {
		page.NextCursor = encodeNumber(scope, rows[len(rows)-1].Number)
	}
	return &webhookAnswer{page}, nil
}

// GetDelivery answers with one delivery and its attempts.
func (h *handlers) GetDelivery(ctx context.Context, r GetDeliveryRequestObject) (GetDeliveryResponseObject, error) {
	webhookID, err := httpapi.ParseID(r.WebhookID)
	if err != nil {
		return nil, webhookProblem(webhook.ErrNotFound)
	}
	id, err := httpapi.ParseID(r.DeliveryID)
	if err != nil {
		return nil, webhookProblem(webhook.ErrNoDelivery)
	}
	d, attempts, err := h.reads.Delivery(ctx, httpapi.CallFrom(ctx).OwnedBy, webhookID, id)
	if err != nil {
		return nil, webhookProblem(err)
	}
	answer := DeliveryWithAttempts{Delivery: deliveryOf(&d), Payload: d.Payload, Log: make([]Attempt, len(attempts))}
	for i, a := range attempts {
		answer.Log[i] = Attempt{Attempt: a.Number, At: a.At, TookMs: a.Took.Milliseconds(), Result: string(a.Result), Status: unlessZero(a.Status), Answer: a.Answer}
	}
	return &webhookAnswer{answer}, nil
}

// webhookProblem finds the table's kind for an error of the reader.
func webhookProblem(err error) error {
	switch {
	case errors.Is(err, webhook.ErrNotFound):
		return &httpapi.Error{Code: httpapi.NotFound, Detail: "no such webhook"}
	case errors.Is(err, webhook.ErrNoDelivery):
		return &httpapi.Error{Code: httpapi.NotFound, Detail: "no such delivery"}
	}
	return translate(err)
}

func (h *handlers) webhookOf(w *webhook.Subscription) Webhook {
	view := Webhook{
		WebhookID: w.ID, URL: w.URL, EventTypes: w.EventTypes, AccountID: w.AccountID, OwnerID: w.OwnedBy, Description: w.Description,
		Status: WebhookStatus(w.Status), DisabledReason: WebhookDisabledReason(w.Reason), Position: w.Position, CreatedBy: w.CreatedBy,
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, Pending: w.Pending, Failed: w.Failed, Failures: w.Failures, FailingSince: w.FailingSince, DeliveredAt: w.DeliveredAt,
	}
	if w.Status == webhook.Active && w.QuietUntil.After(h.now()) {
		view.QuietUntil = &w.QuietUntil
	}
	return view
}

func deliveryOf(d *webhook.Delivery) Delivery {
	view := Delivery{
		DeliveryID: d.ID, Type: d.Type, Position: unlessZero(d.Position), AccountID: d.AccountID, State: DeliveryState(d.State), Attempts: d.Attempts, CreatedAt: d.CreatedAt, EndedAt: d.EndedAt,
	}
	if d.Last.Number > 0 {
		view.LastResult, view.LastStatus, view.LastAttemptAt = string(d.Last.Result), unlessZero(d.Last.Status), timeOf(d.Last.At)
	}
	if d.State == webhook.Pending {
		view.NextAttemptAt = timeOf(d.DueAt)
	}
	return view
}

// unlessZero is nil for what there is not.
func unlessZero[T int | int64](n T) *T {
	if n == 0 {
		return nil
	}
	return &n
}

func timeOf(t time.Time) *time.Time { return &t }
