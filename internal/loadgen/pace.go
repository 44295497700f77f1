package loadgen

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// schedule says when which request is due. For the open loop, arrivals go to lanes in turn, one a command API, so that one that
// stalls does not hold up the other's.
type schedule struct {
	rate  float64       // arrivals a second; 0: closed loop
	end   time.Duration // nothing is sent from then on
	lanes []lane
}

// lane is the arrivals at one API. What lies in due has no content, so a long backlog costs no memory; which arrival it is
// is counted on taking it.
type lane struct {
	due   chan struct{}
	taken atomic.Int64
}

func newSchedule(rate float64, end time.Duration, lanes int) *schedule {
	s := &schedule{rate: rate, end: end, lanes: make([]lane, lanes)}
	for i := range s.lanes {
		s.lanes[i].due = make(chan struct{}, s.arrivals())
	}
	return s
}

// arrivals is how many are due before the end.
func (s *schedule) arrivals() int { return int(math.Ceil(s.rate * s.end.Seconds())) }

// take returns which request of the load the caller of this lane has, in its order.
func (s *schedule) take(lane int) int {
	nth := s.lanes[lane].taken.Add(1) - 1
	return int(nth)*len(s.lanes) + lane
}

// tick is the closest that groups of arrivals follow each other. Each arrival for itself would cost the generator a wake-up of
// some 30 us of processor, more than all the rest of a request.
const tick = time.Millisecond

// due is when the n-th arrival is let in. Arrivals that follow each other within a tick come together at its beginning: what is
// offered stays the same, and nobody's latency counts from before the moment at which it could be sent.
func (s *schedule) due(n int) time.Duration {
	due := time.Duration(float64(n) * float64(time.Second) / s.rate)
	if s.rate > float64(time.Second/tick) {
		due = due.Truncate(tick)
	}
	return due
}

// waiting is how many are due and not taken.
func (s *schedule) waiting() int {
	sum := 0
	for i := range s.lanes {
		sum += len(s.lanes[i].due)
	}
	return sum
}

// release lets arrivals in when they are due, and closes the lanes behind the last one or when ctx ends.
func (s *schedule) release(ctx context.Context, start time.Time) {
	defer func() {
		for i := range s.lanes {
			close(s.lanes[i].due)
		}
	}()
	alarm := newAlarm()
	defer alarm.close()
	for n, all := 0, s.arrivals(); n < all; {
		if wait := s.due(n) - time.Since(start); wait > 0 && alarm.wait(ctx, wait) != nil {
			return
		}
		for now := time.Since(start); n < all && s.due(n) <= now; n++ {
			s.lanes[n%len(s.lanes)].due <- struct{}{} // has room for all
		}
	}
}

// pause waits, or returns early with the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
