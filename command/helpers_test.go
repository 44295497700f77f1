package command_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/eventstore/storetest"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var euro = money.MustCurrency("EUR")

const patience = 30 * time.Second

// render is a small renderer: what tests need to see of an outcome.
func render(r command.Request, o command.Outcome) (int, []byte) {
	switch refusal := o.Refusal.(type) { //nolint:errorlint // the processor hands the domain's value through
	case nil:
		return 201, fmt.Appendf(nil, "balance %d version %d position %d", o.State.Balance, o.State.Version, o.Position)
	case account.NotFound:
		return 404, []byte("not found")
	default:
		return 422, fmt.Appendf(nil, "%s %s", r.RequestID, refusal)
	}
}

// hooks stands between a processor and the store. A nil hook passes through.
type hooks struct {
	*eventstore.Store
	appendAt func(next func() error) error
	load     func(ids []uuid.UUID)
}

func (h *hooks) Appender(timeout time.Duration) eventstore.Appender {
	around := func(next func() error) error {
		if h.appendAt == nil {
			return next()
		}
		return h.appendAt(next)
	}
	return storetest.Around(h.Store.Appender(timeout), around)
}

func (h *hooks) Load(ctx context.Context, ids []uuid.UUID, fold string, into eventstore.Loader) error {
	if h.load != nil {
		h.load(ids)
	}
	return h.Store.Load(ctx, ids, fold, into)
}

type house struct {
	*command.Processor
	stop     func() error // ends Run and waits for it
	registry *prometheus.Registry
}

// awaitTaken returns when so many commands were taken from the queue.
func (b house) awaitTaken(t *testing.T, want float64) {
	t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); runtime.Gosched() {
		families, err := b.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "passbook_command_taken_total" && f.GetMetric()[0].GetCounter().GetValue() >= want {
				return
			}
		}
	}
	t.Fatalf("%v commands are never taken", want)
}

// awaitQueued returns when so many commands wait.
func (b house) awaitQueued(t *testing.T, want float64) {
	t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); runtime.Gosched() {
		families, err := b.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "passbook_command_queue_depth" && f.GetMetric()[0].GetGauge().GetValue() == want {
				return
			}
		}
	}
	t.Fatalf("there are never %v commands waiting", want)
}

func newDatabase(t *testing.T) *eventstore.Store {
	t.Helper()
	return eventstore.New(pgtest.New(t, eventstore.Migrations).Pool(t, "passbook_command"))
}

// start runs a processor until the test ends or stop is called.
func start(t *testing.T, store command.Log, config command.Config) house {
	t.Helper()
	registry := prometheus.NewRegistry()
	p, err := command.New(store, config, render, nil, slog.New(slog.DiscardHandler), registry)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop := func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return house{Processor: p, stop: stop, registry: registry}
}

func request(id uuid.UUID, key string, c account.Command) command.Request {
	return command.Request{
		Caller: "tester", Key: key, Fingerprint: sha256.Sum256(fmt.Appendf(nil, "%v %v", id, c)), RequestID: "request-" + key,
		IfVersion: command.NoVersion, Command: bank.OnAccount{AccountID: id, Command: c},
	}
}

func open(id uuid.UUID, overdraft money.Amount) account.Open {
	return account.Open{AccountID: id, OwnerID: "owner-1", OwnerName: "Ada", Currency: euro, OverdraftLimit: overdraft}
}

func deposit(amount money.Amount) account.Deposit {
	return account.Deposit{TransactionID: uuid.Must(uuid.NewV7()), Money: money.Money{Amount: amount, Currency: euro}}
}

func withdraw(amount money.Amount) account.Withdraw {
	return account.Withdraw{TransactionID: uuid.Must(uuid.NewV7()), Money: money.Money{Amount: amount, Currency: euro}}
}

// execute expects an answer without an error.
func execute(t *testing.T, b house, r command.Request) command.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := b.Execute(ctx, r)
	if err != nil {
		t.Fatalf("execute %T under %q: %v", r.Command, r.Key, err)
	}
	return answer
}

func expect(t *testing.T, got command.Answer, status int, body string) {
	t.Helper()
	if got.Status != status || string(got.Body) != body {
		t.Errorf("answer %d %q, want %d %q", got.Status, got.Body, status, body)
	}
}

// fold is the account as the log has it.
func fold(t *testing.T, store *eventstore.Store, id uuid.UUID) account.State {
	t.Helper()
	events, err := store.ReadStream(t.Context(), id, 0, eventstore.ReadMax)
	if err != nil {
		t.Fatal(err)
	}
	var state account.State
	for i, stored := range events {
		if stored.Version != int64(i+1) {
			t.Fatalf("event %d of the stream has version %d", i+1, stored.Version)
		}
		event, err := account.Decode(stored.Type, stored.Schema, stored.Data)
		if err != nil {
			t.Fatal(err)
		}
		state = account.Evolve(state, event, stored.RecordedAt)
		if state.Balance+state.OverdraftLimit < 0 {
			t.Errorf("account %s is below its limit at version %d: %d", id, stored.Version, state.Balance)
		}
	}
	return state
}
