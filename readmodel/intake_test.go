package readmodel

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"passbook/eventstore"
)

// memoryLog is a log of so many events.
type memoryLog struct{ head int64 }

func (l *memoryLog) ReadLog(_ context.Context, after int64, limit int) ([]eventstore.Event, error) {
	var events []eventstore.Event
	for p := after + 1; p <= l.head && len(events) < limit; p++ {
		events = append(events, eventstore.Event{Position: p})
	}
	return events, nil
}

// unreliable delivers what a test has drawn, then fails or falls silent.
type unreliable struct {
	deliveries [][]int64
	endsWith   error
	open       atomic.Int64
	acked      int
}

func (s *unreliable) Subscribe(context.Context, string, int64) (Subscription, error) {
	s.open.Add(1)
	return s, nil
}

func (s *unreliable) Next(_ context.Context, limit int, _ time.Duration) ([]eventstore.Event, error) {
	if len(s.deliveries) == 0 {
		return nil, s.endsWith
	}
	next := s.deliveries[0]
	s.deliveries = s.deliveries[1:]
	var events []eventstore.Event
	for _, p := range next[:min(limit, len(next))] {
		events = append(events, eventstore.Event{Position: p})
	}
	return events, nil
}

func (s *unreliable) Acknowledge(context.Context) error { s.acked++; return nil }
func (s *unreliable) Close()                            { s.open.Add(-1) }

func newIntake(log Log, source Source, batch int, poll time.Duration) *intake {
	return &intake{
		consumer: "c", source: source, events: log, log: slog.New(slog.DiscardHandler),
		config:  Config{Batch: batch, Poll: poll, Resubscribe: time.Nanosecond},
		fromLog: prometheus.NewCounter(prometheus.CounterOpts{Name: "from_log"}),
	}
}

// Whatever a source repeats, reorders, loses, or makes up past the end of the log: what comes out is the log, each event once.
// (What it makes up right behind the end is left to the checkpoint, which does not pass the head of the log.)
func TestIntakeIsTheLog(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		head := rapid.Int64Range(0, 60).Draw(t, "head")
		position := rapid.Int64Range(0, head).Draw(t, "checkpoint")
		delivery := rapid.SliceOfN(rapid.Int64Range(1, head+3).Filter(func(p int64) bool { return p != head+1 }), 0, 12)
		source := &unreliable{deliveries: rapid.SliceOfN(delivery, 0, 12).Draw(t, "deliveries")}
		if rapid.Bool().Draw(t, "fails") {
			source.endsWith = errors.New("broker away")
		}
		in := newIntake(&memoryLog{head}, source, rapid.IntRange(1, 10).Draw(t, "batch"), time.Nanosecond)
		for quiet := 0; quiet < 3; {
			events, err := in.next(t.Context(), position)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) > in.config.Batch {
				t.Fatalf("%d events in a batch of %d", len(events), in.config.Batch)
			}
			for _, e := range events {
				if e.Position != position+1 {
					t.Fatalf("event %d after %d", e.Position, position)
				}
				position = e.Position
			}
			in.acknowledge(t.Context())
			if quiet++; len(events) > 0 || len(source.deliveries) > 0 {
				quiet = 0
			}
		}
		if position != head {
			t.Fatalf("ended at %d of %d", position, head)
		}
		if in.reset(); source.open.Load() != 0 {
			t.Fatalf("%d subscriptions left open", source.open.Load())
		}
	})
}

// In order and complete, the log is not asked at all.
func TestIntakeTrustsAnOrderlySource(t *testing.T) {
	t.Parallel()
	source := &unreliable{deliveries: [][]int64{{4, 5}, {6}, {7, 8, 9}}}
	in := newIntake(failingLog{}, source, 10, time.Minute)
	for position := int64(3); position < 9; {
		events, err := in.next(t.Context(), position)
		if err != nil {
			t.Fatal(err)
		}
		position += int64(len(events))
		in.acknowledge(t.Context())
	}
	if source.acked != 3 {
		t.Errorf("acknowledged %d times", source.acked)
	}
}

type failingLog struct{}

func (failingLog) ReadLog(context.Context, int64, int) ([]eventstore.Event, error) {
	return nil, errors.New("the log is not to be read")
}

// What is held back behind a gap is not acknowledged before it is applied.
func TestIntakeAcknowledgesWhatIsApplied(t *testing.T) {
	t.Parallel()
	source := &unreliable{deliveries: [][]int64{{5, 6}}}
	in := newIntake(&memoryLog{6}, source, 2, time.Minute)
	var batches [][]int64
	for position := int64(0); position < 6; {
		events, err := in.next(t.Context(), position)
		if err != nil {
			t.Fatal(err)
		}
		var batch []int64
		for _, e := range events {
			batch = append(batch, e.Position)
		}
		batches = append(batches, batch)
		position += int64(len(events))
		in.acknowledge(t.Context())
		if want := position / 6; source.acked != int(want) {
			t.Errorf("acknowledged %d times at position %d", source.acked, position)
		}
	}
	if !slices.EqualFunc(batches, [][]int64{{1, 2}, {3, 4}, {5, 6}}, slices.Equal[[]int64]) {
		t.Errorf("batches %v", batches)
	}
}
