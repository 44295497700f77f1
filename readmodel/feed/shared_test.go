package feed_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"passbook/eventstore"
	"passbook/readmodel"
	"passbook/readmodel/feed"
)

// tap is a source whose one subscription delivers what the test says.
type tap struct {
	deliveries   chan []eventstore.Event
	failures     chan error
	subscribed   atomic.Int32
	open         atomic.Int32
	acknowledged atomic.Int32
	consumer     atomic.Value
}

func newTap() *tap {
	return &tap{deliveries: make(chan []eventstore.Event), failures: make(chan error)}
}

func (s *tap) Subscribe(_ context.Context, consumer string, _ int64) (readmodel.Subscription, error) {
	s.subscribed.Add(1)
	s.open.Add(1)
	s.consumer.Store(consumer)
	return s, nil
}

func (s *tap) Next(ctx context.Context, _ int, wait time.Duration) ([]eventstore.Event, error) {
	select {
	case events := <-s.deliveries:
		return events, nil
	case err := <-s.failures:
		return nil, err
	case <-time.After(wait):
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *tap) Acknowledge(context.Context) error { s.acknowledged.Add(1); return nil }

func (s *tap) Close() { s.open.Add(-1) }

// deliver has the events of the positions from first to last delivered and handed on.
func (s *tap) deliver(first, last int64) {
	var events []eventstore.Event
	for p := first; p <= last; p++ {
		events = append(events, eventstore.Event{Position: p})
	}
	s.deliveries <- events
	synctest.Wait()
}

func join(t *testing.T, shared *feed.Shared) readmodel.Subscription {
	t.Helper()
	m, err := shared.Subscribe(t.Context(), "own", 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// gets reads up to limit events and holds them to be those from first to last.
func gets(t *testing.T, m readmodel.Subscription, limit int, first, last int64) {
	t.Helper()
	events, err := m.Next(t.Context(), limit, time.Second)
	if err != nil || int64(len(events)) != last-first+1 {
		t.Fatalf("%d events (%v), want %d to %d", len(events), err, first, last)
	}
	for i, e := range events {
		if e.Position != first+int64(i) {
			t.Fatalf("event %d at %d of %d to %d", e.Position, i, first, last)
		}
	}
}

func TestOneSubscriptionServesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newTap()
		shared := feed.Share(source, feed.ConsumerName("projector/a.b host/12/X"), 100)
		one, two := join(t, shared), join(t, shared)
		source.deliver(1, 10)
		gets(t, one, 100, 1, 10)
		gets(t, two, 4, 1, 4)
		gets(t, two, 100, 5, 10)
		late := join(t, shared)
		source.deliver(11, 12)
		gets(t, late, 100, 11, 12) // what was before, it reads from the log
		gets(t, one, 100, 11, 12)
		if events, err := one.Next(t.Context(), 10, time.Second); err != nil || len(events) != 0 {
			t.Errorf("%d events out of nothing (%v)", len(events), err)
		}
		if source.subscribed.Load() != 1 || source.acknowledged.Load() < 2 || source.consumer.Load() != "projector-a-b-host-12-X" {
			t.Errorf("%d subscriptions as %v, %d acknowledgements", source.subscribed.Load(), source.consumer.Load(), source.acknowledged.Load())
		}
		one.Close()
		late.Close()
		if source.open.Load() != 1 {
			t.Error("closed although one is left")
		}
		gets(t, two, 100, 11, 12)
		two.Close()
		if source.open.Load() != 0 {
			t.Error("left open")
		}
		again := join(t, shared)
		source.deliver(20, 21)
		gets(t, again, 10, 20, 21)
		again.Close()
	})
}

// What one call returned is not touched by what is delivered meanwhile, in whose memory the call after the next one's may lie.
func TestWhatWasTakenStaysUntilTheNextCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newTap()
		m := join(t, feed.Share(source, "c", 10_000))
		defer m.Close()
		source.deliver(1, 10)
		next := int64(1)
		for round := range int64(20) {
			limit := int(3 + 4*(round%5)) // sometimes less than what waits, sometimes more
			taken, err := m.Next(t.Context(), limit, time.Second)
			if err != nil || len(taken) == 0 || len(taken) > limit {
				t.Fatalf("round %d: %d events, at most %d wanted: %v", round, len(taken), limit, err)
			}
			source.deliver(11+10*round, 20+10*round)
			for i, e := range taken {
				if e.Position != next+int64(i) {
					t.Fatalf("round %d: event %d at %d of those from %d", round, e.Position, i, next)
				}
			}
			next += int64(len(taken))
		}
		gets(t, m, 10_000, next, 210)
	})
}

func TestASlowProjectionHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newTap()
		shared := feed.Share(source, "c", 10)
		slow, quick := join(t, shared), join(t, shared)
		for first := int64(1); first <= 100; first += 6 {
			source.deliver(first, first+5)
			gets(t, quick, 100, first, first+5)
		}
		gets(t, slow, 100, 1, 10) // as much as there was room for
		source.deliver(200, 201)
		gets(t, slow, 100, 200, 201)
		slow.Close()
		quick.Close()
	})
}

func TestAFailureReachesAllAndEndsWithANewSubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, broken := newTap(), errors.New("broken")
		shared := feed.Share(source, "c", 10)
		one, two := join(t, shared), join(t, shared)
		source.failures <- broken
		synctest.Wait()
		for _, m := range []readmodel.Subscription{one, two} {
			if _, err := m.Next(t.Context(), 10, time.Second); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
		}
		one.Close()
		renewed := join(t, shared)
		two.Close() // of the failed one: no concern of the new one
		source.deliver(1, 2)
		gets(t, renewed, 10, 1, 2)
		renewed.Close()
		if source.subscribed.Load() != 2 || source.open.Load() != 0 {
			t.Errorf("%d subscriptions, %d open", source.subscribed.Load(), source.open.Load())
		}
	})
}
