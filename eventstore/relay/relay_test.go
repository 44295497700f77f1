package relay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
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
	"passbook/internal/pgtest"
)

func TestPublishesTheLogInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.append(2_500)
	r, _ := b.start(always(3), b.connect(), testConfig())
	head := b.append(600)
	b.untilPublished(head)
	b.requireLog(1, head)
	b.within(5*time.Second, "the status says so", func() bool { return r.Status() == relay.Status{Leading: true, Position: head} })
	all := b.published()
	for i, msg := range all[1:] { // which keeps two relays apart, also where nothing is acknowledged
		if before := msg.Headers().Get(jetstream.ExpectedLastMsgIDHeader); before != all[i].Headers().Get(jetstream.MsgIDHeader) {
			t.Fatalf("message %d expects %q before it", i+2, before)
		}
	}
	last := all[head-1]
	if last.Subject() != "passbook.events.thing.happened" || last.Headers().Get(cloudevent.HeaderEpoch) != "3" ||
		last.Headers().Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("on %s with %v", last.Subject(), last.Headers())
	}
}

func TestNotifyPublishesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	config := testConfig()
	config.Poll, config.Check = time.Hour, time.Hour
	r, _ := b.start(always(1), b.connect(), config)
	b.untilPublished(0)
	b.within(5*time.Second, "leading", func() bool { return r.Status().Leading })
	head := b.append(1)
	b.within(5*time.Second, "published", func() bool { r.Notify(); return b.lastPosition() == head })
}

// Many events at once are a sign of load: the next ones may gather. Few are published as they come, and a stop waits for nothing.
func TestPaceIsForManyEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	config := testConfig()
	config.Pace = time.Hour
	r, stop := b.start(always(1), b.connect(), config)
	var head int64
	for range 3 {
		head = b.append(15)
		b.untilPublished(head)
	}
	many := b.append(16)
	b.untilPublished(many)
	b.append(1)
	r.Notify()
	<-time.After(200 * time.Millisecond)
	if at := b.lastPosition(); at != many {
		t.Errorf("event %d was published within the pace", at)
	}
	stop()
	b.requireLog(1, many)
}

func TestResumesBehindTheLastMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, stop := b.start(always(1), b.connect(), testConfig())
	b.untilPublished(b.append(100))
	stop()
	head := b.append(100)
	b.start(always(2), b.connect(), testConfig())
	b.untilPublished(head)
	b.requireLog(1, head)
}

// Both believe that they lead, and both publish all the time: the expectation on the last sequence keeps them apart.
func TestTwoRelaysAtOnceDoNotInterleave(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	config := testConfig()
	config.Batch, config.Window, config.AckEvery = 50, 200, 20
	for epoch := range 2 {
		b.start(always(epoch+1), b.connect(), config)
	}
	var head int64
	for range 30 {
		head = b.append(100)
	}
	b.untilPublished(head)
	b.requireLog(1, head)
}

func TestLeaderKilledInMidBatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	head := b.append(5_000)
	for epoch := range 5 {
		conn := b.connect()
		_, stop := b.start(always(epoch+1), conn, testConfig())
		before := b.lastPosition()
		b.within(10*time.Second, "something was published", func() bool { return b.lastPosition() > before || before == head })
		conn.Close() // whatever was under way is cut off
		stop()
	}
	b.start(always(6), b.connect(), testConfig())
	b.untilPublished(head)
	b.requireLog(1, head)
}

func TestLeaseDecidesWhoLeads(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pool := pgtest.New(t, eventstore.Migrations).Pool(t, "passbook_command")
	newLease := func(holder string) relay.Leader {
		return lease.New(pool, "relay", holder, 3*time.Second, slog.New(slog.DiscardHandler))
	}
	first, stop := b.start(newLease("a"), b.connect(), testConfig())
	b.within(10*time.Second, "the first leads", func() bool { return first.Status().Leading })
	second, _ := b.start(newLease("b"), b.connect(), testConfig())
	b.untilPublished(b.append(10))
	if second.Status().Leading {
		t.Error("two leaders under one lease")
	}
	stop()
	b.within(10*time.Second, "the second leads", func() bool { return second.Status().Leading })
	if first.Status().Leading {
		t.Error("the first still says it leads")
	}
	head := b.append(10)
	b.untilPublished(head)
	b.requireLog(1, head)
}

func TestEmptyStreamBeginsNearTheHead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	head := b.append(500)
	config := testConfig()
	config.BackfillMax = 120
	b.start(always(1), b.connect(), config)
	b.untilPublished(head)
	b.requireLog(head-119, head)
}

func TestStreamDeletedWhileRunning(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(always(1), b.connect(), testConfig())
	head := b.append(300)
	b.untilPublished(head)

	b.deleteStream() // nothing is being published: the relay looks for itself
	b.untilPublished(head)
	b.requireLog(1, head)

	b.deleteStream()
	head = b.append(300)
	b.untilPublished(head)
	b.requireLog(1, head)
}

func (b *bench) deleteStream() {
	b.t.Helper()
	if err := b.js.DeleteStream(b.t.Context(), cloudevent.Stream); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) purge() {
	b.t.Helper()
	stream, err := b.js.Stream(b.t.Context(), cloudevent.Stream)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := stream.Purge(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func TestStreamPurgedWhileRunning(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r, stop := b.start(always(1), b.connect(), testConfig())
	before := b.append(2_000)
	b.untilPublished(before)
	b.within(5*time.Second, "acknowledged", func() bool { return r.Status().Position == before })
	b.purge()
	head := b.append(300)
	b.untilPublished(head)
	b.requireLog(before+1, head) // it goes on; what was published is not published again
	stop()

	// A new leader finds the stream empty, and the server still remembers every id.
	b.purge()
	later := b.append(2_000)
	r, _ = b.start(always(2), b.connect(), testConfig())
	b.untilPublished(later)
	b.requireLog(head+1, later)
	b.within(5*time.Second, "the position says so", func() bool { return r.Status().Position == later })
}

// A new leader publishes into an empty stream from where the server has forgotten the ids to where it remembers them, in one run of which only the
// last message is acknowledged. That one is a duplicate says nothing of those before it, which were new or refused.
func TestPurgedStreamIsRememberedInPart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	config := testConfig()
	config.Duplicates, config.AckEvery = 2*time.Second, 1_000
	_, stop := b.start(always(1), b.connect(), config)
	b.untilPublished(b.append(300))
	<-time.After(config.Duplicates + 500*time.Millisecond) // the server forgets
	remembered := b.append(300)
	b.untilPublished(remembered)
	stop()
	b.purge()
	r, _ := b.start(always(2), b.connect(), config)
	b.within(20*time.Second, "all that was published counts", func() bool { return r.Status().Position == remembered })
	first := b.published()
	if len(first) < 300 {
		t.Fatalf("%d messages: what the server had forgotten is missing", len(first))
	}
	for i, msg := range first[:300] {
		if position(t, msg.Headers()) != int64(i+1) {
			t.Fatalf("message %d is event %s", i+1, msg.Headers().Get(cloudevent.HeaderPosition))
		}
	}
	head := b.append(300)
	b.untilPublished(head)
	all := b.published()
	for i, msg := range all[len(all)-300:] {
		if position(t, msg.Headers()) != remembered+int64(i+1) {
			t.Fatalf("message %d is event %s", len(all)-300+i+1, msg.Headers().Get(cloudevent.HeaderPosition))
		}
	}
}

func TestBrokerAwayThenWiped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(always(1), b.connect(), testConfig())
	b.untilPublished(b.append(300))

	b.nats.Stop()
	head := b.append(300)
	b.nats.Restart()
	b.untilPublished(head)
	b.requireLog(1, head)

	b.nats.Wipe()
	b.untilPublished(head)
	b.requireLog(1, head)
	head = b.append(300)
	b.untilPublished(head)
	b.requireLog(1, head)
}

// The stream of another bank, or of the days before a restore: publishing into it would mix two histories.
func TestStreamOfAnotherLogIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, stop := b.start(always(1), b.connect(), testConfig())
	b.untilPublished(b.append(50))
	stop()
	for name, position := range map[string]int{"another event at the position": 60, "past the end of the log": 20} {
		other := eventstore.New(pgtest.New(t, eventstore.Migrations).Pool(t, "passbook_command"))
		mine := &bench{t: t, store: other, nats: b.nats, js: b.js}
		mine.append(position)
		logged := &syncBuffer{}
		r, err := relay.New(other, b.connect(), always(9), testConfig(), slog.New(slog.NewTextHandler(logged, nil)), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		b.within(10*time.Second, name+" is refused", func() bool { return strings.Contains(logged.String(), "not of this log") })
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	b.requireLog(1, 50)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestOversizedEventIsLeftOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.append(10)
	large := json.RawMessage(`"` + strings.Repeat("x", eventstore.PayloadMax-2) + `"`)
	b.write([]eventstore.Entry{entry(uuid.New(), large)})
	b.append(10)
	b.write([]eventstore.Entry{entry(uuid.New(), large)})
	r, _ := b.start(always(1), b.connect(), testConfig())
	b.within(5*time.Second, "counted as passed", func() bool { return r.Status().Position == 22 })
	if all := b.published(); len(all) != 20 {
		t.Errorf("%d messages, want 20", len(all))
	}
}

// A late message of an older leader, published with the expectation it had then.
func TestLateMessageOfAnOlderLeaderIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(always(2), b.connect(), testConfig())
	head := b.append(100)
	b.untilPublished(head)
	late := &nats.Msg{Subject: cloudevent.Subject("thing.happened"), Data: []byte("{}"), Header: nats.Header{
		jetstream.ExpectedLastSeqHeader: {"50"}, jetstream.MsgIDHeader: {uuid.NewString()}}}
	if ack, err := b.js.PublishMsg(t.Context(), late); err == nil {
		t.Errorf("stored as %d", ack.Sequence)
	}
	head = b.append(100)
	b.untilPublished(head)
	b.requireLog(1, head)
}

func TestConfigFaultsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	if err := relay.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	err := relay.Config{MaxAge: -1}.Validate()
	for _, fault := range []string{"maximum age", "maximum size", "duplicate window", "replicas", "batch", "acknowledgement", "poll", "retry"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is missing in: %v", fault, err)
		}
	}
}

func BenchmarkRelay(b *testing.B) {
	const events = 50_000
	bench := newBench(b)
	head := bench.append(events)
	for b.Loop() {
		r, stop := bench.start(always(1), bench.connect(), relay.DefaultConfig())
		bench.within(time.Minute, "all published", func() bool { return r.Status().Position == head })
		stop()
		bench.deleteStream()
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
