package rebuild

import (
	"testing"
	"testing/synctest"
	"time"

	"passbook/readmodel/internal/db"
)

func TestThrottleKeepsTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		throttle, started := newThrottle(1_000, nil), time.Now()
		for range 10 {
			if err := throttle.wait(t.Context(), 500); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(started); took != 4_500*time.Millisecond { // the first may go at once
			t.Errorf("ten times 500 events at 1,000 a second took %s", took)
		}
	})
}

// Each probe that finds the bank pressed halves the share of the time in which the replay may read, each other one doubles it back.
func TestThrottleGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []bool
		throttle := newThrottle(0, func(slowed bool) { told = append(told, slowed) })
		const work = 10 * time.Millisecond
		took := func() time.Duration {
			started := time.Now()
			if err := throttle.wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			<-time.After(work)
			return time.Since(started)
		}
		took()
		if got := took(); got != work {
			t.Errorf("at rest a segment takes %s", got)
		}
		for range 10 {
			throttle.feel(true)
		}
		if got := took(); got != 16*work {
			t.Errorf("pressed, a segment takes %s", got)
		}
		for range 3 {
			throttle.feel(false)
		}
		if got := took(); got != 2*work {
			t.Errorf("a little pressed, a segment takes %s", got)
		}
		throttle.feel(false)
		if got := took(); got != work {
			t.Errorf("at rest again a segment takes %s", got)
		}
		if len(told) != 2 || !told[0] || told[1] {
			t.Errorf("told %v", told)
		}
	})
}

// A live generation that moves and falls back all the same is a sign of load; one that stands still is not.
func TestProbeSeesWhoFallsBack(t *testing.T) {
	t.Parallel()
	p := &probe{pressed: DefaultPressed()}
	row := func(position, lag int64) []db.LivePositionsRow {
		return []db.LivePositionsRow{{Projection: "balances", Position: position, LagMilliseconds: lag}}
	}
	for i, step := range []struct {
		position, lag int64
		falling       bool
	}{{100, 5_000, false}, {200, 6_000, true}, {300, 5_500, false}, {300, 9_000, false}, {400, 10_000, true}, {500, 900, false}, {600, 1_000, false}} {
		if got := p.falling(row(step.position, step.lag)); got != step.falling {
			t.Errorf("step %d: %v", i, got)
		}
	}
}
