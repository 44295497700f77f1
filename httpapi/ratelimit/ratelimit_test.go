package ratelimit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"passbook/httpapi/ratelimit"
)

func TestAKeyIsLetInAtItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New[string](ratelimit.Policy{PerSecond: 2, Burst: 3}, 100)
		for i := range 3 {
			if s := l.Take("a"); !s.Allowed || s.Remaining != 2-i || s.Full != time.Duration(i+1)*500*time.Millisecond {
				t.Fatalf("request %d: %+v", i, s)
			}
		}
		if s := l.Take("a"); s.Allowed || s.Remaining != 0 || s.Retry != 500*time.Millisecond {
			t.Errorf("past the burst: %+v", s)
		}
		if s := l.Take("b"); !s.Allowed {
			t.Errorf("another key: %+v", s)
		}
		<-time.After(499 * time.Millisecond)
		if s := l.Take("a"); s.Allowed || s.Retry != time.Millisecond {
			t.Errorf("a millisecond early: %+v", s)
		}
		<-time.After(time.Millisecond)
		if s := l.Take("a"); !s.Allowed || s.Remaining != 0 || s.Retry != 500*time.Millisecond {
			t.Errorf("in time: %+v", s)
		}
		<-time.After(time.Hour)
		if s := l.Take("a"); !s.Allowed || s.Remaining != 2 {
			t.Errorf("after an hour of quiet: %+v", s)
		}
	})
}

func TestWhatIsChargedForIsPaidForLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New[string](ratelimit.Policy{PerSecond: 10, Burst: 20}, 100)
		l.Take("a")
		if s := l.Charge("a", 99); !s.Allowed || s.Remaining != 0 || s.Full != 10*time.Second || s.Retry != 8*time.Second+100*time.Millisecond {
			t.Fatalf("a hundred at once: %+v", s)
		}
		<-time.After(8 * time.Second)
		if s := l.Take("a"); s.Allowed {
			t.Errorf("before they are paid for: %+v", s)
		}
		<-time.After(100 * time.Millisecond)
		if s := l.Take("a"); !s.Allowed {
			t.Errorf("when they are: %+v", s)
		}
	})
}

// TestTheRateHolds asks at random moments and counts what is let in over every span: rapid prints the seed of a failure.
func TestTheRateHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := ratelimit.Policy{PerSecond: rapid.IntRange(1, 1000).Draw(r, "rate"), Burst: rapid.IntRange(1, 50).Draw(r, "burst")}
		pauses := rapid.SliceOfN(rapid.IntRange(0, 3_000_000), 1, 200).Draw(r, "pauses")
		synctest.Test(t, func(*testing.T) {
			l := ratelimit.New[int](p, 16)
			var let []time.Time
			for _, micros := range pauses {
				<-time.After(time.Duration(micros) * time.Microsecond)
				if l.Take(1).Allowed {
					let = append(let, time.Now())
				}
			}
			for i := range let {
				for j := i; j < len(let); j++ {
					if most := float64(p.Burst) + float64(p.PerSecond)*let[j].Sub(let[i]).Seconds(); float64(j-i+1) > most+1e-6 {
						r.Fatalf("%d let in within %v at %+v, at most %.3f may be", j-i+1, let[j].Sub(let[i]), p, most)
					}
				}
			}
		})
	})
}

func TestTheNumberOfKeysIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keysMax = 1600
		l := ratelimit.New[string](ratelimit.Policy{PerSecond: 1, Burst: 10}, keysMax)
		for i := range 20_000 {
			l.Take(fmt.Sprint("stranger ", i))
		}
		if n := l.Len(); n > keysMax {
			t.Errorf("%d keys are remembered", n)
		}
		for range 10 {
			l.Take("busy")
		}
		for i := range 20_000 { // strangers who ask once are full again long before the one who has used everything up
			l.Take(fmt.Sprint("another ", i))
		}
		if s := l.Take("busy"); s.Allowed {
			t.Errorf("whoever asked most was forgotten for strangers: %+v", s)
		}
	})
}

func TestConcurrentCallers(t *testing.T) {
	t.Parallel()
	l := ratelimit.New[int](ratelimit.Policy{PerSecond: 1, Burst: 100}, 100)
	var allowed atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				if l.Take(7).Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if n := allowed.Load(); n < 100 || n > 110 { // more than a hundred only if this took seconds
		t.Errorf("%d let in of a burst of 100", n)
	}
}

func BenchmarkTake(b *testing.B) {
	l := ratelimit.New[string](ratelimit.Policy{PerSecond: 1_000_000, Burst: 1_000_000}, 65_536)
	subject := "https://issuer.example#01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10"
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Take(subject)
		}
	})
}

// BenchmarkTakeOfStrangers has a new key for each request, and no room for it.
func BenchmarkTakeOfStrangers(b *testing.B) {
	l := ratelimit.New[int](ratelimit.Policy{PerSecond: 1, Burst: 1000}, 65_536)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.Take(i)
	}
}
