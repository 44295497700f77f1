package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passbook/eventstore"
	"passbook/eventstore/relay/cloudevent"
)

// errRepeated ends a session whose arithmetic a "duplicate" has upset. The next one knows.
var errRepeated = errors.New("already published")

// session is one run of publishing from a known cursor: the first failure ends it.
type session struct {
	*leadership
	stream   jetstream.Stream
	sent     int64     // position of the last event published
	expected uint64    // sequence of the message before the next one
	previous string    // id of that message; "" when it is not known
	flights  []flight  // in the order of publishing
	epochs   []string  // the header's value, shared by all messages
	checked  time.Time // when the stream was last known to exist
}

// session publishes from the end of the stream until something fails or ctx is done.
func (l *leadership) session(ctx context.Context) error {
	stream, from, err := l.resume(ctx)
	if err != nil {
		return err
	}
	s := &session{leadership: l, stream: stream, sent: from.position, expected: from.sequence, previous: from.id,
		epochs: []string{strconv.FormatInt(l.epoch, 10)}, checked: time.Now()}
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
		events, err := s.events.ReadLog(ctx, s.sent, s.config.Batch)
		if err != nil {
			return err
		}
		for i := range events {
			if err := s.publish(ctx, &events[i]); err != nil {
				return err
			}
		}
		if len(events) == s.config.Batch {
			continue
		}
		if err := s.idle(ctx); err != nil {
			return err
		}
	}
}

// publish sends one event without waiting.
//
// While the server answers "duplicate" (the stream was purged, its memory of ids was not) messages are not stored and the
// sequence stands still, so all of them expect the same one: the first event that is new is stored, and ends the session.
func (s *session) publish(ctx context.Context, e *eventstore.Event) error {
	data, err := cloudevent.Append(nil, e)
	if err != nil {
		s.skip(ctx, e, err)
		return nil
	}
	ack, err := s.js.PublishMsgAsync(s.message(e, data), jetstream.WithRetryAttempts(0))
	if errors.Is(err, nats.ErrMaxPayload) {
		s.skip(ctx, e, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("publish event %d: %w", e.Position, err)
	}
	s.flights = append(s.flights, flight{e.Position, ack})
	s.sent = e.Position
	if !s.repeating {
		s.expected++
		s.previous = ack.Msg().Header.Get(jetstream.MsgIDHeader)
	}
	return nil
}

func (s *session) message(e *eventstore.Event, data []byte) *nats.Msg {
	values := [4]string{e.ID.String(), strconv.FormatInt(e.Position, 10), strconv.FormatUint(s.expected, 10), s.previous}
	header := nats.Header{
		jetstream.MsgIDHeader:           values[0:1:1],
		cloudevent.HeaderPosition:       values[1:2:2],
		cloudevent.HeaderEpoch:          s.epochs,
		cloudevent.HeaderContentType:    contentTypes,
		jetstream.ExpectedLastSeqHeader: values[2:3:3],
	}
	if s.previous != "" {
		header[jetstream.ExpectedLastMsgIDHeader] = values[3:4:4]
	}
	return &nats.Msg{Subject: cloudevent.Subject(e.Type), Data: data, Header: header}
}

var contentTypes = []string{cloudevent.ContentType}

// skip leaves out an event that can never be published. Readers take it from the log.
func (s *session) skip(ctx context.Context, e *eventstore.Event, cause error) {
	s.log.ErrorContext(ctx, "event left out of the stream", "position", e.Position, "event_id", e.ID, "error", cause)
	s.metrics.skipped.Inc()
	s.flights = append(s.flights, flight{position: e.Position})
	s.sent = e.Position
}
