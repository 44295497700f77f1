package feed

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passbook/eventstore"
	"passbook/eventstore/relay/cloudevent"
	"passbook/readmodel"
)

// subscription hands messages from the client's goroutine to the projection's.
type subscription struct {
	log       *slog.Logger
	consuming jetstream.ConsumeContext
	arrived   chan delivery
	failed    chan error    // the first failure
	closed    chan struct{} // unblocks the client's goroutine
	closing   sync.Once
	last      jetstream.Msg // returned by Next, not acknowledged
}

// delivery is one message. One that is no event of the log has position 0: it is acknowledged with the rest.
type delivery struct {
	event eventstore.Event
	msg   jetstream.Msg
}

func (f *Feed) open(durable jetstream.Consumer) (readmodel.Subscription, error) {
	s := &subscription{
		log:     f.log,
		arrived: make(chan delivery, f.config.Buffer),
		failed:  make(chan error, 1),
		closed:  make(chan struct{}),
	}
	consuming, err := durable.Consume(s.receive,
		jetstream.PullMaxMessages(f.config.Buffer),
		jetstream.PullHeartbeat(f.config.Heartbeat),
		jetstream.PullExpiry(heartbeatsPerPull*f.config.Heartbeat),
		jetstream.ConsumeErrHandler(s.fail))
	if err != nil {
		return nil, fmt.Errorf("consume: %w", err)
	}
	s.consuming = consuming
	return s, nil
}

// receive runs on the client's goroutine, so that decoding goes on while the projection commits. A full buffer holds it up,
// and with it the server.
func (s *subscription) receive(msg jetstream.Msg) {
	event, err := cloudevent.Decode(msg.Data())
	if err != nil {
		s.log.Warn("message left out", "subject", msg.Subject(), "error", err)
		event = eventstore.Event{}
	}
	select {
	case s.arrived <- delivery{event, msg}:
	case <-s.closed:
	}
}

// fail keeps the first failure. Some of them the client would mend by itself, in its own time; a new subscription is sooner
// and always right.
func (s *subscription) fail(_ jetstream.ConsumeContext, err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Next implements readmodel.Subscription.
func (s *subscription) Next(ctx context.Context, limit int, wait time.Duration) ([]eventstore.Event, error) {
	first, ok, err := s.first(ctx, wait)
	if err != nil || !ok {
		return nil, err
	}
	events := s.take(make([]eventstore.Event, 0, min(limit, len(s.arrived)+1)), first)
	for len(events) < limit {
		select {
		case d := <-s.arrived:
			events = s.take(events, d)
		default:
			return events, nil
		}
	}
	return events, nil
}

func (s *subscription) take(events []eventstore.Event, d delivery) []eventstore.Event {
	s.last = d.msg
	if d.event.Position == 0 {
		return events
	}
	return append(events, d.event)
}

func (s *subscription) first(ctx context.Context, wait time.Duration) (delivery, bool, error) {
	select { // without a timer when something is there already
	case d := <-s.arrived:
		return d, true, nil
	case err := <-s.failed:
		return delivery{}, false, fmt.Errorf("deliveries: %w", err)
	default:
	}
	if wait <= 0 {
		return delivery{}, false, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case d := <-s.arrived:
		return d, true, nil
	case err := <-s.failed:
		return delivery{}, false, fmt.Errorf("deliveries: %w", err)
	case <-timer.C:
		return delivery{}, false, nil
	case <-ctx.Done():
		return delivery{}, false, ctx.Err()
	}
}

// Acknowledge implements readmodel.Subscription: the last message stands for all before it.
func (s *subscription) Acknowledge(context.Context) error {
	if s.last == nil {
		return nil
	}
	last := s.last
	s.last = nil
	if err := last.Ack(); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// Close implements readmodel.Subscription.
func (s *subscription) Close() {
	s.closing.Do(func() { close(s.closed) })
	s.consuming.Stop()
	<-s.consuming.Closed()
}
