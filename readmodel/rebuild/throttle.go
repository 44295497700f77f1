package rebuild

import (
	"context"
	"sync"
	"time"
)

// throttle holds the replay back: to a rate that was asked for, and to less when the bank gets slow.
//
// What the bank's users feel is measured by this process itself, with what they do: a commit that waits for the disk, a look-up,
// and how far the live generations are behind. It needs no word from the other processes. While the probe says that the bank is
// pressed, the share of the time in which the replay may read is halved with each probe, down to a sixteenth; while it is not, the
// share is doubled back.
type throttle struct {
	rate     int // events a second; 0: no limit
	onChange func(slowed bool)

	mu    sync.Mutex
	share int       // the replay reads for one in share of the time
	next  time.Time // when the next segment may begin
	last  time.Time // when the one before began
}

const shareMin = 16

func newThrottle(rate int, onChange func(slowed bool)) *throttle {
	return &throttle{rate: rate, share: 1, onChange: onChange}
}

// wait returns when the replay may go on with so many events.
func (t *throttle) wait(ctx context.Context, events int64) error {
	pause := t.pause(time.Now(), events)
	if pause <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// pause is how long to wait at this moment before so many events. What the share asks for is a multiple of the time that was worked
// since the segment before.
func (t *throttle) pause(now time.Time, events int64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var worked time.Duration
	if !t.last.IsZero() {
		worked = min(now.Sub(t.last), time.Second)
	}
	start := now.Add(time.Duration(t.share-1) * worked)
	if t.rate > 0 {
		if start.Before(t.next) {
			start = t.next
		}
		t.next = start.Add(time.Duration(float64(events) / float64(t.rate) * float64(time.Second)))
	}
	t.last = start
	return start.Sub(now)
}

// feel takes what a probe has found.
func (t *throttle) feel(pressed bool) {
	t.mu.Lock()
	before := t.share
	if pressed {
		t.share = min(2*t.share, shareMin)
	} else {
		t.share = max(t.share/2, 1)
	}
	after := t.share
	t.mu.Unlock()
	if (before > 1) != (after > 1) {
		t.onChange(after > 1)
	}
}
