package readmodel_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		os.Exit(followUntilKilled(url))
	}
	os.Exit(pgtest.Run(m))
}

// all is how many projections there are.
var all = len(readmodel.Projectors())

// bank is a log with customers, and read models beside it.
type bank struct {
	t         testing.TB
	db        *pgtest.DB
	admin     *pgxpool.Pool
	projector *pgxpool.Pool
	store     *eventstore.Store
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
	store := eventstore.New(db.Pool(t, "passbook_command"))
	return &bank{
		t: t, db: db, admin: db.Pool(t, ""), projector: openProjector(t, db), store: store, codec: codec,
		customers: readmodeltest.New(store, seed), queries: readmodel.NewQueries(db.Pool(t, "passbook_query")),
	}
}

// openProjector opens a pool that a test can tell from the others, to cut its connections.
func openProjector(t testing.TB, db *pgtest.DB) *pgxpool.Pool {
	t.Helper()
	return openSmallProjector(t, db, pgkit.DefaultMaxConns)
}

// openSmallProjector is openProjector with as many connections at most.
func openSmallProjector(t testing.TB, db *pgtest.DB, conns int32) *pgxpool.Pool {
	t.Helper()
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: db.URL, Role: "passbook_projector", ApplicationName: "projector", MaxConns: conns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
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

func testConfig() readmodel.Config {
	c := readmodel.DefaultConfig()
	c.Holder, c.LeaseTTL = "test", 3*time.Second
	c.Batch, c.Poll, c.Resubscribe = 200, 5*time.Millisecond, 20*time.Millisecond
	c.RetryMin, c.RetryMax = 5*time.Millisecond, 20*time.Millisecond
	return c
}

func (b *bank) parts(source readmodel.Source) readmodel.Parts {
	return readmodel.Parts{
		Pool: b.projector, Log: eventstore.New(b.projector), Decoder: b.codec, Source: source, Projectors: readmodel.Projectors(),
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}
}

func (b *bank) engine(parts readmodel.Parts, config readmodel.Config) *readmodel.Engine {
	b.t.Helper()
	e, err := readmodel.NewEngine(parts, config)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

// run runs until stop, or the end of the test.
func (b *bank) run(run func(ctx context.Context) error) (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil {
			b.t.Errorf("run: %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	b.t.Cleanup(stop)
	return stop
}

// untilApplied waits until all projections have reached the position.
func (b *bank) untilApplied(position int64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	if _, err := b.queries.WaitFor(ctx, position); err != nil {
		statuses, _ := b.queries.Projections(b.t.Context())
		b.t.Fatalf("wait for position %d: %v; projections: %+v", position, err, statuses)
	}
}

// verify proves that log and read models agree up to the position.
func (b *bank) verify(position int64) {
	b.t.Helper()
	b.verifyWith(position, b.codec)
}

// verifyWith is verify by code that reads what others cannot.
func (b *bank) verifyWith(position int64, decoder auditor.Decoder) {
	b.t.Helper()
	report, err := auditor.Verify(b.t.Context(), b.projector, decoder, auditor.Options{DifferencesMax: 10})
	if err != nil {
		b.t.Fatal(err)
	}
	var text strings.Builder
	_ = report.WriteText(&text)
	if !report.OK() {
		b.t.Error(text.String())
	}
	for _, p := range report.Projections {
		if p.Position != position {
			b.t.Errorf("%s is at %d, want %d", p.Name, p.Position, position)
		}
	}
}

// exec changes what no role of the bank may change.
func (b *bank) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.admin.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

// untilStopped waits until the projection is stopped by a cause that contains the text.
func (b *bank) untilStopped(projection, cause string) readmodel.Projection {
	b.t.Helper()
	var found readmodel.Projection
	b.within(20*time.Second, fmt.Sprintf("%s stops: %s", projection, cause), func() bool {
		found = b.status(projection)
		stopped := found.State == readmodel.StateStopped || found.State == readmodel.StateAhead
		return stopped && strings.Contains(found.Cause, cause)
	})
	return found
}

func (b *bank) status(projection string) readmodel.Projection {
	b.t.Helper()
	statuses, err := b.queries.Projections(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range statuses {
		if s.Name == projection {
			return s
		}
	}
	return readmodel.Projection{}
}

// within polls until the condition holds.
func (b *bank) within(limit time.Duration, what string, holds func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("not within %s: %s; projections: %+v, %+v", limit, what, b.status(readmodel.Balances), b.status(readmodel.Timeline))
		}
	}
}

// readLog returns up to limit events after the position.
func (b *bank) readLog(after int64, limit int) []eventstore.Event {
	b.t.Helper()
	events, err := b.store.ReadLog(b.t.Context(), after, limit)
	if err != nil {
		b.t.Fatal(err)
	}
	return events
}

// script is a source that delivers the same events to every subscription, then is silent.
type script struct {
	events []eventstore.Event
	count  atomic.Int64
}

func newScript(events ...eventstore.Event) *script { return &script{events: events} }

func (s *script) subscribed() int64 { return s.count.Load() }

func (s *script) Subscribe(context.Context, string, int64) (readmodel.Subscription, error) {
	s.count.Add(1)
	return &scripted{left: s.events}, nil
}

// scripted acknowledges nothing: to it, every projector has died between commit and acknowledgement.
type scripted struct{ left []eventstore.Event }

func (s *scripted) Next(ctx context.Context, limit int, wait time.Duration) ([]eventstore.Event, error) {
	n := min(limit, len(s.left))
	if n > 0 {
		next := slices.Clone(s.left[:n]) // the script is that of all who subscribe
		s.left = s.left[n:]
		return next, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *scripted) Acknowledge(context.Context) error { return nil }
func (s *scripted) Close()                            {}

// patience bounds every wait for something that must happen; the machine may be busy.
const patience = 120 * time.Second

// lockedBuffer is a log that several write to.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lockedBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
