package command

import (
	"fmt"
	"testing"
	"time"
)

// doorway is an admission with a clock of the test's.
type doorway struct {
	*admission
	clock time.Time
}

func newDoorway() *doorway {
	d := &doorway{admission: newAdmission(50 * time.Millisecond), clock: time.Unix(1_000, 0)}
	d.now = func() time.Time { return d.clock }
	return d
}

// press lets commands of a caller try to get in, and returns how many did.
func (d *doorway) press(caller string, commands int) (in int) {
	for range commands {
		if d.enter(caller) {
			in++
		}
	}
	return in
}

// work lets a batch of the caller's commands out every 10 ms, the newest of which has waited so long.
func (d *doorway) work(batches, commands int, caller string, newest time.Duration) {
	for range batches {
		d.clock = d.clock.Add(10 * time.Millisecond)
		for range commands {
			d.leave(caller)
		}
		d.batch(commands, newest)
	}
}

func TestABurstIsLetIn(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	if in := d.press("a", 5_000); in != 5_000 {
		t.Fatalf("%d of 5000", in)
	}
	d.work(9, 500, "a", time.Second) // late, but not for an interval yet
	if d.closed("a") {
		t.Error("closed during a burst")
	}
	d.work(1, 100, "a", 10*time.Millisecond)
	d.press("a", 4_000)
	d.work(9, 100, "a", time.Second) // the one between was in time: counted anew
	if d.closed("a") {
		t.Error("closed although a batch was in time")
	}
}

func TestUnderALastingLoadAsManyAreLetInAsCanBeDone(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	d.press("a", 2_000)
	let := 0
	for range 100 { // 20,000 a second are offered, 10,000 are done
		d.work(1, 100, "a", time.Second)
		let = d.press("a", 200)
	}
	if let != 100 {
		t.Errorf("%d let in for 100 that left", let)
	}
	if most := max(admissionMin, 10_000*50/1_000/5); d.inside < most || d.inside > most+most/10 {
		t.Errorf("%d inside, want about %d", d.inside, most)
	}
	if !d.closed("a") || d.enter("a") {
		t.Error("open although full")
	}
}

func TestACallerWithLessThanItsShareIsLetIn(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	d.press("flood", 5_000)
	d.work(48, 100, "flood", time.Second)
	if in := d.press("flood", 100); in != 0 {
		t.Fatalf("%d let in", in)
	}
	if in := d.press("one", 1_000); in < 1 || in > admissionMin {
		t.Errorf("%d of another caller's let in, want its share", in)
	}
	for i := range 50 {
		if !d.enter(fmt.Sprint("single", i)) {
			t.Fatalf("single command %d is refused", i)
		}
	}
}

// A few who ask again at once, and were shut out by one slow moment, are all let in when it is tried.
func TestRefusalsEndWhereAllCouldBeLetIn(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	d.press("a", 256)
	d.work(12, 10, "a", time.Second)
	if !d.shedding || d.press("a", 100) != 0 {
		t.Fatal("nothing is refused")
	}
	for until := d.clock.Add(trialFirst + 3*admissionInterval); d.clock.Before(until); {
		d.work(1, min(100, d.inside), "a", 5*time.Millisecond)
		d.press("a", 256-d.inside)
	}
	if d.shedding || d.inside != 256 {
		t.Errorf("%d of 256 are inside, shedding is %v", d.inside, d.shedding)
	}
	// Many who do so are refused again within the same moment.
	d.press("a", 5_000)
	d.work(48, 100, "a", time.Second)
	most := 0
	for until := d.clock.Add(2 * trialMost); d.clock.Before(until); {
		d.work(1, min(100, d.inside), "a", 5*time.Millisecond)
		d.press("a", 1_000)
		most = max(most, d.inside)
	}
	if !d.shedding || most > 4*max(admissionMin, 100)+100 {
		t.Errorf("shedding is %v, at most %d were inside", d.shedding, most)
	}
}

func TestTheDoorsOpenAgainWhenTheLoadFalls(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	d.press("a", 5_000)
	d.work(48, 100, "a", time.Second)
	if d.press("a", 1_000) != 0 {
		t.Fatal("nothing is refused")
	}
	for d.inside > 0 {
		d.work(1, min(100, d.inside), "a", 5*time.Millisecond)
	}
	d.clock = d.clock.Add(admissionInterval)
	if in := d.press("a", 1_000); in != 1_000 {
		t.Errorf("%d of 1000 are let in", in)
	}
	d.work(10, 100, "a", 5*time.Millisecond)
	if d.inside != 0 || len(d.callers) != 0 {
		t.Errorf("%d inside, %d callers, after all have left", d.inside, len(d.callers))
	}
}

// Of two batches on their way the second may land a moment after the first: that is no rate of a million a second.
func TestTwoBatchesThatLandTogetherAreNoRate(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	d.press("a", 2_000)
	for range 100 { // 10,000 a second are done
		d.work(1, 50, "a", time.Second)
		d.clock = d.clock.Add(20 * time.Microsecond)
		d.batch(50, time.Second)
		for range 50 {
			d.leave("a")
		}
		d.press("a", 200)
	}
	if most := max(admissionMin, 10_000*50/1_000/5); d.inside > most+most/10 {
		t.Errorf("%d inside, want about %d", d.inside, most)
	}
}

// Under a load that lasts it is tried ever less often whether all could be let in.
func TestTriesBecomeRare(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	tries, before := 0, false
	d.press("a", 5_000)
	for until := d.clock.Add(2 * time.Minute); d.clock.Before(until); {
		d.work(1, min(100, d.inside), "a", time.Second)
		d.press("a", 2_000)
		if d.trial.on && !before || d.trial.last.Equal(d.clock) {
			tries++
		}
		before = d.trial.on
	}
	if tries < 4 || tries > 10 {
		t.Errorf("%d tries in two minutes", tries)
	}
	if d.trial.pause != trialMost {
		t.Errorf("the pause has become %v", d.trial.pause)
	}
}

// A few hundred commands that wait for slow commits are not too many, if they can be done within the target.
func TestASlowMomentIsNoOverload(t *testing.T) {
	t.Parallel()
	d := newDoorway()
	for range 100 { // 10,000 a second are done
		d.press("a", 100)
		d.work(1, 100, "a", 10*time.Millisecond)
	}
	d.press("a", 256)
	for range 3 { // three commits of 60 ms
		d.clock = d.clock.Add(50 * time.Millisecond)
		d.work(1, 100, "a", 110*time.Millisecond)
		d.press("a", 100)
	}
	if d.shedding {
		t.Error("a slow moment is taken for an overload")
	}
}
