package feed_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore/relay/cloudevent"
	"passbook/readmodel"
	"passbook/readmodel/feed"
)

// With everything in order the events come by the stream, and the log is not polled for them.
func TestEventsComeByTheStream(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 1)
	p.startRelay("r")
	registry := prometheus.NewRegistry()
	config := engineConfig("p")
	config.Poll = time.Minute // the stream or nothing
	p.untilStreamExists()
	p.start(p.engine(p.feed(p.connect(), feedConfig()), registry, config).Run)
	var head int64
	for range 10 {
		head = p.write(100)
		p.untilApplied(head)
	}
	p.verify(head)
	if n := counter(t, registry, "passbook_projection_events_applied_total"); n != float64(int64(len(readmodel.Projectors()))*head) {
		t.Errorf("%v events applied by all projections, want %d each", n, head)
	}
	p.within(10*time.Second, "everything is acknowledged", func() bool {
		info, err := p.stream().Consumer(t.Context(), "balances-1")
		return err == nil && info.CachedInfo().NumAckPending == 0 && info.CachedInfo().NumPending == 0
	})
}

func (p *pipeline) untilStreamExists() {
	p.t.Helper()
	js, err := jetstream.New(p.connect())
	if err != nil {
		p.t.Fatal(err)
	}
	p.within(10*time.Second, "the stream exists", func() bool {
		_, err := js.Stream(p.t.Context(), cloudevent.Stream)
		return err == nil
	})
}

func counter(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, family := range families {
		if family.GetName() == name {
			for _, metric := range family.GetMetric() {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestTwoOfEachAtOnce(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 2)
	stopRelay := p.startRelay("r1")
	p.startRelay("r2")
	stopProjector := p.startProjector("p1")
	p.startProjector("p2")
	for i := range 10 {
		p.write(200)
		switch i {
		case 3:
			stopRelay()
		case 6:
			stopProjector()
		}
	}
	head := p.write(200)
	p.untilApplied(head)
	p.verify(head)
}

func TestBrokerAwayForAWhile(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 3)
	p.startRelay("r")
	patient := feedConfig()
	patient.Timeout = time.Minute // nobody may wait for the broker
	p.start(p.engine(p.feed(p.connect(), patient), prometheus.NewRegistry(), engineConfig("p")).Run)
	p.untilApplied(p.write(300))
	p.nats.Stop()
	var head int64
	for range 5 {
		head = p.write(60)
		p.untilApplied(head) // from the log alone
	}
	p.verify(head)
	p.nats.Restart()
	head = p.write(300)
	p.untilApplied(head)
	p.verify(head)
}

func TestWipedBroker(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 4)
	p.startRelay("r")
	stop := p.startProjector("p")
	p.untilApplied(p.write(300))

	p.nats.Wipe() // under a running projector
	head := p.write(300)
	p.untilApplied(head)
	p.verify(head)

	stop()
	p.nats.Wipe() // under a stopped one
	p.startProjector("p")
	head = p.write(300)
	p.untilApplied(head)
	p.verify(head)
}

func TestPurgedStream(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 5)
	stopRelay := p.startRelay("r")
	p.untilStreamExists()
	p.write(500)
	if err := p.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.startProjector("p")
	p.write(100)
	if err := p.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.untilApplied(p.write(100))
	stopRelay()
	if err := p.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.startRelay("r")
	head := p.write(100)
	p.untilApplied(head)
	p.verify(head)
}

func TestDeletedStreamAndConsumers(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 6)
	p.startRelay("r")
	p.startProjector("p")
	p.untilApplied(p.write(300))
	for _, name := range []string{"balances-1", "timeline-1"} {
		if err := p.stream().DeleteConsumer(t.Context(), name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			t.Fatal(err)
		}
	}
	p.untilApplied(p.write(300))
	js, err := jetstream.New(p.connect())
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), cloudevent.Stream); err != nil {
		t.Fatal(err)
	}
	head := p.write(300)
	p.untilApplied(head)
	p.verify(head)
}

// A projector dies again and again between commit and acknowledgement: everything is delivered again and dropped.
func TestCrashBetweenApplyAndAcknowledge(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 7)
	p.startRelay("r")
	p.untilStreamExists()
	for range 5 {
		mute := &muteSource{Source: p.feed(p.connect(), feedConfig())}
		stop := p.start(p.engine(mute, prometheus.NewRegistry(), engineConfig("p")).Run)
		p.untilApplied(p.write(100))
		p.within(10*time.Second, "an acknowledgement was due", func() bool { return mute.due.Load() > 0 })
		stop()
	}
	stop := p.startProjector("p")
	head := p.write(100)
	p.untilApplied(head)
	stop()
	p.verify(head)
}

// muteSource delivers but never acknowledges.
type muteSource struct {
	readmodel.Source
	due atomic.Int64
}

func (m *muteSource) Subscribe(ctx context.Context, consumer string, after int64) (readmodel.Subscription, error) {
	s, err := m.Source.Subscribe(ctx, consumer, after)
	if err != nil {
		return nil, err
	}
	return &muteSubscription{s, m}, nil
}

type muteSubscription struct {
	readmodel.Subscription
	source *muteSource
}

func (m *muteSubscription) Acknowledge(context.Context) error {
	m.source.due.Add(1)
	return nil
}

// Garbage on the bank's subjects is left out; what it stands for is in the log.
func TestGarbageInTheStream(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 8)
	stopRelay := p.startRelay("r")
	p.startProjector("p")
	p.untilApplied(p.write(100))
	stopRelay()
	js, err := jetstream.New(p.connect())
	if err != nil {
		t.Fatal(err)
	}
	for _, garbage := range []string{"", "hello", `{"specversion":"1.0"}`} {
		if _, err := js.Publish(t.Context(), cloudevent.Subject("thing.happened"), []byte(garbage)); err != nil {
			t.Fatal(err)
		}
	}
	head := p.write(100)
	p.untilApplied(head)
	p.verify(head)
}

// The stream of the days before a restore, or of another bank, is not listened to.
func TestStreamOfAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 9)
	p.startRelay("r")
	p.write(50)
	p.untilStreamExists()
	p.within(10*time.Second, "published", func() bool { return p.stream().CachedInfo().State.Msgs == 50 })

	other := newPipeline(t, 10)
	other.nats = p.nats
	for _, position := range []int{20, 60} { // less than the stream has, more than it has
		other.write(position - int(other.customers.Head().Position))
		subscription, err := other.feed(p.connect(), feedConfig()).Subscribe(t.Context(), "balances-1", 0)
		if !errors.Is(err, feed.ErrForeign) {
			t.Errorf("at %d events: %v, %v", position, subscription, err)
		}
	}
	other.startProjector("p")
	other.untilApplied(60)
	other.verify(60)
}

// A consumer begins where the checkpoint is, whatever it was told before.
func TestSubscriptionBeginsAtTheCheckpoint(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 11)
	p.startRelay("r")
	p.untilStreamExists()
	p.write(1_000)
	p.within(10*time.Second, "published", func() bool { return p.stream().CachedInfo().State.Msgs == 1_000 })
	config := feedConfig()
	config.Buffer = 100
	f := p.feed(p.connect(), config)
	for _, after := range []int64{0, 990, 10, 500, 950, 1_000} {
		subscription, err := f.Subscribe(t.Context(), "balances-1", after)
		if err != nil {
			t.Fatal(err)
		}
		first := int64(1_001)
		if events, err := subscription.Next(t.Context(), 1, 300*time.Millisecond); err != nil {
			t.Error(err)
		} else if len(events) > 0 {
			first = events[0].Position
		}
		if first > after+1 || first < after+1-int64(config.Buffer) {
			t.Errorf("after %d it begins at %d", after, first)
		}
		subscription.Close()
	}
}

func TestConfigFaultsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	err := feed.Config{}.Validate()
	for _, fault := range []string{"buffer", "ack wait", "heartbeat"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is missing in: %v", fault, err)
		}
	}
	if err := feed.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
