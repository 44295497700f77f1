package process_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/eventstore"
	"passbook/internal/clearing"
	"passbook/internal/eventcodec"
	"passbook/internal/lease"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
	"passbook/process"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const patience = 30 * time.Second

var (
	eur   = money.MustCurrency("EUR")
	quiet = slog.New(slog.DiscardHandler)
)

// hasty is a policy for tests: everything follows at once, and a payment gets stuck soon.
var hasty = payment.Policy{
	StatusAfter: 15 * time.Millisecond, StatusEvery: 15 * time.Millisecond, BackoffFirst: 2 * time.Millisecond, BackoffMax: 10 * time.Millisecond,
	StuckAfter: 3, Grace: 20 * time.Millisecond,
}

// house is a bank with a command processor, an account with money on it, and a clearing house. Processes come and go.
type house struct {
	t         testing.TB
	db        *pgtest.DB
	pool      *pgxpool.Pool
	store     *eventstore.Store
	codec     *eventcodec.Codec
	processor *command.Processor
	clearing  *clearing.House
	account   uuid.UUID
	committed chan struct{} // has a token after commits
	current   atomic.Pointer[process.Process]
	epoch     atomic.Int64
	keys      atomic.Int64
	mute      bool // what the clearing house says by itself is not heard
}

func newHouse(t testing.TB, plan clearing.Plan) *house {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	h := &house{t: t, db: db, pool: db.Pool(t, "passbook_command"), account: uuid.Must(uuid.NewV7()), committed: make(chan struct{}, 1)}
	h.store = eventstore.New(h.pool)
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	h.codec = codec
	h.processor, err = command.New(h.store, command.Config{Approvals: command.Approvals{Thresholds: map[money.Currency]money.Amount{eur: 5_000_000}, Expiry: time.Second}}, render, h.notify, quiet, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	h.run(h.processor.Run)
	h.clearing = clearing.New(plan, quiet)
	h.run(func(ctx context.Context) error { return h.clearing.Run(ctx, h.deliver) })
	h.must(bank.OnAccount{AccountID: h.account, Command: account.Open{AccountID: h.account, OwnerID: "o", Currency: eur}})
	h.must(bank.OnAccount{AccountID: h.account, Command: account.Deposit{TransactionID: uuid.New(), Money: euros(1_000_000)}})
	return h
}

func euros(minor money.Amount) money.Money { return money.Money{Amount: minor, Currency: eur} }

// render is a small renderer: what the process needs to see of an outcome.
func render(_ command.Request, o command.Outcome) (int, []byte) {
	switch refusal := o.Refusal.(type) { //nolint:errorlint // the processor hands the domain's value through
	case nil:
		return 200, []byte(`{}`)
	case payment.NotFound:
		return 404, []byte(`{"code":"not_found"}`)
	default:
		return 422, fmt.Appendf(nil, `{"code":%q}`, refusal.(bank.Refusal).Code()) //nolint:errorlint // as above
	}
}

// run runs a part until the test ends.
func (h *house) run(part func(context.Context) error) (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

func (h *house) notify() {
	select {
	case h.committed <- struct{}{}:
	default:
	}
	if p := h.current.Load(); p != nil {
		p.Notify()
	}
}

// deliver brings the clearing house's own answers to the process that is up.
func (h *house) deliver(ctx context.Context, a payment.Answer) error {
	p := h.current.Load()
	if p == nil || h.mute {
		return errors.New("nobody listens")
	}
	return p.Answer(ctx, a)
}

func (h *house) request(c bank.Command) (command.Answer, error) {
	key := fmt.Sprint("k", h.keys.Add(1))
	return h.processor.Execute(h.t.Context(), command.Request{
		Caller: "issuer#test", Key: key, Fingerprint: sha256.Sum256([]byte(key)), Path: "/", RequestID: key, Actor: "teller", IfVersion: command.NoVersion, Command: c,
	})
}

func (h *house) must(c bank.Command) {
	h.t.Helper()
	if answer, err := h.request(c); err != nil || answer.Status != 200 {
		h.t.Fatalf("%+v: %d %s, %v", c, answer.Status, answer.Body, err)
	}
}

// pay requests a payment and returns its id. A deadline that is over before the request is decided, on a busy machine, is set anew.
func (h *house) pay(reference string, within time.Duration) uuid.UUID {
	h.t.Helper()
	for range 20 {
		id := uuid.Must(uuid.NewV7())
		answer, err := h.ask(id, payment.Request{
			PaymentID: id, AccountID: h.account, HoldID: uuid.Must(uuid.NewV7()), Money: euros(100), Creditor: payment.Creditor{Name: "Grace", Account: "DE89370400440532013000"},
			Reference: reference, Deadline: time.Now().Add(within),
		})
		if err != nil || answer.Status != 200 && !strings.Contains(string(answer.Body), "invalid_parameter") {
			h.t.Fatalf("payment %s: %d %s, %v", reference, answer.Status, answer.Body, err)
		}
		if answer.Status == 200 {
			return id
		}
	}
	h.t.Fatalf("no payment can be requested within %s", within)
	return uuid.Nil
}

func (h *house) ask(id uuid.UUID, c payment.Command) (command.Answer, error) {
	return h.request(bank.OnPayment{PaymentID: id, AccountID: h.account, Command: c})
}

// events are the types of the events in a stream, oldest first.
func (h *house) stream(id uuid.UUID) (events []any, types []string) {
	h.t.Helper()
	stored, err := h.store.ReadStream(context.WithoutCancel(h.t.Context()), id, 0, eventstore.ReadMax)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range stored {
		e, err := h.codec.Payload(s)
		if err != nil {
			h.t.Fatal(err)
		}
		events, types = append(events, e), append(types, s.Type)
	}
	return events, types
}

// await returns when the condition holds. It looks after every commit, and every few milliseconds.
func (h *house) await(what string, holds func() bool) {
	h.t.Helper()
	late := time.After(patience)
	for !holds() {
		select {
		case <-h.committed:
		case <-time.After(5 * time.Millisecond):
		case <-late:
			h.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (h *house) state(id uuid.UUID) payment.State {
	events, _ := h.stream(id)
	var s payment.State
	for _, e := range events {
		s = payment.Evolve(s, e.(payment.Event), time.Time{})
	}
	return s
}

func (h *house) awaitFinal(id uuid.UUID) payment.State {
	h.t.Helper()
	h.await("an outcome of payment "+id.String(), func() bool { return h.state(id).Final() })
	return h.state(id)
}

// awaitIdle returns when the process has nothing open.
func (h *house) awaitIdle() {
	h.t.Helper()
	h.await("no open payment", func() bool { return h.count("SELECT count(*) FROM process.payments") == 0 })
}

func (h *house) count(sql string, args ...any) (n int64) {
	h.t.Helper()
	if err := h.pool.QueryRow(context.WithoutCancel(h.t.Context()), sql, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// leader leads at once, under an epoch greater than every one before.
type leader struct{ epoch *atomic.Int64 }

func (l leader) Run(ctx context.Context, lead lease.Lead) error { return lead(ctx, l.epoch.Add(1)) }

// parts is what a process is made of, when a test wants something else than what the house has.
type parts struct {
	gateway process.Gateway
	bank    process.Executor
	rows    func(what string, do func() error) error
	config  process.Config
	metrics *prometheus.Registry
}

// start starts a process and returns how to stop it.
func (h *house) start(with parts) (stop func()) {
	h.t.Helper()
	if with.gateway == nil {
		with.gateway = h.clearing
	}
	if with.bank == nil {
		with.bank = h.processor
	}
	if with.config.Policy == (payment.Policy{}) {
		with.config.Policy = hasty
	}
	if with.metrics == nil {
		with.metrics = prometheus.NewRegistry()
	}
	with.config.LookMin, with.config.Poll = time.Millisecond, 50*time.Millisecond
	p := process.New(h.pool, leader{&h.epoch}, with.bank, with.gateway, h.codec.Payload, with.config, quiet, with.metrics)
	if with.rows != nil {
		p.Intercept(with.rows)
	}
	h.current.Store(p)
	return h.run(p.Run)
}

// checkAccount: every payment's hold was placed once and ended once, as its outcome says; nothing is held.
func (h *house) checkAccount() {
	h.t.Helper()
	events, _ := h.stream(h.account)
	ends := map[uuid.UUID][]string{}
	var held money.Amount
	var paid money.Amount
	for _, e := range events {
		switch e := e.(type) {
		case account.HoldPlaced:
			ends[e.PaymentID], held = append(ends[e.PaymentID], "placed"), e.HeldAfter
		case account.HoldCaptured:
			ends[e.PaymentID], held = append(ends[e.PaymentID], "captured"), e.HeldAfter
			paid += e.Amount
			if e.Remaining != 0 || e.Amount != 100 {
				h.t.Errorf("captured in part: %+v", e)
			}
		case account.HoldReleased:
			ends[e.PaymentID], held = append(ends[e.PaymentID], "released"), e.HeldAfter
		}
	}
	if held != 0 {
		h.t.Errorf("%d is still held", held)
	}
	for id, got := range ends {
		want := "[placed released]"
		if h.state(id).Status == payment.StatusSettled {
			want = "[placed captured]"
		}
		if fmt.Sprint(got) != want {
			h.t.Errorf("the hold of payment %s, which is %s, was %v", id, h.state(id).Status, got)
		}
	}
	if len(ends) == 0 {
		h.t.Error("no payment was made at all")
	}
}
