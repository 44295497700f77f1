package command

import (
	"math"
	"sync"
	"time"
)

// admission keeps commands from waiting long under a load that lasts. A burst is let in and worked off: the queue's bounds are
// for it. But when for a whole interval even the newest command of every batch has waited longer than the target, and what is
// inside is more than can be done within it, then more comes than can be done, and everybody would wait ever longer for the same
// throughput. Then only as many are let in as can be done within a fifth of the target (a command waits for the batch in flight,
// for its own, and for the processors), and the others are told at once, while that is still cheap.
//
// The signal is that of CoDel (Nichols and Jacobson, "Controlling Queue Delay", 2012); the bound on what is inside is Little's
// law with the rate measured at the exit. A caller with less inside than its share is let in all the same.
type admission struct {
	target time.Duration
	now    func() time.Time

	mu       sync.Mutex
	inside   int            // commands let in and not answered
	callers  map[string]int // likewise, by caller
	done     throughput
	above    time.Time // since when batches have been late; zero: the last one was not
	refused  time.Time // the last refusal
	shedding bool
	trial    trial
}

const (
	admissionInterval = 100 * time.Millisecond
	// admissionMin may always be inside: with fewer, batches would be too small to find out what can be done.
	admissionMin = 128
)

func newAdmission(target time.Duration) *admission {
	return &admission{target: target, now: time.Now, callers: map[string]int{}}
}

// enter lets a command in or not. One that is let in must leave.
func (a *admission) enter(caller string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.full(caller) {
		return false
	}
	a.inside++
	a.callers[caller]++
	return true
}

// closed reports whether a command of the caller would not be let in now.
func (a *admission) closed(caller string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.full(caller)
}

func (a *admission) full(caller string) bool { return a.shedding && a.refuses(a.callers[caller]) }

// refuses decides about a command of a caller that has some inside, while there is too much to do. Shedding ends when nothing
// had to be refused for an interval.
func (a *admission) refuses(own int) bool {
	now := a.now()
	limit := max(admissionMin, int(a.done.recent*a.target.Seconds()/5))
	if a.inside < limit*a.trial.factor(now) {
		if now.Sub(a.refused) >= admissionInterval {
			a.shedding = false
			a.trial.calm(now)
		}
		return false
	}
	a.trial.failed()
	if own < limit/max(1, len(a.callers)) {
		return false
	}
	a.refused = now
	return true
}

func (a *admission) leave(caller string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside--
	if own := a.callers[caller] - 1; own > 0 {
		a.callers[caller] = own
	} else {
		delete(a.callers, caller)
	}
}

// piled tells whether what is inside is more than is done within the target at the lasting rate. If it is not, the wait came from
// a commit that was slow, as at the end of a checkpoint, and to refuse commands would not have made it shorter.
func (a *admission) piled() bool { return float64(a.inside) > a.done.lasting*a.target.Seconds() }

// batch takes note of a batch that has left: how many it was, and how long the newest of them had waited.
func (a *admission) batch(commands int, newest time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.done.add(commands, now)
	switch {
	case newest <= a.target:
		a.above = time.Time{}
	case a.above.IsZero():
		a.above = now
	case now.Sub(a.above) >= admissionInterval && !a.shedding && a.piled():
		a.shedding, a.refused = true, now
		a.trial.begin(now)
	}
}

// throughput is at what rate commands leave. Its zero value has seen none.
type throughput struct {
	recent  float64   // commands a second, a moving average
	lasting float64   // the same over a longer time
	left    int       // commands that have left since then
	since   time.Time // when the averages were last reckoned; zero: never
}

// The rate is reckoned over no less than rateWindow: of two batches on their way the second may land a moment after the first.
// rateWeight is of the last window in the recent average, rateMemory the time constant of the lasting one.
const (
	rateWindow = 5 * time.Millisecond
	rateWeight = 0.2
	rateMemory = 2 * time.Second
)

// add takes note of commands that leave now.
func (t *throughput) add(commands int, now time.Time) {
	t.left += commands
	took := now.Sub(t.since)
	if took < rateWindow {
		return
	}
	if !t.since.IsZero() {
		rate := float64(t.left) / took.Seconds()
		t.recent += rateWeight * (rate - t.recent)
		t.lasting += (1 - math.Exp(-took.Seconds()/rateMemory.Seconds())) * (rate - t.lasting)
	}
	t.left, t.since = 0, now
}

// trial is when, while some are refused, it is tried whether all could be let in: those who are refused may be few who ask again at
// once, and whom one slow moment has shut out, such as the end of a checkpoint. The first try is after trialFirst; the pause doubles
// from try to try up to trialMost, since each costs those inside some of their time, and begins anew when all was calm for longer
// than it has become.
type trial struct {
	on    bool
	last  time.Time     // when it was last tried
	pause time.Duration // until it is tried again
	ended time.Time     // when refusing last ended
}

const (
	trialFirst  = 2 * time.Second
	trialMost   = 30 * time.Second
	trialFactor = 3 // how many times more may be inside
)

// begin is for when refusing begins.
func (t *trial) begin(now time.Time) {
	if now.Sub(t.ended) > t.pause {
		t.pause = trialFirst
	}
	t.on, t.last = false, now
}

// factor is how many times the usual limit may be inside now.
func (t *trial) factor(now time.Time) int {
	if now.Sub(t.last) >= t.pause {
		t.on, t.last, t.pause = true, now, min(2*t.pause, trialMost)
	}
	if t.on {
		return trialFactor
	}
	return 1
}

// failed ends a try: there were too many all the same.
func (t *trial) failed() { t.on = false }

// calm is for when refusing ends.
func (t *trial) calm(now time.Time) { t.ended = now }
