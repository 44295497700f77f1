package command_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/internal/embedded"
	"passbook/internal/pgkit"
)

// BenchmarkExecute measures durable commands a second, without HTTP: fsync and synchronous_commit are on. One operation is
// one deposit, answered and stored under its key.
func BenchmarkExecute(b *testing.B) {
	store := durableStore(b)
	for _, accounts := range []int{10_000, 1} {
		for _, waiting := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("accounts=%d/waiting=%d", accounts, waiting), func(b *testing.B) {
				benchmarkExecute(b, store, accounts, waiting)
			})
		}
	}
}

func durableStore(b *testing.B) *eventstore.Store {
	b.Helper()
	dir, err := os.MkdirTemp("", "passbook-bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	pg, err := embedded.StartPostgres(b.Context(), embedded.PostgresConfig{StateDir: dir, Durable: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = pg.Stop(context.Background()) })
	if err := pgkit.Migrate(b.Context(), pg.URL("postgres"), slog.New(slog.DiscardHandler), eventstore.Migrations); err != nil {
		b.Fatal(err)
	}
	pool, err := pgkit.Open(b.Context(), pgkit.Config{URL: pg.URL("postgres"), Role: "passbook_command"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return eventstore.New(pool)
}

func benchmarkExecute(b *testing.B, store *eventstore.Store, accounts, waiting int) {
	p, stop := runFor(b, store, command.Config{})
	ids := openMany(b, p, accounts)
	var left atomic.Int64
	left.Store(int64(b.N))
	run := uuid.NewString()
	b.ResetTimer()
	var all sync.WaitGroup
	for range waiting {
		all.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				r := request(ids[rand.IntN(len(ids))], run+strconv.FormatInt(n, 10), deposit(1))
				if answer, err := p.Execute(b.Context(), r); err != nil || answer.Status != 201 {
					b.Errorf("answer %d, %v", answer.Status, err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	stop()
}

func openMany(b *testing.B, p *command.Processor, n int) []uuid.UUID {
	b.Helper()
	ids := make([]uuid.UUID, n)
	var all sync.WaitGroup
	for worker := range 64 {
		all.Go(func() {
			for i := worker; i < n; i += 64 {
				ids[i] = uuid.New()
				if _, err := p.Execute(b.Context(), request(ids[i], ids[i].String(), open(ids[i], 0))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return ids
}

// BenchmarkFirstCommand measures the first command after a start on an account of a million events: a snapshot and a tail.
func BenchmarkFirstCommand(b *testing.B) {
	store, id := durableStore(b), uuid.New()
	const events = 1_000_000
	writeHistory(b, store, id, events)
	p, stop := runFor(b, store, command.Config{})
	if _, err := p.Execute(b.Context(), request(id, "reads it whole", deposit(1))); err != nil { // and leaves a snapshot
		b.Fatal(err)
	}
	stop()
	n := 0
	for b.Loop() {
		p, stop := runFor(b, store, command.Config{})
		n++
		if answer, err := p.Execute(b.Context(), request(id, strconv.Itoa(n), deposit(1))); err != nil || answer.Version != int64(events+n+1) {
			b.Fatalf("version %d, %v", answer.Version, err)
		}
		b.StopTimer()
		stop()
		b.StartTimer()
	}
}

// writeHistory opens an account and deposits until it has so many events.
func writeHistory(b *testing.B, store *eventstore.Store, id uuid.UUID, events int) {
	b.Helper()
	var state account.State
	for state.Version < int64(events) {
		appended := eventstore.Append{StreamType: account.StreamType, StreamID: id, Expected: state.Version}
		for range min(10_000, events-int(state.Version)) {
			var c account.Command = deposit(1)
			if state.Version == 0 {
				c = open(id, 0)
			}
			decided, err := account.Decide(state, c, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			typ, schema, data := account.Encode(decided[0])
			appended.Events = append(appended.Events, eventstore.NewEvent{ID: uuid.New(), Type: typ, Schema: schema, Data: data})
			state = account.Evolve(state, decided[0], time.Now())
		}
		if _, err := store.Append(b.Context(), []eventstore.Entry{{Appends: []eventstore.Append{appended}}}); err != nil {
			b.Fatal(err)
		}
	}
}

// runFor runs a processor until stop is called.
func runFor(b *testing.B, store *eventstore.Store, config command.Config) (*command.Processor, func()) {
	b.Helper()
	p, err := command.New(store, config, render, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
