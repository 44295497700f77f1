package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/eventstore/relay"
	"passbook/eventstore/relay/cloudevent"
	"passbook/internal/lease"
	"passbook/internal/natstest"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// bench is a log and a broker.
type bench struct {
	t     testing.TB
	store *eventstore.Store
	nats  *natstest.Server
	js    jetstream.JetStream // the test's own view
}

func newBench(t testing.TB) *bench {
	t.Helper()
	db := pgtest.New(t, eventstore.Migrations)
	b := &bench{t: t, store: eventstore.New(db.Pool(t, "passbook_command")), nats: natstest.Start(t)}
	js, err := jetstream.New(b.connect())
	if err != nil {
		t.Fatal(err)
	}
	b.js = js
	return b
}

// connect returns a connection that comes back by itself.
func (b *bench) connect() *nats.Conn {
	b.t.Helper()
	conn, err := nats.Connect(b.nats.URL, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(conn.Close)
	return conn
}

// always leads from the start: two of them lead at once.
type always int64

func (epoch always) Run(ctx context.Context, lead lease.Lead) error { return lead(ctx, int64(epoch)) }

func testConfig() relay.Config {
	c := relay.DefaultConfig()
	c.Poll, c.Check, c.AckTimeout = 5*time.Millisecond, 100*time.Millisecond, 2*time.Second
	c.RetryMin, c.RetryMax = 5*time.Millisecond, 50*time.Millisecond
	return c
}

// start runs a relay until stop, or the end of the test.
func (b *bench) start(leader relay.Leader, conn *nats.Conn, config relay.Config) (r *relay.Relay, stop func()) {
	b.t.Helper()
	r, err := relay.New(b.store, conn, leader, config, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx); err != nil {
			b.t.Errorf("relay: %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	b.t.Cleanup(stop)
	return r, stop
}

// append writes n events onto a few streams and returns the head.
func (b *bench) append(n int) int64 {
	b.t.Helper()
	for left := n; left > 0; {
		batch := min(left, 1_000)
		left -= batch
		entries := make([]eventstore.Entry, batch)
		for i := range entries {
			entries[i] = entry(uuid.NewSHA1(uuid.Nil, []byte{byte(i % 7)}), json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)))
		}
		b.write(entries)
	}
	head, err := b.store.Head(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return head.Position
}

func (b *bench) write(entries []eventstore.Entry) {
	b.t.Helper()
	verdicts, err := b.store.Append(b.t.Context(), entries)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, verdict := range verdicts {
		if verdict.Err != nil {
			b.t.Fatal(verdict.Err)
		}
	}
}

func entry(stream uuid.UUID, data []byte) eventstore.Entry {
	return eventstore.Entry{Appends: []eventstore.Append{{
		StreamType: "test", StreamID: stream, Expected: eventstore.AnyVersion,
		Events: []eventstore.NewEvent{{ID: uuid.Must(uuid.NewV7()), Type: "thing.happened", Schema: 1, Data: data}},
	}}}
}

// within polls until the condition holds.
func (b *bench) within(limit time.Duration, what string, holds func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// untilPublished waits until the last message of the stream has the position.
func (b *bench) untilPublished(position int64) {
	b.t.Helper()
	b.within(20*time.Second, fmt.Sprintf("event %d is the last of the stream", position), func() bool {
		return b.lastPosition() == position
	})
}

// lastPosition is 0 while there is none to be had.
func (b *bench) lastPosition() int64 {
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
	defer cancel()
	stream, err := b.js.Stream(ctx, cloudevent.Stream)
	if err != nil {
		return 0
	}
	last, err := stream.GetLastMsgForSubject(ctx, cloudevent.Subjects)
	if err != nil {
		return 0
	}
	return position(b.t, last.Header)
}

func position(t testing.TB, header nats.Header) int64 {
	t.Helper()
	n, err := strconv.ParseInt(header.Get(cloudevent.HeaderPosition), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// published reads the whole stream.
func (b *bench) published() []jetstream.Msg {
	b.t.Helper()
	stream, err := b.js.Stream(b.t.Context(), cloudevent.Stream)
	if err != nil {
		b.t.Fatal(err)
	}
	count := stream.CachedInfo().State.Msgs
	if count == 0 {
		return nil
	}
	consumer, err := stream.CreateConsumer(b.t.Context(), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		b.t.Fatal(err)
	}
	batch, err := consumer.Fetch(int(count), jetstream.FetchMaxWait(10*time.Second)) //nolint:gosec // small
	if err != nil {
		b.t.Fatal(err)
	}
	var all []jetstream.Msg
	for msg := range batch.Messages() {
		all = append(all, msg)
	}
	if batch.Error() != nil || uint64(len(all)) != count {
		b.t.Fatalf("read %d of %d messages: %v", len(all), count, batch.Error())
	}
	return all
}

// requireLog fails unless the stream holds exactly the events from first to last of the log, in order.
func (b *bench) requireLog(first, last int64) {
	b.t.Helper()
	all := b.published()
	if int64(len(all)) != last-first+1 {
		b.t.Errorf("%d messages, want %d", len(all), last-first+1)
	}
	stored := b.readLog(first, last)
	for i, msg := range all {
		e, err := cloudevent.Decode(msg.Data())
		if err != nil {
			b.t.Fatal(err)
		}
		if i >= len(stored) || e.Position != stored[i].Position || e.ID != stored[i].ID || string(e.Data) != string(stored[i].Data) {
			b.t.Fatalf("message %d of the stream is event %d %s", i+1, e.Position, e.ID)
		}
		if position(b.t, msg.Headers()) != e.Position || msg.Headers().Get(jetstream.MsgIDHeader) != e.ID.String() {
			b.t.Fatalf("headers of event %d: %v", e.Position, msg.Headers())
		}
	}
}

func (b *bench) readLog(first, last int64) []eventstore.Event {
	b.t.Helper()
	var stored []eventstore.Event
	for after := first - 1; after < last; after = stored[len(stored)-1].Position {
		events, err := b.store.ReadLog(b.t.Context(), after, int(min(last-after, 1_000)))
		if err != nil || len(events) == 0 {
			b.t.Fatalf("read the log after %d: %d events, %v", after, len(events), err)
		}
		stored = append(stored, events...)
	}
	return stored
}
