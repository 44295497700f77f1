package relay

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Servers of a cluster look for duplicates before they look at expectations: the last message of a run may be one, and those before it were
// refused.
func TestDuplicateBehindARunVouchesForItselfAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		messages        int
		duplicate, mode bool
		position        int64
		err             error
	}{
		"a run":                     {messages: 5, position: 9},
		"a run behind a duplicate":  {messages: 5, duplicate: true, position: 4, err: errRepeated},
		"a duplicate":               {messages: 1, duplicate: true, position: 9, err: errRepeated},
		"one more duplicate":        {messages: 1, duplicate: true, mode: true, position: 9},
		"new again":                 {messages: 1, mode: true, position: 9, err: errRepeated},
		"events that were left out": {position: 9},
	} {
		s := &session{leadership: &leadership{Relay: &Relay{metrics: newMetrics(prometheus.NewRegistry())}, repeating: c.mode}, underway: c.messages}
		s.advance(4)
		f := flight{through: 9, messages: c.messages}
		if c.messages > 0 {
			f.ack = answered{c.duplicate}
		}
		s.flights = []flight{f}
		if err := s.settle(t.Context(), 0); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if s.acked != c.position || s.underway != 0 || s.repeating != c.duplicate {
			t.Errorf("%s: at %d with %d under way, repeating: %t", name, s.acked, s.underway, s.repeating)
		}
	}
}

// answered is the acknowledgement of a message.
type answered struct{ duplicate bool }

func (answered) Err() <-chan error { return nil }
func (answered) Msg() *nats.Msg    { return nil }

func (a answered) Ok() <-chan *jetstream.PubAck {
	ok := make(chan *jetstream.PubAck, 1)
	ok <- &jetstream.PubAck{Duplicate: a.duplicate}
	return ok
}
