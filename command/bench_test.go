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

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
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
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // under root the server runs as another user
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
	p, err := command.New(store, command.Config{}, render, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	ids := openMany(b, p, accounts)
	var left atomic.Int64
	left.Store(int64(b.N))
	run := uuid.NewString()
	b.ResetTimer()
	var all sync.WaitGroup
	for range waiting {
		all.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				r := request(ids[rand.IntN(len(ids))], run+strconv.FormatInt(n, 10), deposit(1)) //nolint:gosec // a benchmark's choice
				if answer, err := p.Execute(ctx, r); err != nil || answer.Status != 201 {
					b.Errorf("answer %d, %v", answer.Status, err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
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
