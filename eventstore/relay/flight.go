package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// flight is messages on their way, of which the last one is acknowledged. Events that were left out have none, and no ack.
type flight struct {
	through  int64 // position of the last event in it, or left out behind it
	messages int
	ack      jetstream.PubAckFuture
}

// outcome returns the channels one of which tells what became of the last message.
func (f flight) outcome() (<-chan *jetstream.PubAck, <-chan error) { return f.ack.Ok(), f.ack.Err() }

// settled reports whether the outcome is known.
func (f flight) settled() bool {
	return f.ack == nil || len(f.ack.Ok()) > 0 || len(f.ack.Err()) > 0
}

// settle waits until at most open messages are under way, and takes whatever outcomes are known.
func (s *session) settle(ctx context.Context, open int) error {
	for len(s.flights) > 0 && (s.underway > open || s.flights[0].settled()) {
		if s.flights[0].ack == nil {
			s.land(s.shift())
			continue
		}
		ok, failed := s.flights[0].outcome()
		select {
		case ack := <-ok:
			if err := s.acknowledged(ack); err != nil {
				return err
			}
		case err := <-failed:
			return s.lost(err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// idle waits for the log to grow, or for the next look at it, while outcomes come in.
func (s *session) idle(ctx context.Context) error {
	poll := time.NewTimer(s.config.Poll)
	defer poll.Stop()
	for {
		if err := s.settle(ctx, s.underway); err != nil {
			return err
		}
		var ok <-chan *jetstream.PubAck
		var failed <-chan error
		if len(s.flights) > 0 {
			ok, failed = s.flights[0].outcome()
		}
		select {
		case <-s.wake:
			return nil
		case <-poll.C:
			return s.checkStream(ctx)
		case ack := <-ok:
			if err := s.acknowledged(ack); err != nil {
				return err
			}
		case err := <-failed:
			return s.lost(err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// acknowledged takes the outcome of the first flight. It returns errRepeated when the messages behind it cannot have the
// sequences they expect. That the last message of a flight is stored says that all of it is: each of them was only to be stored
// behind the one before it. That the last one was stored earlier says nothing of the others.
func (s *session) acknowledged(ack *jetstream.PubAck) error {
	f := s.shift()
	s.checked = time.Now()
	if ack.Duplicate == s.repeating || f.messages == 1 {
		s.metrics.published.Add(float64(f.messages))
		s.land(f)
	}
	if ack.Duplicate == s.repeating {
		return nil
	}
	s.repeating = ack.Duplicate
	return errRepeated
}

func (s *session) land(f flight) { s.advance(f.through) }

func (s *session) lost(err error) error {
	return fmt.Errorf("publish events up to %d: %w", s.shift().through, err)
}

// shift removes the first flight: an outcome is told once, nobody may wait for it again.
func (s *session) shift() flight {
	first := s.flights[0]
	s.flights = s.flights[1:]
	s.underway -= first.messages
	return first
}

// abandon waits for what is still under way, so that the next session does not read the end of a stream that is about to
// change. Each message has an outcome within the ack timeout.
func (s *session) abandon(ctx context.Context) {
	for _, f := range s.flights {
		if f.ack == nil {
			continue
		}
		ok, failed := f.outcome()
		select {
		case <-ok:
		case err := <-failed:
			s.log.DebugContext(ctx, "abandoned", "through", f.through, "error", err)
		case <-ctx.Done():
			return
		}
	}
}

// checkStream notices, while nothing is published, that the stream has gone.
func (s *session) checkStream(ctx context.Context) error {
	if time.Since(s.checked) < s.config.Check {
		return nil
	}
	s.checked = time.Now()
	info, err := s.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at the stream: %w", err)
	}
	if !info.Created.Equal(s.created) {
		return fmt.Errorf("the stream was made anew at %s", info.Created)
	}
	return nil
}
