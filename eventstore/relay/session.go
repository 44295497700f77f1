package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passbook/eventstore"
	"passbook/eventstore/relay/cloudevent"
	"passbook/internal/supervise"
)

// errRepeated ends a session whose arithmetic a "duplicate" has upset. The next one knows.
var errRepeated = errors.New("already published")

// outgoing is an event as it is published.
type outgoing struct {
	event   *eventstore.Event
	data    []byte
	through int64 // its position, or that of the last event left out behind it
}

// session is one run of publishing from a known cursor: the first failure ends it.
type session struct {
	*leadership
	stream   jetstream.Stream
	sent     int64      // position of the last event published
	expected uint64     // sequence of the message before the next one
	previous string     // id of that message; "" when it is not known
	first    bool       // nothing has been published yet
	leaving  []outgoing // of the batch at hand; kept for its memory
	encoded  []byte     // their data, likewise: the connection copies what it is given
	unasked  int        // messages behind the last one whose acknowledgement was asked for
	flights  []flight   // in the order of publishing
	underway int        // messages in them
	epochs   []string   // the header's value, shared by all messages
	shared   *envelope  // of the messages that are not kept
	checked  time.Time  // when the stream was last known to exist
}

// session publishes from the end of the stream until something fails or ctx is done.
func (l *leadership) session(ctx context.Context) error {
	stream, from, err := l.resume(ctx)
	if err != nil {
		return err
	}
	s := &session{leadership: l, stream: stream, sent: from.position, expected: from.sequence, previous: from.id,
		first: true, epochs: []string{strconv.FormatInt(l.epoch, 10)}, checked: time.Now()}
	s.shared = newEnvelope(s.epochs)
	l.log.InfoContext(ctx, "relay publishing", "after", from.position, "stream_sequence", from.sequence)
	err = s.follow(ctx)
	s.abandon(ctx)
	return err
}

func (s *session) follow(ctx context.Context) error {
	for {
		if err := s.settle(ctx, s.config.Window-s.config.Batch); err != nil {
			return err
		}
		started := time.Now()
		events, err := s.events.ReadLog(ctx, s.sent, s.config.Batch)
		if err != nil {
			return err
		}
		if err := s.publish(ctx, events); err != nil {
			return err
		}
		if len(events) == s.config.Batch {
			continue
		}
		if len(events) >= paceEvents {
			supervise.Wait(ctx, s.config.Pace-time.Since(started))
		}
		if err := s.idle(ctx); err != nil {
			return err
		}
	}
}

// paceEvents is from how many events on a read of the log is a sign of load: fewer are published as they come.
const paceEvents = 16

// publish sends events without waiting. It asks for the acknowledgement of the last one, of one in AckEvery before it, and of the first
// one of a session: an acknowledgement costs the server and both ends of the connection as much as the message.
//
// While the server answers "duplicate" (the stream was purged, its memory of ids was not) messages are not stored and the
// sequence stands still, so all of them expect the same one, and each is asked about: the first event that is new is stored, and ends
// the session.
func (s *session) publish(ctx context.Context, events []eventstore.Event) error {
	s.prepare(ctx, events)
	defer func() {
		clear(s.leaving)
		if cap(s.encoded) > encodedKept {
			s.encoded = nil
		}
	}()
	for i := range s.leaving {
		o := &s.leaving[i]
		if err := s.send(o, i == len(s.leaving)-1 || s.first || s.repeating || s.unasked+1 >= s.config.AckEvery); err != nil {
			return fmt.Errorf("publish event %d: %w", o.event.Position, err)
		}
		s.first = false
	}
	return nil
}

// prepare encodes what can be published.
func (s *session) prepare(ctx context.Context, events []eventstore.Event) {
	s.leaving, s.encoded = s.leaving[:0], s.encoded[:0]
	most := int(s.js.Conn().MaxPayload()) - headerMax // negative: the server has not said
	for i := range events {
		e := &events[i]
		s.sent = e.Position
		data, err := s.encode(e)
		if err == nil && most > 0 && len(data) > most {
			err = nats.ErrMaxPayload
		}
		if err == nil {
			s.leaving = append(s.leaving, outgoing{e, data, e.Position})
			continue
		}
		s.log.ErrorContext(ctx, "event left out of the stream", "position", e.Position, "event_id", e.ID, "error", err)
		s.metrics.skipped.Inc()
		if n := len(s.leaving); n > 0 {
			s.leaving[n-1].through = e.Position
		} else {
			s.flights = append(s.flights, flight{through: e.Position})
		}
	}
}

// encode puts the event behind those before it.
func (s *session) encode(e *eventstore.Event) ([]byte, error) {
	start := len(s.encoded)
	encoded, err := cloudevent.Append(s.encoded, e)
	if err != nil {
		return nil, err
	}
	s.encoded = encoded
	return encoded[start:len(encoded):len(encoded)], nil
}

func (s *session) send(o *outgoing, ask bool) error {
	v, data := s.shared, o.data
	if ask { // it is kept until it is acknowledged, when the memory of the others has been used again
		v, data = newEnvelope(s.epochs), bytes.Clone(data)
	}
	msg := v.fill(o.event, data, s.expected, s.previous)
	s.unasked++
	if ask {
		ack, err := s.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0))
		if err != nil {
			return err
		}
		s.flights = append(s.flights, flight{o.through, s.unasked, ack})
		s.underway += s.unasked
		s.unasked = 0
	} else if err := s.js.Conn().PublishMsg(msg); err != nil {
		return err
	}
	if !s.repeating {
		s.expected++
		s.previous = v.values[0]
	}
	return nil
}

// encodedKept is how many bytes of memory are kept from one batch to the next.
const encodedKept = 1 << 20
