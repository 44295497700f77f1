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

	mu      sync.Mutex
	inside  int            // commands let in and not answered
	callers map[string]int // likewise, by caller

	rate     float64   // commands a second that leave, a moving average
	lasting  float64   // the same over a longer time
	left     int       // commands that have left since it was last reckoned
	reckoned time.Time // when that was
	above    time.Time // since when batches have been late; zero: the last one was not
	refused  time.Time // the last refusal
	shedding bool
	probed   time.Time     // when it was last tried to let more in
	probing  bool          // it is being tried
	pause    time.Duration // until it is tried again
	calm     time.Time     // when shedding last ended
}

const (
	admissionInterval = 100 * time.Millisecond
	// admissionMin may always be inside: with fewer, batches would be too small to find out what can be done.
	admissionMin = 128
	// The rate is reckoned over no less than rateWindow: of two batches on their way the second may land a moment after the first.
	// rateWeight is of the last window in the average, rateMemory the time constant of the lasting one.
	rateWindow = 5 * time.Millisecond
	rateWeight = 0.2
	rateMemory = 2 * time.Second
	// While some are refused it is tried whether all could be let in: those who are refused may be few who ask again at once, and whom
	// one slow moment has shut out, such as the end of a checkpoint. The first try is after probeFirst; the pause doubles from try to
	// try up to probeMost, since each costs those inside some of their time, and begins anew when all was calm for longer than it
	// has become. probeFactor is how many more may then be inside.
	probeFirst  = 2 * time.Second
	probeMost   = 30 * time.Second
	probeFactor = 3
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
	limit := max(admissionMin, int(a.rate*a.target.Seconds()/5))
	if now.Sub(a.probed) >= a.pause {
		a.probed, a.probing, a.pause = now, true, min(2*a.pause, probeMost)
	}
	most := limit
	if a.probing {
		most *= probeFactor
	}
	if a.inside < most {
		if now.Sub(a.refused) >= admissionInterval {
			a.shedding, a.calm = false, now
		}
		return false
	}
	a.probing = false
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

// reckon takes in at what rate commands have left for some time.
func (a *admission) reckon(rate float64, took time.Duration) {
	a.rate += rateWeight * (rate - a.rate)
	a.lasting += (1 - math.Exp(-took.Seconds()/rateMemory.Seconds())) * (rate - a.lasting)
}

// piled tells whether what is inside is more than is done within the target at the lasting rate. If it is not, the wait came from
// a commit that was slow, as at the end of a checkpoint, and to refuse commands would not have made it shorter.
func (a *admission) piled() bool { return float64(a.inside) > a.lasting*a.target.Seconds() }

// batch takes note of a batch that has left: how many it was, and how long the newest of them had waited.
func (a *admission) batch(commands int, newest time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.left += commands
	if took := now.Sub(a.reckoned); took >= rateWindow {
		if !a.reckoned.IsZero() {
			a.reckon(float64(a.left)/took.Seconds(), took)
		}
		a.left, a.reckoned = 0, now
	}
	switch {
	case newest <= a.target:
		a.above = time.Time{}
	case a.above.IsZero():
		a.above = now
	case now.Sub(a.above) >= admissionInterval && !a.shedding && a.piled():
		a.shedding, a.refused, a.probed, a.probing = true, now, now, false
		if now.Sub(a.calm) > a.pause {
			a.pause = probeFirst
		}
	}
}
