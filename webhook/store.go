package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/webhook/internal/db"
)

// Limits bound what callers may have.
type Limits struct {
	InAll     int   // subscriptions; 1,000
	OfCaller  int   // of them those of one caller; 20
	ReplayMax int64 // events that a replay may go back, and failed deliveries that one may take up; 1,000,000 and a hundredth of it
}

func (l Limits) withDefaults() Limits {
	if l.InAll == 0 {
		l.InAll = 1_000
	}
	if l.OfCaller == 0 {
		l.OfCaller = 20
	}
	if l.ReplayMax == 0 {
		l.ReplayMax = 1_000_000
	}
	return l
}

// The names of the limits.
const (
	LimitInAll    = "webhooks"
	LimitOfCaller = "webhooks_per_caller"
	LimitReplay   = "webhook_replay"
)

// SecretKeptMax is the longest that a secret which was replaced goes on.
const SecretKeptMax = 7 * 24 * time.Hour

// Store changes subscriptions for callers, under the role passbook_command.
type Store struct {
	pool   *pgxpool.Pool
	policy Policy
	limits Limits
}

// NewStore returns a store behind the pool.
func NewStore(pool *pgxpool.Pool, policy Policy, limits Limits) *Store {
	return &Store{pool: pool, policy: policy, limits: limits.withDefaults()}
}

// Request is who asks, under which key. The same key with the same fingerprint has one effect; another fingerprint is ErrKeyReused.
type Request struct {
	Caller      string // issuer and subject
	OwnedBy     string // the only owner whose accounts and subscriptions the caller may touch; "" for all
	Key         string
	Fingerprint [32]byte
}

// Outcome is what came of a request.
type Outcome struct {
	Webhook    Subscription
	DeliveryID uuid.UUID  `json:",omitzero"` // of a test
	Deliveries int        `json:",omitzero"` // that are on the list again
	More       bool       `json:",omitzero"` // there are more that failed
	OldUntil   *time.Time `json:",omitempty"`

	Secret   Secret `json:"-"` // when it was made; a replay has none
	Replayed bool   `json:"-"`
}

// once does what a request asks for, unless it was done before: then the outcome is what it was, less the secret.
func (s *Store) once(ctx context.Context, r Request, do func(q *db.Queries, now time.Time) (Outcome, error)) (out Outcome, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		q, now := db.New(tx), time.Now().UTC().Truncate(time.Microsecond)
		claimed, err := q.ClaimKey(ctx, db.ClaimKeyParams{Caller: r.Caller, Key: r.Key, Fingerprint: r.Fingerprint[:], AskedAt: now})
		if err != nil {
			return err
		}
		if claimed == 0 {
			out, err = kept(ctx, q, r)
			return err
		}
		if out, err = do(q, now); err != nil {
			return err
		}
		answer, err := json.Marshal(out)
		if err != nil {
			return err
		}
		return q.KeepAnswer(ctx, db.KeepAnswerParams{Caller: r.Caller, Key: r.Key, Answer: answer})
	})
	return out, of("change webhooks", err)
}

func kept(ctx context.Context, q *db.Queries, r Request) (out Outcome, err error) {
	row, err := q.KeptAnswer(ctx, db.KeptAnswerParams{Caller: r.Caller, Key: r.Key})
	if err != nil {
		return out, err
	}
	if !bytes.Equal(row.Fingerprint, r.Fingerprint[:]) {
		return out, ErrKeyReused
	}
	out.Replayed = true
	return out, json.Unmarshal(row.Answer, &out)
}

// of says what was being done, of errors that are not ours.
func of(what string, err error) error {
	var limit *ErrLimit
	var faulty *URLError
	if err == nil || errors.As(err, &limit) || errors.As(err, &faulty) || slices.ContainsFunc([]error{ErrNotFound, ErrNoDelivery, ErrNoAccount, ErrKeyReused, ErrAhead}, func(ours error) bool { return errors.Is(err, ours) }) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// New is a subscription that is to be. AccountID is the one account it is about, or nil.
type New struct {
	AccountID   *uuid.UUID
	URL         string
	EventTypes  []string
	Description string
}

// Create makes a subscription. It is told of what is recorded from now on. ErrNoAccount: the account does not exist, or is not the caller's.
func (s *Store) Create(ctx context.Context, r Request, n New) (Outcome, error) {
	return s.once(ctx, r, func(q *db.Queries, now time.Time) (out Outcome, err error) {
		if err := s.policy.CheckURL(n.URL); err != nil {
			return out, err
		}
		if n.AccountID != nil {
			owner, err := q.AccountOwner(ctx, *n.AccountID)
			if errors.Is(err, pgx.ErrNoRows) || err == nil && r.OwnedBy != "" && owner != r.OwnedBy {
				return out, ErrNoAccount
			}
			if err != nil {
				return out, err
			}
		}
		if err := s.room(ctx, q, r.Caller); err != nil {
			return out, err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return out, err
		}
		head, err := q.Head(ctx)
		if err != nil {
			return out, err
		}
		err = q.InsertSubscription(ctx, db.InsertSubscriptionParams{
			WebhookID: id, CreatedBy: r.Caller, OwnedBy: r.OwnedBy, AccountID: n.AccountID, Url: n.URL, EventTypes: sorted(n.EventTypes), Description: n.Description,
			Now: now, Position: head,
		})
		if err != nil {
			return out, err
		}
		out.Secret = NewSecret()
		if err := q.InsertSecret(ctx, db.InsertSecretParams{WebhookID: id, Secret: out.Secret}); err != nil {
			return out, err
		}
		out.Webhook, err = s.find(ctx, q, r, id)
		return out, err
	})
}

// room refuses one more than there may be.
func (s *Store) room(ctx context.Context, q *db.Queries, caller string) error {
	if err := q.LockSubscriptions(ctx); err != nil {
		return err
	}
	n, err := q.CountSubscriptions(ctx, caller)
	switch {
	case err != nil:
		return err
	case n.OfCaller >= int64(s.limits.OfCaller):
		return &ErrLimit{LimitOfCaller, s.limits.OfCaller}
	case n.InAll >= int64(s.limits.InAll):
		return &ErrLimit{LimitInAll, s.limits.InAll}
	}
	return nil
}

func sorted(types []string) []string {
	all := append([]string{}, types...)
	slices.Sort(all)
	return slices.Compact(all)
}

// find returns a subscription that nobody else changes before the transaction ends.
func (s *Store) find(ctx context.Context, q *db.Queries, r Request, id uuid.UUID) (Subscription, error) {
	row, err := q.SubscriptionToChange(ctx, db.SubscriptionToChangeParams{WebhookID: id, OwnedBy: r.OwnedBy})
	if errors.Is(err, pgx.ErrNoRows) {
		return Subscription{}, ErrNotFound
	}
	return subscriptionOf(row), err
}

// change does something with a subscription, and writes it.
func (s *Store) change(ctx context.Context, r Request, id uuid.UUID, do func(q *db.Queries, now time.Time, out *Outcome) error) (Outcome, error) {
	return s.once(ctx, r, func(q *db.Queries, now time.Time) (out Outcome, err error) {
		if out.Webhook, err = s.find(ctx, q, r, id); err != nil {
			return out, err
		}
		if err := do(q, now, &out); err != nil {
			return out, err
		}
		w := &out.Webhook
		return out, q.ChangeSubscription(ctx, db.ChangeSubscriptionParams{
			WebhookID: id, Url: w.URL, EventTypes: w.EventTypes, Description: w.Description, Status: string(w.Status), StatusReason: string(w.Reason),
			Position: w.Position, Failures: w.Failures, FailingSince: w.FailingSince, QuietUntil: w.QuietUntil, UpdatedAt: w.UpdatedAt,
		})
	})
}

// Change is what of a subscription is to be different; nil stays as it is.
type Change struct {
	URL         *string
	EventTypes  *[]string
	Description *string
	Paused      *bool // false: it goes on where it stopped, also when it was disabled
}

// Update changes a subscription. What is on its list is sent to the new URL.
func (s *Store) Update(ctx context.Context, r Request, id uuid.UUID, c Change) (Outcome, error) {
	return s.change(ctx, r, id, func(_ *db.Queries, now time.Time, out *Outcome) error {
		w := &out.Webhook
		w.UpdatedAt = now
		if c.URL != nil {
			if err := s.policy.CheckURL(*c.URL); err != nil {
				return err
			}
			w.URL = *c.URL
		}
		if c.EventTypes != nil {
			w.EventTypes = sorted(*c.EventTypes)
		}
		if c.Description != nil {
			w.Description = *c.Description
		}
		if c.Paused != nil && *c.Paused {
			w.Status, w.Reason = Paused, ""
		} else if c.Paused != nil {
			w.resume(now)
		}
		return nil
	})
}

// resume gives the receiver a fresh start.
func (w *Subscription) resume(now time.Time) {
	w.Status, w.Reason, w.Failures, w.FailingSince, w.QuietUntil = Active, "", 0, nil, now
}

// Delete ends a subscription, with its deliveries. What is under way may still arrive.
func (s *Store) Delete(ctx context.Context, r Request, id uuid.UUID) (Outcome, error) {
	return s.once(ctx, r, func(q *db.Queries, _ time.Time) (out Outcome, err error) {
		if out.Webhook, err = s.find(ctx, q, r, id); err != nil {
			return out, err
		}
		_, err = q.DeleteSubscription(ctx, db.DeleteSubscriptionParams{WebhookID: id, OwnedBy: r.OwnedBy})
		return out, err
	})
}

// Rotate gives a subscription another secret. The one before signs, too, for as long as is given, at most SecretKeptMax; the one before that ends.
func (s *Store) Rotate(ctx context.Context, r Request, id uuid.UUID, keep time.Duration) (Outcome, error) {
	return s.change(ctx, r, id, func(q *db.Queries, now time.Time, out *Outcome) error {
		until := now.Add(min(max(keep, 0), SecretKeptMax))
		if err := q.EndSecrets(ctx, db.EndSecretsParams{WebhookID: id, Now: now, Until: until}); err != nil {
			return err
		}
		out.Secret, out.OldUntil, out.Webhook.UpdatedAt = NewSecret(), &until, now
		return q.InsertSecret(ctx, db.InsertSecretParams{WebhookID: id, Secret: out.Secret})
	})
}

// Test puts a delivery on the list that is about nothing. It is sent whatever the subscription's status, and decides nothing about it.
func (s *Store) Test(ctx context.Context, r Request, id uuid.UUID) (Outcome, error) {
	return s.once(ctx, r, func(q *db.Queries, now time.Time) (out Outcome, err error) {
		if out.Webhook, err = s.find(ctx, q, r, id); err != nil {
			return out, err
		}
		if out.DeliveryID, err = uuid.NewV7(); err != nil {
			return out, err
		}
		payload, err := json.Marshal(struct {
			Type      string               `json:"type"`
			Timestamp time.Time            `json:"timestamp"`
			Data      map[string]uuid.UUID `json:"data"`
		}{TestType, now, map[string]uuid.UUID{"webhook_id": id}})
		if err != nil {
			return out, err
		}
		return out, q.InsertTest(ctx, db.InsertTestParams{DeliveryID: out.DeliveryID, WebhookID: id, Type: TestType, Payload: string(payload), Now: now})
	})
}
