package feed

import (
	"context"
	"strings"
	"sync"
	"time"

	"passbook/eventstore"
	"passbook/readmodel"
)

// Shared lets all projections of a process share one subscription: each message is delivered and decoded once, however many
// projections and generations there are. It is a readmodel.Source.
//
// Nobody waits for anybody: who is too slow for its buffer misses deliveries, and reads them from the log like any other loss.
// For the same reason everything is acknowledged as it is handed on, and who subscribes later gets what is delivered from then on.
type Shared struct {
	source   readmodel.Source
	consumer string
	buffer   int

	mu   sync.Mutex
	pump *pump // nil while nobody has subscribed
}

// Share returns a source of what the source delivers to the consumer. A subscriber may be that many events behind.
func Share(source readmodel.Source, consumer string, buffer int) *Shared {
	return &Shared{source: source, consumer: consumer, buffer: buffer}
}

// ConsumerName is the name of a process' consumer: that of the instance, in the characters that JetStream allows.
func ConsumerName(instance string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, instance)
}

// Subscribe implements readmodel.Source. The consumer's name is that of the shared one.
func (s *Shared) Subscribe(ctx context.Context, _ string, after int64) (readmodel.Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pump == nil || s.pump.over() {
		subscription, err := s.source.Subscribe(ctx, s.consumer, after)
		if err != nil {
			return nil, err
		}
		s.pump = startPump(ctx, s, subscription)
	}
	m := &member{shared: s, pump: s.pump, ready: make(chan struct{}, 1)}
	s.pump.members[m] = struct{}{}
	return m, nil
}

// pump takes from the shared subscription and hands on. Shared.mu guards its members.
type pump struct {
	members      map[*member]struct{}
	subscription readmodel.Subscription
	cancel       context.CancelFunc
	ended        chan struct{} // closed when nothing of it is running any more
	err          error         // why; set before
}

const (
	pumpBatch = 1_000
	pumpWait  = time.Second
)

func startPump(ctx context.Context, s *Shared, subscription readmodel.Subscription) *pump {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a subscription outlives the call
	p := &pump{members: map[*member]struct{}{}, subscription: subscription, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		defer subscription.Close()
		p.err = p.run(ctx, s)
	}()
	return p
}

func (p *pump) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// run ends with the first failure, of which all members learn.
func (p *pump) run(ctx context.Context, s *Shared) error {
	for {
		events, err := p.subscription.Next(ctx, pumpBatch, pumpWait)
		if err == nil && len(events) > 0 {
			s.hand(p, events)
		}
		if err == nil {
			err = p.subscription.Acknowledge(ctx)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func (s *Shared) hand(p *pump, events []eventstore.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := range p.members {
		m.put(events, s.buffer)
	}
}

// leave ends the pump behind its last member.
func (s *Shared) leave(m *member) {
	s.mu.Lock()
	delete(m.pump.members, m)
	last := len(m.pump.members) == 0
	if last && s.pump == m.pump {
		s.pump = nil
	}
	s.mu.Unlock()
	if last {
		m.pump.cancel()
		<-m.pump.ended
	}
}

// member is one projection's part in the subscription.
type member struct {
	shared *Shared
	pump   *pump
	ready  chan struct{} // has a token when something is waiting

	mu      sync.Mutex
	waiting []eventstore.Event
	taken   []eventstore.Event // by the last call of Next; kept for its memory
}

// put adds the events, or leaves out those for which there is no room.
func (m *member) put(events []eventstore.Event, room int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, events[:min(len(events), max(0, room-len(m.waiting)))]...)
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take is for when the caller has no use for what it took before: the two slices change places.
func (m *member) take(limit int) []eventstore.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.taken) // else it would keep payloads from being collected
	if m.taken = m.taken[:0]; cap(m.taken) > takenKept {
		m.taken = nil
	}
	n := min(limit, len(m.waiting))
	if n == 0 {
		return nil
	}
	m.waiting, m.taken = append(m.taken, m.waiting[n:]...), m.waiting
	clear(m.taken[n:])
	m.taken = m.taken[:n]
	return m.taken
}

// takenKept is for how many events memory is kept.
const takenKept = 4_096

// Next implements readmodel.Subscription.
func (m *member) Next(ctx context.Context, limit int, wait time.Duration) ([]eventstore.Event, error) {
	if events := m.take(limit); len(events) > 0 || wait <= 0 {
		return events, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-m.ready:
			if events := m.take(limit); len(events) > 0 {
				return events, nil
			}
		case <-m.pump.ended:
			return nil, m.pump.err
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Acknowledge implements readmodel.Subscription. There is nothing to say: see Shared.
func (m *member) Acknowledge(context.Context) error { return nil }

// Close implements readmodel.Subscription.
func (m *member) Close() { m.shared.leave(m) }
