package rebuild_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
	"passbook/readmodel"
	"passbook/readmodel/readmodeltest"
	"passbook/readmodel/rebuild"
)

func TestMain(m *testing.M) {
	rebuild.Shrink()
	if os.Getenv(childURL) != "" {
		os.Exit(child(os.Getenv(childURL)))
	}
	os.Exit(pgtest.Run(m))
}

var quiet = slog.New(slog.DiscardHandler)

// bank is a log with customers, and read models beside it.
type bank struct {
	t         testing.TB
	db        *pgtest.DB
	admin     *pgxpool.Pool
	projector *pgxpool.Pool
	customers *readmodeltest.Generator
	codec     *eventcodec.Codec
	queries   *readmodel.Queries
}

func newBank(t testing.TB, seed uint64) *bank {
	t.Helper()
	db := pgtest.New(t, eventstore.Migrations, readmodel.Migrations)
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: db.URL, Role: "passbook_projector", MaxConns: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &bank{
		t: t, db: db, admin: db.Pool(t, ""), projector: pool, codec: codec,
		customers: readmodeltest.New(eventstore.New(db.Pool(t, "passbook_command")), seed),
		queries:   readmodel.NewQueries(db.Pool(t, "passbook_query")),
	}
}

// write appends n events of customers and returns the head.
func (b *bank) write(n int) int64 {
	b.t.Helper()
	head, err := b.customers.Write(b.t.Context(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	return head.Position
}

func (b *bank) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.admin.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

func value[T any](b *bank, sql string, args ...any) (v T) {
	b.t.Helper()
	if err := b.admin.QueryRow(b.t.Context(), sql, args...).Scan(&v); err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bank) rebuilder() *rebuild.Rebuilder {
	return rebuild.New(rebuild.Parts{Pool: b.projector, Log: eventstore.New(b.projector), Decoder: b.codec, Logger: quiet, Config: readmodel.DefaultConfig()})
}

// project runs an engine over the projections until stop, or the end of the test.
func (b *bank) project(rebuilder readmodel.Rebuilder, projectors ...readmodel.Projector) (stop func()) {
	b.t.Helper()
	config := readmodel.DefaultConfig()
	config.Holder, config.Poll = fmt.Sprintf("engine-%p", &config), 5*time.Millisecond
	config.LeaseTTL = 2 * time.Second
	config.RetryMin, config.RetryMax = 5*time.Millisecond, 50*time.Millisecond
	engine, err := readmodel.NewEngine(readmodel.Parts{
		Pool: b.projector, Log: eventstore.New(b.projector), Decoder: b.codec, Projectors: projectors, Rebuilder: rebuilder,
		Logger: quiet, Registry: prometheus.NewRegistry(),
	}, config)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := engine.Run(ctx); err != nil {
			b.t.Errorf("run: %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	b.t.Cleanup(stop)
	return stop
}

// projected brings the read models to the end of the log and stops.
func (b *bank) projected(head int64) {
	b.t.Helper()
	stop := b.project(nil, readmodel.Projectors()...)
	b.untilApplied(head)
	stop()
}

func (b *bank) untilApplied(position int64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	if _, err := b.queries.WaitFor(ctx, position); err != nil {
		statuses, _ := b.queries.Projections(b.t.Context())
		b.t.Fatalf("wait for position %d: %v; projections: %+v", position, err, statuses)
	}
}

// until polls until the condition holds.
func (b *bank) until(what string, holds func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("in vain: %s; %+v, %+v", what, b.generations(readmodel.Balances), b.generations(readmodel.Timeline))
		}
	}
}

// verify proves that log and read models agree.
func (b *bank) verify() {
	b.t.Helper()
	report, err := auditor.Verify(b.t.Context(), b.projector, b.codec, auditor.Options{DifferencesMax: 10})
	if err != nil {
		b.t.Fatal(err)
	}
	if !report.OK() {
		var text strings.Builder
		_ = report.WriteText(&text)
		b.t.Error(text.String())
	}
}

func (b *bank) generations(projection string) readmodel.Generations {
	b.t.Helper()
	gs, _, err := readmodel.LoadGenerations(b.t.Context(), b.projector, projection)
	if err != nil {
		b.t.Fatal(err)
	}
	return gs
}

// at is the generation at a place; none is zero.
func (b *bank) at(projection string, place readmodel.Place) readmodel.Generation {
	b.t.Helper()
	g, _ := b.generations(projection).At(place)
	return g
}

func projector(name string) readmodel.Projector {
	for _, p := range readmodel.Projectors() {
		if p.Name == name {
			return p
		}
	}
	panic("no projection " + name)
}

func options(holder string) rebuild.Options {
	return rebuild.Options{Holder: holder, StartedBy: "test", LeaseTTL: 6 * time.Second}
}
