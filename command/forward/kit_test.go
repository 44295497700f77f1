package forward_test

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
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
	"passbook/command/forward"
	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/eventstore/storetest"
	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/lease"
	"passbook/internal/natskit"
	"passbook/internal/natstest"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const (
	patience = 30 * time.Second
	ttl      = time.Second
)

var euro = money.MustCurrency("EUR")

// fleet is instances on one database and one NATS.
type fleet struct {
	t     *testing.T
	db    *pgtest.DB
	nats  *natstest.Server
	store *eventstore.Store
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	return &fleet{t: t, db: db, nats: natstest.Start(t), store: eventstore.New(db.Pool(t, "passbook_command"))}
}

// gate stands between an instance and its store.
type gate struct {
	*eventstore.Store

	dead  atomic.Bool
	mu    sync.Mutex
	write func(next func() error) error // around every write
}

var errDead = errors.New("this instance is dead")

func (g *gate) set(write func(next func() error) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.write = write
}

func (g *gate) pass(next func() error) error {
	if g.dead.Load() {
		return errDead
	}
	g.mu.Lock()
	write := g.write
	g.mu.Unlock()
	if write == nil {
		return next()
	}
	return write(next)
}

func (g *gate) Appender(timeout time.Duration) eventstore.Appender {
	return storetest.Around(g.Store.Appender(timeout), g.pass)
}

func (g *gate) Exclusive(ctx context.Context, fn func(context.Context, *eventstore.Session) error) error {
	return g.pass(func() error { return g.Store.Exclusive(ctx, fn) })
}

// instance is a command API without its HTTP.
type instance struct {
	*command.Processor
	fleet    *fleet
	name     string
	gate     *gate
	conn     *nats.Conn
	forward  *forward.Forwarder
	registry *prometheus.Registry
	stop     func() // in order; waits
	kill     func() // NATS and the database are gone for it at once; waits for nothing
}

var counter struct {
	sync.Mutex
	n int
}

func (f *fleet) start(config command.Config) *instance { return f.startLeading(config, nil) }

// startLeading starts an instance with another lease than the real one.
func (f *fleet) startLeading(config command.Config, stake forward.Lease) *instance {
	f.t.Helper()
	counter.Lock()
	counter.n++
	name := fmt.Sprint("instance ", counter.n)
	counter.Unlock()
	pool := f.db.Pool(f.t, "passbook_command")
	i := &instance{fleet: f, name: name, gate: &gate{Store: eventstore.New(pool)}, registry: prometheus.NewRegistry()}
	var err error
	if i.conn, err = natskit.Connect(f.t.Context(), natskit.Config{URL: f.nats.URL, Name: name}); err != nil {
		f.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if i.Processor, err = command.New(i.gate, config, render, nil, log, i.registry); err != nil {
		f.t.Fatal(err)
	}
	if stake == nil {
		stake = lease.New(pool, forward.LeaseName, name, ttl, log)
	}
	i.forward = forward.New(i.conn, stake, i.Processor, log, i.registry)
	i.DecideElsewhere(i.forward)
	i.run()
	i.kill = func() { i.conn.Close(); i.gate.dead.Store(true); go pool.Close() }
	return i
}

// run runs the parts; stop ends them in the order in which a service does.
func (i *instance) run() {
	var ends []func()
	for _, part := range []func(context.Context) error{i.forward.Compete, i.Run, i.forward.Run} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := part(ctx); err != nil {
				i.fleet.t.Errorf("%s: %v", i.name, err)
			}
		}()
		ends = append(ends, func() { cancel(); <-done })
	}
	i.stop = sync.OnceFunc(func() {
		for _, end := range ends {
			end()
		}
		i.conn.Close()
	})
	i.fleet.t.Cleanup(i.stop)
}

// pair starts a decider and an instance that follows it.
func (f *fleet) pair(config command.Config) (decider, follower *instance) {
	f.t.Helper()
	decider = f.start(config)
	decider.awaitDeciding()
	follower = f.start(config)
	follower.awaitFollowing()
	return decider, follower
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !is(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (i *instance) awaitDeciding() {
	i.fleet.t.Helper()
	await(i.fleet.t, i.name+" to decide", func() bool { return i.metric("passbook_command_deciding") == 1 })
}

func (i *instance) awaitFollowing() {
	i.fleet.t.Helper()
	await(i.fleet.t, i.name+" to follow", func() bool { return i.place() == command.There })
}

func (i *instance) place() command.Place {
	place, _, _ := i.forward.Room()
	return place
}

// metric is the sum over the labels.
func (i *instance) metric(name string) (sum float64) {
	i.fleet.t.Helper()
	families, err := i.registry.Gather()
	if err != nil {
		i.fleet.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// render is a small renderer: what tests need to see of an outcome.
func render(r command.Request, o command.Outcome) (int, []byte) {
	switch refusal := o.Refusal.(type) { //nolint:errorlint // the processor hands the domain's value through
	case nil:
		return 201, fmt.Appendf(nil, "balance %d version %d", o.State.Balance, o.State.Version)
	case account.NotFound:
		return 404, []byte("not found")
	default:
		return 422, fmt.Appendf(nil, "%s %s %s", r.RequestID, r.Path, refusal)
	}
}

func request(id uuid.UUID, key string, c account.Command) command.Request {
	return command.Request{
		Caller: "tester", Key: key, Fingerprint: sha256.Sum256(fmt.Appendf(nil, "%v %v", id, c)), RequestID: "request-" + key,
		Path: "/somewhere", Actor: "actor", Traceparent: "trace", Client: "client", UserAgent: "agent", Address: "198.51.100.7",
		IfVersion: command.NoVersion, Command: bank.OnAccount{AccountID: id, Command: c},
	}
}

func open(id uuid.UUID, overdraft money.Amount) account.Open {
	return account.Open{AccountID: id, OwnerID: "owner-1", OwnerName: "Ada", Currency: euro, OverdraftLimit: overdraft}
}

func deposit(amount money.Amount) account.Deposit {
	return account.Deposit{TransactionID: uuid.New(), Money: money.Money{Amount: amount, Currency: euro}, Reference: "for the roof"}
}

func withdraw(amount money.Amount) account.Withdraw {
	return account.Withdraw{TransactionID: uuid.New(), Money: money.Money{Amount: amount, Currency: euro}}
}

// execute expects an answer without an error.
func (i *instance) execute(r command.Request) command.Answer {
	i.fleet.t.Helper()
	ctx, cancel := context.WithTimeout(i.fleet.t.Context(), patience)
	defer cancel()
	answer, err := i.Execute(ctx, r)
	if err != nil {
		i.fleet.t.Fatalf("%s: execute %T under %q: %v", i.name, r.Command, r.Key, err)
	}
	return answer
}

func (i *instance) expect(r command.Request, status int, body string) {
	i.fleet.t.Helper()
	if got := i.execute(r); got.Status != status || string(got.Body) != body {
		i.fleet.t.Errorf("%s: %q is answered %d %q, want %d %q", i.name, r.Key, got.Status, got.Body, status, body)
	}
}

func (i *instance) expectError(r command.Request, want error) {
	i.fleet.t.Helper()
	ctx, cancel := context.WithTimeout(i.fleet.t.Context(), patience)
	defer cancel()
	if answer, err := i.Execute(ctx, r); !errors.Is(err, want) {
		i.fleet.t.Errorf("%s: %q is answered %d %q, %v; want %v", i.name, r.Key, answer.Status, answer.Body, err, want)
	}
}

// outcome is what a call that runs beside the test came to.
type outcome struct {
	answer command.Answer
	err    error
}

// begin executes beside the test.
func (i *instance) begin(r command.Request) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		answer, err := i.Execute(i.fleet.t.Context(), r)
		done <- outcome{answer, err}
	}()
	return done
}

func (f *fleet) end(done <-chan outcome) outcome {
	f.t.Helper()
	select {
	case o := <-done:
		return o
	case <-time.After(patience):
		f.t.Fatal("a command is never answered")
		panic("unreachable")
	}
}

// audit proves the log, and that it has so many events.
func (f *fleet) audit(events int64) {
	f.t.Helper()
	codec, err := eventcodec.New()
	if err != nil {
		f.t.Fatal(err)
	}
	report, err := auditor.Verify(f.t.Context(), f.db.Pool(f.t, "passbook_projector"), codec, auditor.Options{DifferencesMax: 10})
	if err != nil {
		f.t.Fatal(err)
	}
	if !report.OK() {
		var text strings.Builder
		_ = report.WriteText(&text)
		f.t.Error(text.String())
	}
	if head, err := f.store.Head(f.t.Context()); err != nil || events >= 0 && head.Position != events {
		f.t.Errorf("the log ends at %d, %v; want %d", head.Position, err, events)
	}
}
