package eventstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
	"passbook/internal/embedded"
	"passbook/internal/pgkit"
)

// BenchmarkAppendAt measures one writer on a Postgres that syncs. One operation is one batch; the metric is entries a second.
func BenchmarkAppendAt(b *testing.B) {
	store, backend := durableStore(b)
	streams := make([]uuid.UUID, 10_000)
	for i := range streams {
		streams[i] = uuid.New()
	}
	versions := make([]int64, len(streams))
	next := 0
	for _, answers := range []bool{true, false} {
		for _, size := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("answers=%t/batch=%d", answers, size), func(b *testing.B) {
				before := cpuSeconds(b, backend)
				for b.Loop() {
					entries := make([]eventstore.Entry, size)
					for i := range entries {
						s := next % len(streams)
						next++
						entries[i] = benchEntry(streams[s], versions[s], answers)
						versions[s]++
					}
					head, err := store.Head(b.Context())
					var batch *eventstore.Batch
					if err == nil {
						batch, err = eventstore.NewBatch(head.Next(time.Now()), entries...)
					}
					if err == nil {
						err = store.AppendAt(b.Context(), head, batch)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "entries/s")
				b.ReportMetric((cpuSeconds(b, backend)-before)*1e6/float64(b.N*size), "backend-us/entry")
			})
		}
	}
}

func benchEntry(stream uuid.UUID, version int64, answer bool) eventstore.Entry {
	id := uuid.Must(uuid.NewV7())
	e := eventstore.Entry{Appends: []eventstore.Append{{StreamType: "account", StreamID: stream, Expected: version, Events: []eventstore.NewEvent{{
		ID: id, Type: "money.deposited", Schema: 1,
		Data:     []byte(`{"transaction_id":"01a1fc47-5cd1-7411-8c71-d0d6d76b03d2","amount":12550,"currency":"EUR","reference":"salary","balance_after":12550,"held_after":0}`),
		Metadata: []byte(`{"actor":"operator","correlation_id":"01a1fc47-5cc2-77f0-86dc-0c3681ea21f1","idempotency_key":"` + id.String() + `","client":"bench/1"}`),
	}}}}}
	if answer {
		e.Answer = &eventstore.Answer{
			Key: eventstore.Key{Caller: "http://passbook.local/issuer|operator", Key: uuid.NewString()}, StreamID: stream, Version: version + 1, Status: 201,
			Body: []byte(`{"account_id":"01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e","transaction_id":"01a1fc47-5cd1-7411-8c71-d0d6d76b03d2","version":2,"position":2,"balance":12550,"available":12550,"held":0,"currency":"EUR","status":"open","recorded_at":"2026-11-21T04:04:57.681294Z"}`),
		}
	}
	return e
}

// cpuSeconds is what the process has used of the processors so far, in steps of 10 ms: a measure that neighbours do not
// disturb as much as the clock.
func cpuSeconds(b *testing.B, pid int) float64 {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return math.NaN() // not Linux
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	return (user + system) / 100
}

// durableStore is a store over a single connection, and the process id of the server's side of it.
func durableStore(b *testing.B) (*eventstore.Store, int) {
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
	pool, err := pgkit.Open(b.Context(), pgkit.Config{URL: pg.URL("postgres"), Role: "passbook_command", MaxConns: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	var pid int
	if err := pool.QueryRow(b.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		b.Fatal(err)
	}
	return eventstore.New(pool), pid
}
