package feed_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/eventstore/relay"
	"passbook/eventstore/relay/cloudevent"
	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/lease"
	"passbook/internal/natstest"
	"passbook/internal/pgtest"
	"passbook/readmodel"
	"passbook/readmodel/feed"
	"passbook/readmodel/readmodeltest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// pipeline is everything between the log and the rows.
type pipeline struct {
	t         testing.TB
	nats      *natstest.Server
	commands  *pgxpool.Pool
	projector *pgxpool.Pool
	store     *eventstore.Store
	customers *readmodeltest.Generator
	codec     *eventcodec.Codec
	queries   *readmodel.Queries
}

func newPipeline(t testing.TB, seed uint64) *pipeline {
	t.Helper()
	db := pgtest.New(t, eventstore.Migrations, readmodel.Migrations)
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	commands, projector := db.Pool(t, "passbook_command"), db.Pool(t, "passbook_projector")
	store := eventstore.New(commands)
	return &pipeline{
		t: t, nats: natstest.Start(t), commands: commands, projector: projector, store: store, codec: codec,
		customers: readmodeltest.NewLive(store, seed), queries: readmodel.NewQueries(db.Pool(t, "passbook_query")),
	}
}

// connect returns a connection that comes back by itself.
func (p *pipeline) connect() *nats.Conn {
	p.t.Helper()
	conn, err := nats.Connect(p.nats.URL, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(conn.Close)
	return conn
}

// start runs something until stop, or the end of the test.
func (p *pipeline) start(run func(ctx context.Context) error) (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil {
			p.t.Errorf("run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	p.t.Cleanup(stop)
	return stop
}

func (p *pipeline) startRelay(holder string) (stop func()) {
	p.t.Helper()
	config := relay.DefaultConfig()
	config.Poll, config.Check = 5*time.Millisecond, 100*time.Millisecond
	config.RetryMin, config.RetryMax = 5*time.Millisecond, 50*time.Millisecond
	leader := lease.New(p.commands, "relay", holder, 2*time.Second, quiet)
	r, err := relay.New(p.store, p.connect(), leader, config, quiet, prometheus.NewRegistry())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.start(r.Run)
}

var quiet = slog.New(slog.DiscardHandler)

// feedConfig: quick to notice, and to deliver again what a dead projector did not acknowledge.
func feedConfig() feed.Config {
	c := feed.DefaultConfig()
	c.Heartbeat, c.AckWait, c.Timeout = 500*time.Millisecond, time.Second, time.Second
	return c
}

func (p *pipeline) feed(conn *nats.Conn, config feed.Config) *feed.Feed {
	p.t.Helper()
	f, err := feed.New(conn, eventstore.New(p.projector), config, quiet)
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

func engineConfig(holder string) readmodel.Config {
	c := readmodel.DefaultConfig()
	c.Holder, c.LeaseTTL = holder, 2*time.Second
	c.Batch, c.Poll, c.Resubscribe = 500, 50*time.Millisecond, 20*time.Millisecond
	c.RetryMin, c.RetryMax = 5*time.Millisecond, 20*time.Millisecond
	return c
}

func (p *pipeline) engine(source readmodel.Source, registry prometheus.Registerer, config readmodel.Config) *readmodel.Engine {
	p.t.Helper()
	e, err := readmodel.NewEngine(readmodel.Parts{
		Pool: p.projector, Log: eventstore.New(p.projector), Decoder: p.codec, Source: source, Projectors: readmodel.Projectors(),
		Logger: quiet, Registry: registry,
	}, config)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

func (p *pipeline) startProjector(holder string) (stop func()) {
	p.t.Helper()
	return p.start(p.engine(p.feed(p.connect(), feedConfig()), prometheus.NewRegistry(), engineConfig(holder)).Run)
}

// write appends n events and returns the head.
func (p *pipeline) write(n int) int64 {
	p.t.Helper()
	head, err := p.customers.Write(p.t.Context(), n)
	if err != nil {
		p.t.Fatal(err)
	}
	return head.Position
}

func (p *pipeline) untilApplied(position int64) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	if _, err := p.queries.WaitFor(ctx, position); err != nil {
		statuses, _ := p.queries.Projections(p.t.Context())
		p.t.Fatalf("wait for position %d: %v; projections: %+v", position, err, statuses)
	}
}

// verify proves that log and rows agree up to the position.
func (p *pipeline) verify(position int64) {
	p.t.Helper()
	report, err := auditor.Verify(p.t.Context(), p.projector, p.codec, auditor.Options{DifferencesMax: 10})
	if err != nil {
		p.t.Fatal(err)
	}
	if !report.OK() || report.Projections[0].Position != position || report.Projections[1].Position != position {
		var text strings.Builder
		_ = report.WriteText(&text)
		p.t.Errorf("want position %d\n%s", position, text.String())
	}
}

func (p *pipeline) stream() jetstream.Stream {
	p.t.Helper()
	js, err := jetstream.New(p.connect())
	if err != nil {
		p.t.Fatal(err)
	}
	stream, err := js.Stream(p.t.Context(), cloudevent.Stream)
	if err != nil {
		p.t.Fatal(err)
	}
	return stream
}

// within polls until the condition holds.
func (p *pipeline) within(limit time.Duration, what string, holds func() bool) {
	p.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
