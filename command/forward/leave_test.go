package forward

import (
	"log/slog"
	"testing"
)

// A forwarder that ends gives up every session that it has: several, when the decider has changed lately.
func TestLeavingGivesUpEverySession(t *testing.T) {
	t.Parallel()
	sessions := []*session{{epoch: 1}, {epoch: 2}, {epoch: 3}}
	f := &Forwarder{
		log: slog.New(slog.DiscardHandler), look: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		sessions: append([]*session(nil), sessions...), current: sessions[2],
	}
	f.leave()
	for _, s := range sessions {
		if !s.ended {
			t.Errorf("the session of epoch %d is not given up", s.epoch)
		}
	}
	if len(f.sessions) != 0 || f.current != nil {
		t.Errorf("%d sessions are left", len(f.sessions))
	}
}
