package webhook_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
	"passbook/webhook"
)

// office has a store and a reader behind roles of their own.
type office struct {
	t      *testing.T
	db     *pgtest.DB
	admin  *pgxpool.Pool
	store  *webhook.Store
	reader *webhook.Reader
	n      int
}

func newOffice(t *testing.T, limits webhook.Limits) *office {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	return &office{t: t, db: db, admin: db.Pool(t, ""), store: webhook.NewStore(db.Pool(t, "passbook_command"), webhook.Policy{}, limits), reader: webhook.NewReader(db.Pool(t, "passbook_query"))}
}

// by is a request of a caller, under a key of its own. Customers have names, staff has none.
func (o *office) by(customer string) webhook.Request {
	o.n++
	r := webhook.Request{Caller: "issuer#" + customer, OwnedBy: customer, Key: fmt.Sprint("k", o.n)}
	copy(r.Fingerprint[:], r.Key)
	return r
}

var example = webhook.New{URL: "https://example.com/hooks"}

func (o *office) create(r webhook.Request) webhook.Subscription {
	o.t.Helper()
	out, err := o.store.Create(o.t.Context(), r, example)
	if err != nil || len(out.Secret) != 32 || out.Replayed {
		o.t.Fatalf("%+v, %v", out, err)
	}
	return out.Webhook
}

// Whatever a customer does with the subscription of another, there is none. Staff sees them all.
func TestOthersSubscriptionsDoNotExist(t *testing.T) {
	t.Parallel()
	o := newOffice(t, webhook.Limits{})
	adas, staffs := o.create(o.by("ada")), o.create(o.by(""))
	for name, do := range map[string]func(r webhook.Request, id uuid.UUID) error{
		"update": func(r webhook.Request, id uuid.UUID) error {
			_, err := o.store.Update(t.Context(), r, id, webhook.Change{})
			return err
		},
		"rotate": func(r webhook.Request, id uuid.UUID) error {
			_, err := o.store.Rotate(t.Context(), r, id, 0)
			return err
		},
		"test": func(r webhook.Request, id uuid.UUID) error { _, err := o.store.Test(t.Context(), r, id); return err },
		"replay": func(r webhook.Request, id uuid.UUID) error {
			_, err := o.store.ReplayFrom(t.Context(), r, id, 1)
			return err
		},
		"replay failed": func(r webhook.Request, id uuid.UUID) error {
			_, err := o.store.ReplayFailed(t.Context(), r, id)
			return err
		},
		"replay one": func(r webhook.Request, id uuid.UUID) error {
			_, err := o.store.ReplayDelivery(t.Context(), r, id, uuid.New())
			if errors.Is(err, webhook.ErrNoDelivery) {
				return nil // there is the subscription
			}
			return err
		},
		"read": func(r webhook.Request, id uuid.UUID) error {
			_, err := o.reader.Webhook(t.Context(), r.OwnedBy, id)
			return err
		},
		"deliveries": func(r webhook.Request, id uuid.UUID) error {
			_, _, err := o.reader.Deliveries(t.Context(), webhook.DeliveryFilter{OwnedBy: r.OwnedBy, WebhookID: id, Limit: 1})
			return err
		},
		"delivery": func(r webhook.Request, id uuid.UUID) error {
			_, _, err := o.reader.Delivery(t.Context(), r.OwnedBy, id, uuid.New())
			if errors.Is(err, webhook.ErrNoDelivery) {
				return nil
			}
			return err
		},
	} {
		for who, sees := range map[string][2]bool{"ada": {true, false}, "grace": {false, false}, "": {true, true}} {
			for i, id := range []uuid.UUID{adas.ID, staffs.ID} {
				if err := do(o.by(who), id); (err == nil) != sees[i] || err != nil && !errors.Is(err, webhook.ErrNotFound) {
					t.Errorf("%s by %q: %v", name, who, err)
				}
			}
		}
		if err := do(o.by(""), uuid.New()); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s of none: %v", name, err)
		}
	}
	for who, want := range map[string]int{"ada": 1, "grace": 0, "": 2} {
		if page, more, err := o.reader.Webhooks(t.Context(), webhook.Filter{OwnedBy: who, Limit: 10}); len(page) != want || more || err != nil {
			t.Errorf("%q lists %d, %v", who, len(page), err)
		}
	}
	if _, err := o.store.Delete(t.Context(), o.by("grace"), adas.ID); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("deleted by another: %v", err)
	}
	if _, err := o.store.Delete(t.Context(), o.by("ada"), adas.ID); err != nil {
		t.Error(err)
	}
	if _, err := o.reader.Webhook(t.Context(), "", adas.ID); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
}

// A customer subscribes to the customer's own accounts; another's does not exist.
func TestSubscribingToOneAccount(t *testing.T) {
	t.Parallel()
	o := newOffice(t, webhook.Limits{})
	account := uuid.New()
	if _, err := o.admin.Exec(t.Context(), `INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
		VALUES (1, 1, now(), now(), gen_random_uuid(), $1, 1, 'account', 'account.opened', '{"owner_id":"ada"}', '{}')`, account); err != nil {
		t.Fatal(err)
	}
	nobodys := uuid.New()
	for _, tt := range []struct {
		who     string
		account uuid.UUID
		want    error
	}{{"ada", account, nil}, {"", account, nil}, {"grace", account, webhook.ErrNoAccount}, {"ada", nobodys, webhook.ErrNoAccount}, {"", nobodys, webhook.ErrNoAccount}} {
		if _, err := o.store.Create(t.Context(), o.by(tt.who), webhook.New{URL: example.URL, AccountID: &tt.account}); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.who, err, tt.want)
		}
	}
}

// However many are made at once, there are not more than may be.
func TestLimits(t *testing.T) {
	t.Parallel()
	o := newOffice(t, webhook.Limits{InAll: 8, OfCaller: 5})
	try := func(who string) (made int, refused map[string]int) {
		var all sync.WaitGroup
		faults := make(chan error, 20)
		for range cap(faults) {
			r := o.by(who)
			all.Go(func() {
				_, err := o.store.Create(t.Context(), r, example)
				faults <- err
			})
		}
		all.Wait()
		close(faults)
		refused = map[string]int{}
		for err := range faults {
			var limit *webhook.ErrLimit
			switch {
			case err == nil:
				made++
			case errors.As(err, &limit):
				refused[limit.Limit]++
			default:
				t.Error(err)
			}
		}
		return made, refused
	}
	if made, refused := try("ada"); made != 5 || refused[webhook.LimitOfCaller] != 15 {
		t.Errorf("%d made, refused %v", made, refused)
	}
	if made, refused := try("grace"); made != 3 || refused[webhook.LimitInAll] != 17 {
		t.Errorf("%d made, refused %v", made, refused)
	}
}

// The same key has one effect, however often it is sent and however many at once, and its secret is told once.
func TestTheSameKeyHasOneEffect(t *testing.T) {
	t.Parallel()
	o := newOffice(t, webhook.Limits{})
	r := o.by("ada")
	var all sync.WaitGroup
	outcomes := make([]webhook.Outcome, 8)
	for n := range outcomes {
		all.Go(func() {
			var err error
			if outcomes[n], err = o.store.Create(t.Context(), r, example); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	secrets := 0
	for _, out := range outcomes {
		if out.Webhook.ID != outcomes[0].Webhook.ID || !out.Webhook.CreatedAt.Equal(outcomes[0].Webhook.CreatedAt) || out.Replayed != (out.Secret == nil) {
			t.Errorf("%+v", out)
		}
		if out.Secret != nil {
			secrets++
		}
	}
	if secrets != 1 {
		t.Errorf("told %d secrets", secrets)
	}
	other := r
	other.Fingerprint[31] = 1
	if _, err := o.store.Test(t.Context(), other, outcomes[0].Webhook.ID); !errors.Is(err, webhook.ErrKeyReused) {
		t.Errorf("under the same key: %v", err)
	}
	faulty := o.by("ada")
	if _, err := o.store.Create(t.Context(), faulty, webhook.New{URL: "http://x"}); err == nil {
		t.Error("a faulty URL is taken")
	}
	if _, err := o.store.Create(t.Context(), faulty, example); err != nil {
		t.Errorf("a refusal has used the key up: %v", err)
	}
	for n := range 2 {
		out, err := o.store.Delete(t.Context(), webhook.Request{Caller: "x", Key: "delete"}, outcomes[0].Webhook.ID)
		if err != nil || out.Replayed != (n == 1) {
			t.Errorf("deletion %d: %+v, %v", n, out, err)
		}
	}
}

// Roles get no further than they need: the APIs' cannot read secrets, and the query API's can write nothing.
func TestRoles(t *testing.T) {
	t.Parallel()
	o := newOffice(t, webhook.Limits{})
	s := o.create(o.by(""))
	pools := map[string]*pgxpool.Pool{}
	for _, role := range []string{"passbook_command", "passbook_query", "passbook_projector", "passbook_webhooks"} {
		pools[role] = o.db.Pool(t, role)
	}
	for sql, allowed := range map[string][]string{
		"SELECT secret FROM webhook.secrets":                          {"passbook_webhooks"},
		"SELECT * FROM webhook.secrets":                               {"passbook_webhooks"},
		"SELECT expires_at FROM webhook.secrets":                      {"passbook_command", "passbook_webhooks"},
		"UPDATE webhook.secrets SET secret = secret":                  nil,
		"SELECT FROM webhook.subscriptions":                           {"passbook_command", "passbook_query", "passbook_webhooks"},
		"UPDATE webhook.subscriptions SET url = url":                  {"passbook_command"},
		"UPDATE webhook.subscriptions SET owned_by = owned_by":        {"passbook_command"},
		"UPDATE webhook.subscriptions SET position = position":        {"passbook_command", "passbook_webhooks"},
		"SELECT FROM webhook.deliveries":                              {"passbook_command", "passbook_query", "passbook_webhooks"},
		"UPDATE webhook.deliveries SET state = state":                 {"passbook_command", "passbook_webhooks"},
		"DELETE FROM webhook.deliveries":                              {"passbook_webhooks"},
		"SELECT FROM webhook.attempts":                                {"passbook_query", "passbook_webhooks"},
		"SELECT FROM webhook.requests":                                {"passbook_command"},
		"SELECT FROM events":                                          {"passbook_command", "passbook_query", "passbook_projector", "passbook_webhooks"},
		"UPDATE log_head SET position = position":                     {"passbook_command"},
		"INSERT INTO idempotency_keys SELECT * FROM idempotency_keys": {"passbook_command"},
		"UPDATE readmodel.balances SET balance = balance":             {"passbook_projector"},
		"SELECT FROM process.payments":                                {"passbook_command"},
		"SELECT FROM lease_announcements":                             {"passbook_command"},
	} {
		for role, pool := range pools {
			_, err := pool.Exec(t.Context(), sql)
			if may := slices.Contains(allowed, role); may != (err == nil) || err != nil && !pgkit.InsufficientPrivilege(err) {
				t.Errorf("%s: %s: %v", role, sql, err)
			}
		}
	}
	if _, err := o.store.Rotate(t.Context(), o.by(""), s.ID, time.Hour); err != nil {
		t.Error(err)
	}
}

// Pages lie next to each other.
func TestPages(t *testing.T) {
	t.Parallel()
	o := newOffice(t, webhook.Limits{OfCaller: 100})
	var want, got []uuid.UUID
	for range 7 {
		want = append(want, o.create(o.by("")).ID)
	}
	slices.Reverse(want)
	f := webhook.Filter{Limit: 3}
	for more := true; more; f.Before = got[len(got)-1] {
		var page []webhook.Subscription
		var err error
		if page, more, err = o.reader.Webhooks(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		for _, s := range page {
			got = append(got, s.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
