package commandapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"passbook/httpapi"
	"passbook/webhook"
)

// Webhooks keeps subscriptions; see webhook.Store.
type Webhooks interface {
	Create(context.Context, webhook.Request, webhook.New) (webhook.Outcome, error)
	Update(context.Context, webhook.Request, uuid.UUID, webhook.Change) (webhook.Outcome, error)
	Delete(context.Context, webhook.Request, uuid.UUID) (webhook.Outcome, error)
	Rotate(ctx context.Context, r webhook.Request, id uuid.UUID, keep time.Duration) (webhook.Outcome, error)
	Test(context.Context, webhook.Request, uuid.UUID) (webhook.Outcome, error)
	ReplayDelivery(ctx context.Context, r webhook.Request, id, deliveryID uuid.UUID) (webhook.Outcome, error)
	ReplayFailed(context.Context, webhook.Request, uuid.UUID) (webhook.Outcome, error)
	ReplayFrom(ctx context.Context, r webhook.Request, id uuid.UUID, position int64) (webhook.Outcome, error)
}

// The names of the limits, as they stand in the context of problems and in docs/operations.md.
const (
	limitWebhooks         = "webhooks"
	limitWebhooksOfCaller = "webhooks_per_caller"
	limitWebhookReplay    = "webhook_replay"
)

// keepOldDefault is how long a secret that was replaced goes on, when nobody says.
const keepOldDefault = 24 * time.Hour

// registerWebhooks adds the routes of subscriptions. They are no commands: nothing of them is decided by the processor, stands in the log, or
// can be an item of a bulk.
func (h *handlers) registerWebhooks(r *httpapi.Routes) {
	at := func(method, path string) httpapi.Route { return httpapi.Route{Method: method, Path: path} }
	const one = "/v1/webhooks/{webhook_id}"
	r.Handle(at("POST", "/v1/webhooks"), onWebhook(h, http.StatusCreated, createWebhook, subscriptionOf))
	r.Handle(at("PATCH", one), onWebhook(h, http.StatusOK, updateWebhook, subscriptionOf))
	r.Handle(at("DELETE", one), onWebhook(h, http.StatusNoContent, func(ctx context.Context, w Webhooks, r webhook.Request, id uuid.UUID, _ *nothing) (webhook.Outcome, error) {
		return w.Delete(ctx, r, id)
	}, nil))
	r.Handle(at("POST", one+"/secret"), onWebhook(h, http.StatusOK, rotateWebhookSecret, subscriptionOf))
	r.Handle(at("POST", one+"/test"), onWebhook(h, http.StatusAccepted, func(ctx context.Context, w Webhooks, r webhook.Request, id uuid.UUID, _ *nothing) (webhook.Outcome, error) {
		return w.Test(ctx, r, id)
	}, testOf))
	r.Handle(at("POST", one+"/replay"), onWebhook(h, http.StatusAccepted, replayWebhook, replayOf))
}

// nothing is the body of a request that has none.
type nothing struct{}

// onWebhook makes the handler of a route: what it asks of the subscriptions, and how the outcome is told.
func onWebhook[B any](h *handlers, status int, do func(context.Context, Webhooks, webhook.Request, uuid.UUID, *B) (webhook.Outcome, error), tell func(*webhook.Outcome) any) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, body := c.Request().Context(), new(B)
		call := httpapi.CallFrom(ctx)
		if _, none := any(body).(*nothing); !none {
			if err := call.Bind(c.Request(), body); err != nil {
				return err
			}
		}
		key, err := call.IdempotencyKey()
		if err != nil {
			return err
		}
		if h.webhooks == nil {
			return &httpapi.Error{Code: httpapi.Maintenance, Detail: "There are no webhooks here."}
		}
		id, err := httpapi.ParseID(pathID(c))
		if err != nil && strings.Contains(call.Route().Path, "{") {
			return noSuch("webhook")
		}
		r := webhook.Request{Caller: call.Identity.Caller, OwnedBy: call.OwnedBy, Key: key}
		if r.Fingerprint, err = fingerprint(call.Route(), id, body); err != nil {
			return err
		}
		out, err := do(ctx, h.webhooks, r, id, body)
		if err != nil {
			return webhookProblem(err)
		}
		return answerWebhook(c.Response(), status, &out, tell)
	}
}

func answerWebhook(w http.ResponseWriter, status int, out *webhook.Outcome, tell func(*webhook.Outcome) any) error {
	h := w.Header()
	if out.Replayed {
		h["Idempotent-Replayed"] = replayed
	}
	if status == http.StatusCreated {
		h["Location"] = []string{"/v1/webhooks/" + out.Webhook.ID.String()}
	}
	if tell == nil {
		w.WriteHeader(status)
		return nil
	}
	body, err := json.Marshal(tell(out))
	if err != nil {
		return err
	}
	h["Content-Type"] = contentJSON
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// webhookProblem finds the table's kind for an error of the subscriptions.
func webhookProblem(err error) error {
	var ours *httpapi.Error
	var url *webhook.URLError
	var limit *webhook.ErrLimit
	switch {
	case errors.As(err, &ours):
		return err
	case errors.Is(err, webhook.ErrNotFound):
		return noSuch("webhook")
	case errors.Is(err, webhook.ErrNoDelivery):
		return noSuch("delivery")
	case errors.Is(err, webhook.ErrNoAccount):
		return noSuch("account")
	case errors.Is(err, webhook.ErrKeyReused):
		return &httpapi.Error{Code: httpapi.IdempotencyKeyReused, Detail: "The idempotency key was used for another request."}
	case errors.Is(err, webhook.ErrAhead):
		return invalid(httpapi.FieldError{Pointer: "/from_position", Code: httpapi.FieldOutOfRange, Detail: "lies behind the end of the log"})
	case errors.As(err, &url):
		return invalid(httpapi.FieldError{Pointer: "/url", Code: httpapi.FieldInvalidValue, Detail: url.Fault})
	case errors.As(err, &limit):
		return limitReached(limit)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &httpapi.Error{Code: httpapi.Timeout, Detail: "Not done in time. What became of it, the same key tells.", Cause: err}
	}
	return &httpapi.Error{Code: httpapi.Maintenance, Detail: "The database is not available. Whether it was done, the same key tells.", Cause: err}
}

func limitReached(e *webhook.ErrLimit) error {
	problem := &httpapi.Error{Code: httpapi.LimitExceeded, Context: []httpapi.Member{httpapi.Text("limit", limitWebhooks), httpapi.Number("max", e.Max)}}
	switch e.Limit {
	case webhook.LimitOfCaller:
		problem.Detail, problem.Context[0] = "You have as many webhooks as you may.", httpapi.Text("limit", limitWebhooksOfCaller)
	case webhook.LimitReplay:
		problem.Detail, problem.Context[0] = "The position is further back than a webhook may be taken.", httpapi.Text("limit", limitWebhookReplay)
	default:
		problem.Detail = "There are as many webhooks as there may be."
	}
	return problem
}

func createWebhook(ctx context.Context, w Webhooks, r webhook.Request, _ uuid.UUID, b *NewWebhook) (webhook.Outcome, error) {
	n := webhook.New{URL: b.URL, EventTypes: typesOf(b.EventTypes), Description: b.Description}
	if err := storable(b.Description); err != nil {
		return webhook.Outcome{}, err
	}
	if b.AccountID != nil {
		id, err := accountIn("/account_id", b.AccountID)
		if err != nil {
			return webhook.Outcome{}, err
		}
		n.AccountID = &id
	}
	return w.Create(ctx, r, n)
}

func updateWebhook(ctx context.Context, w Webhooks, r webhook.Request, id uuid.UUID, b *WebhookSettings) (webhook.Outcome, error) {
	c := webhook.Change{URL: b.URL, Description: b.Description}
	if b.Description != nil {
		if err := storable(*b.Description); err != nil {
			return webhook.Outcome{}, err
		}
	}
	if b.EventTypes != nil {
		types := typesOf(*b.EventTypes)
		c.EventTypes = &types
	}
	if b.Status != nil {
		paused := *b.Status == Paused
		c.Paused = &paused
	}
	return w.Update(ctx, r, id, c)
}

func rotateWebhookSecret(ctx context.Context, w Webhooks, r webhook.Request, id uuid.UUID, b *WebhookRotation) (webhook.Outcome, error) {
	keep := keepOldDefault
	if seconds := b.KeepOldSeconds; seconds != nil {
		const most = int64(webhook.SecretKeptMax / time.Second)
		if *seconds < 0 || *seconds > most {
			return webhook.Outcome{}, invalid(httpapi.FieldError{Pointer: "/keep_old_seconds", Code: httpapi.FieldOutOfRange, Detail: "must be between 0 and 604800"})
		}
		keep = time.Duration(*seconds) * time.Second
	}
	return w.Rotate(ctx, r, id, keep)
}

func replayWebhook(ctx context.Context, w Webhooks, r webhook.Request, id uuid.UUID, b *WebhookReplay) (webhook.Outcome, error) {
	switch {
	case b.DeliveryID != nil:
		delivery, err := httpapi.ParseID(*b.DeliveryID)
		if err != nil {
			return webhook.Outcome{}, invalid(httpapi.FieldError{Pointer: "/delivery_id", Code: httpapi.FieldInvalidFormat, Detail: "must be a UUID"})
		}
		return w.ReplayDelivery(ctx, r, id, delivery)
	case b.FromPosition != nil:
		if *b.FromPosition < 1 {
			return webhook.Outcome{}, invalid(httpapi.FieldError{Pointer: "/from_position", Code: httpapi.FieldOutOfRange, Detail: "must be a position"})
		}
		return w.ReplayFrom(ctx, r, id, *b.FromPosition)
	case b.Failed == nil || !*b.Failed:
		return webhook.Outcome{}, invalid(httpapi.FieldError{Pointer: "/failed", Code: httpapi.FieldInvalidValue, Detail: "must be true"})
	}
	return w.ReplayFailed(ctx, r, id)
}

func typesOf(given WebhookEventTypes) []string {
	types := make([]string, len(given))
	for i, t := range given {
		types[i] = string(t)
	}
	return types
}

// storable refuses what Postgres cannot hold in a text.
func storable(description string) error {
	if strings.ContainsRune(description, 0) {
		return invalid(httpapi.FieldError{Pointer: "/description", Code: httpapi.FieldInvalidEncoding, Detail: "must not hold NUL"})
	}
	return nil
}

// The bodies are small and seldom, so they are held to the document always.

// Suspect implements httpapi.Suspect.
func (b *NewWebhook) Suspect() bool { return true }

// Suspect implements httpapi.Suspect.
func (b *WebhookSettings) Suspect() bool { return true }

// Suspect implements httpapi.Suspect.
func (b *WebhookRotation) Suspect() bool { return true }

// Suspect implements httpapi.Suspect.
func (b *WebhookReplay) Suspect() bool { return true }

// What follows are the answers.

type webhookAnswer struct {
	WebhookID      uuid.UUID      `json:"webhook_id"`
	URL            string         `json:"url"`
	EventTypes     []string       `json:"event_types"`
	AccountID      *uuid.UUID     `json:"account_id,omitempty"`
	OwnerID        string         `json:"owner_id,omitzero"`
	Description    string         `json:"description,omitzero"`
	Status         webhook.Status `json:"status"`
	DisabledReason webhook.Reason `json:"disabled_reason,omitzero"`
	Position       int64          `json:"position"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
	Secret         string         `json:"secret,omitzero"`
	OldSecretUntil *time.Time     `json:"old_secret_until,omitempty"`
}

func subscriptionOf(out *webhook.Outcome) any {
	w := &out.Webhook
	a := webhookAnswer{
		WebhookID: w.ID, URL: w.URL, EventTypes: w.EventTypes, AccountID: w.AccountID, OwnerID: w.OwnedBy, Description: w.Description, Status: w.Status,
		DisabledReason: w.Reason, Position: w.Position, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, OldSecretUntil: out.OldUntil,
	}
	if out.Secret != nil {
		a.Secret = out.Secret.Reveal()
	}
	return a
}

func testOf(out *webhook.Outcome) any {
	return struct {
		WebhookID  uuid.UUID `json:"webhook_id"`
		DeliveryID uuid.UUID `json:"delivery_id"`
	}{out.Webhook.ID, out.DeliveryID}
}

func replayOf(out *webhook.Outcome) any {
	return struct {
		WebhookID  uuid.UUID `json:"webhook_id"`
		Position   int64     `json:"position"`
		Deliveries int       `json:"deliveries"`
		More       bool      `json:"more"`
	}{out.Webhook.ID, out.Webhook.Position, out.Deliveries, out.More}
}
