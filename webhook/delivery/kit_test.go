package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/lease"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
	"passbook/readmodel"
	"passbook/webhook"
	"passbook/webhook/delivery"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const patience = 60 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// everywhere lets deliveries go to receivers of tests, which are on loopback and speak plain HTTP.
var everywhere = allow("0.0.0.0/0", "::/0")

func allow(networks ...string) (p webhook.Policy) {
	for _, network := range networks {
		p.Allowed = append(p.Allowed, netip.MustParsePrefix(network))
	}
	return p
}

// happenings are news in memory.
type happenings struct {
	mu   sync.Mutex
	news []readmodel.News
}

// add makes n events of an account happen and returns the position of the last one.
func (h *happenings) add(account uuid.UUID, owner, kind string, n int) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range n {
		position := int64(len(h.news) + 1)
		h.news = append(h.news, readmodel.News{OwnerID: owner, TimelineRow: readmodel.TimelineRow{
			AccountID: account, Position: position, Version: position, EventID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, position)), Type: kind,
			Currency: "EUR", Balance: 100 * position, RecordedAt: time.Unix(1_700_000_000+position, 0).UTC(),
		}})
	}
	return int64(len(h.news))
}

func (h *happenings) News(_ context.Context, f readmodel.NewsFilter, after int64) (readmodel.NewsPage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	head := int64(len(h.news))
	page := readmodel.NewsPage{Through: max(after, head), Reached: head, Head: head}
	for i := after; i < head; i++ {
		if n := h.news[i]; f.Picks(&n) {
			page.News = append(page.News, n)
		}
		if len(page.News) == readmodel.NewsPageMax {
			page.Through = i + 1
			break
		}
	}
	return page, nil
}

func (h *happenings) Reached(context.Context) (reached, head int64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int64(len(h.news)), int64(len(h.news)), nil
}

// render is a small renderer.
func render(n *readmodel.News) (string, []byte) {
	return n.Type, fmt.Appendf(nil, `{"account_id":%q,"position":%d}`, n.AccountID, n.Position)
}

// town has a database, callers and receivers. Engines come and go.
type town struct {
	t      testing.TB
	db     *pgtest.DB
	admin  *pgxpool.Pool
	pool   *pgxpool.Pool // of those who deliver
	store  *webhook.Store
	reader *webhook.Reader
	happenings
	keys atomic.Int64
}

func newTown(t testing.TB, limits webhook.Limits) *town {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	return &town{
		t: t, db: db, admin: db.Pool(t, ""), pool: db.Pool(t, "passbook_webhooks"),
		store: webhook.NewStore(db.Pool(t, "passbook_command"), everywhere, limits), reader: webhook.NewReader(db.Pool(t, "passbook_query")),
	}
}

// staff may do everything; owner is a customer.
func (w *town) staff() webhook.Request { return w.by("issuer#staff", "") }

func (w *town) by(caller, ownedBy string) webhook.Request {
	key := fmt.Sprint("k", w.keys.Add(1))
	return webhook.Request{Caller: caller, OwnedBy: ownedBy, Key: key, Fingerprint: [32]byte([]byte(fmt.Sprintf("%-32s", key)))}
}

// subscribe makes a subscription and returns its id. The receiver knows the secret.
func (w *town) subscribe(r *receiver, n webhook.New, by ...webhook.Request) uuid.UUID {
	w.t.Helper()
	if n.URL == "" {
		n.URL = r.server.URL
	}
	request := w.staff()
	if len(by) > 0 {
		request = by[0]
	}
	out, err := w.store.Create(w.t.Context(), request, n)
	if err != nil {
		w.t.Fatal(err)
	}
	r.trust(out.Secret)
	return out.Webhook.ID
}

func (w *town) webhook(id uuid.UUID) webhook.Subscription {
	w.t.Helper()
	s, err := w.reader.Webhook(context.WithoutCancel(w.t.Context()), "", id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// deliveries are all of a subscription, oldest first.
func (w *town) deliveries(id uuid.UUID, state webhook.State) (all []webhook.Delivery) {
	w.t.Helper()
	f := webhook.DeliveryFilter{WebhookID: id, State: state, Limit: 100}
	for {
		page, more, err := w.reader.Deliveries(context.WithoutCancel(w.t.Context()), f)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page...)
		if !more {
			slices.Reverse(all)
			return all
		}
		f.Before = page[len(page)-1].Number
	}
}

func (w *town) attempts(webhookID, id uuid.UUID) []webhook.Attempt {
	w.t.Helper()
	_, attempts, err := w.reader.Delivery(w.t.Context(), "", webhookID, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return attempts
}

// await returns when the condition holds.
func (w *town) await(what string, holds func() bool) {
	w.t.Helper()
	late, tick := time.After(patience), time.NewTicker(3*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// awaitIdle returns when everything that has happened has its delivery, and nothing of the subscriptions is pending.
func (w *town) awaitIdle(ids ...uuid.UUID) {
	w.t.Helper()
	w.await("all lists to be empty", func() bool {
		head, _, _ := w.Reached(w.t.Context())
		for _, id := range ids {
			if s := w.webhook(id); s.Position < head || s.Pending > 0 {
				return false
			}
		}
		return true
	})
}

func (w *town) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.admin.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// leader leads at once, whoever else does.
type leader struct{}

func (leader) Run(ctx context.Context, lead lease.Lead) error { return lead(ctx, 1) }

// hasty is a configuration for tests: everything follows at once.
func hasty() delivery.Config {
	return delivery.Config{RetryFirst: 2 * time.Millisecond, RetryMax: 20 * time.Millisecond, Poll: 2 * time.Millisecond, Timeout: 5 * time.Second}
}

func (w *town) engine(config delivery.Config) *delivery.Engine {
	return delivery.New(w.pool, leader{}, &w.happenings, render, everywhere, config, quiet, prometheus.NewRegistry())
}

// run runs an engine until stop, or the end of the test.
func (w *town) run(e *delivery.Engine) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(w.t.Context()))
	return w.runIn(ctx, e, func() { cancel(nil) })
}

// runToKill is run for an engine that is killed: what it has under way is cut off.
func (w *town) runToKill(e *delivery.Engine) (kill func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(w.t.Context()))
	return w.runIn(ctx, e, func() { cancel(lease.ErrLost) })
}

func (w *town) runIn(ctx context.Context, e *delivery.Engine, cancel func()) (stop func()) {
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// received is a delivery as a receiver got it.
type received struct {
	id        string
	signature string
	body      string
	position  int64
	kind      string
}

// receiver is an HTTP server that checks signatures.
type receiver struct {
	t       testing.TB
	server  *httptest.Server
	answer  func(w http.ResponseWriter, r *http.Request, n int) // nil: 200
	mu      sync.Mutex
	secrets []string
	got     []received
	current atomic.Int64
	most    atomic.Int64
}

func newReceiver(t testing.TB, answer func(w http.ResponseWriter, r *http.Request, n int)) *receiver {
	t.Helper()
	r := &receiver{t: t, answer: answer}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// trust has the receiver know a secret, beside those it knows.
func (r *receiver) trust(s webhook.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, s.Reveal())
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	now := r.current.Add(1)
	defer r.current.Add(-1)
	for most := r.most.Load(); now > most && !r.most.CompareAndSwap(most, now); most = r.most.Load() {
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // it was cut off
	}
	r.mu.Lock()
	good := slices.ContainsFunc(r.secrets, func(s string) bool { return verify(s, q.Header, body, time.Now()) == nil })
	var event struct {
		Type      string
		Timestamp time.Time
		Data      struct{ Position int64 }
	}
	if err := json.Unmarshal(body, &event); err != nil || !good || q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("%s %s %v: signed %v, %v", q.Method, body, q.Header, good, err)
	}
	r.got = append(r.got, received{
		id: q.Header.Get("webhook-id"), signature: q.Header.Get("webhook-signature"), body: string(body), position: event.Data.Position, kind: event.Type,
	})
	n := len(r.got)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, q, n)
	}
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// ids are those of the deliveries that have arrived, by position of the event; an event under two ids is an error.
func (r *receiver) ids() map[int64]string {
	r.t.Helper()
	ids := map[int64]string{}
	for _, g := range r.all() {
		if id, twice := ids[g.position]; twice && id != g.id {
			r.t.Errorf("event %d under two ids: %s and %s", g.position, id, g.id)
		}
		ids[g.position] = g.id
	}
	return ids
}

// expect fails unless exactly the events at these positions have arrived, however often each.
func (r *receiver) expect(positions ...int64) {
	r.t.Helper()
	var got []int64
	for position := range r.ids() {
		got = append(got, position)
	}
	slices.Sort(got)
	if !slices.Equal(got, positions) {
		r.t.Errorf("events %v have arrived, want %v", got, positions)
	}
}

func upTo(n int64) (positions []int64) {
	for p := int64(1); p <= n; p++ {
		positions = append(positions, p)
	}
	return positions
}

func status(code int) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(code) }
}

func resultsOf(attempts []webhook.Attempt) string {
	var words []string
	for _, a := range slices.Backward(attempts) {
		words = append(words, string(a.Result))
	}
	return strings.Join(words, " ")
}
