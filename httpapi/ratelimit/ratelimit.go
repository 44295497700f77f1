// Package ratelimit counts what each of many keys asks for, and says when one has asked for too much. A key is let in at a steady
// rate, and may besides use at once what it left unused before, up to a burst: a token bucket, of which nothing is kept but the
// moment at which it will be full again.
//
// # Guarantees
//
// In any span of t seconds a key is let in at most Burst + PerSecond·t times. What turns out to be more than one thing after it was let
// in is charged for (Charge), however much it is, and paid for by waiting until the rate has caught up. So nothing is refused for
// ever because it is larger than the burst.
//
// The memory is bounded by the number of keys given to New. A bucket that is full is the same as none, so giving it up costs nothing;
// only when none of a handful looked at is full, the one that would be full soonest is given up, and its key gets a full one.
//
// Counts are those of one process and are lost with it.
package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"
)

// Policy is what one key may ask for. The zero Policy asks for nothing: there is no limit.
type Policy struct {
	PerSecond int
	Burst     int // at once, after a time of quiet
}

// Limited tells whether there is a limit.
func (p Policy) Limited() bool { return p.PerSecond > 0 }

// Window is the time in which an empty bucket fills.
func (p Policy) Window() time.Duration {
	return time.Duration(p.Burst) * (time.Second / time.Duration(p.PerSecond))
}

// State is how a key stands after it has asked.
type State struct {
	Allowed   bool
	Remaining int           // of the burst
	Full      time.Duration // until the whole burst may be used again
	Retry     time.Duration // until one is let in; 0 when one would be at once
}

const (
	shardCount = 16 // so that requests on several processors do not wait for each other
	looks      = 8  // at buckets, when one has to be given up
)

// Limiter holds every key to the same policy. It is safe for concurrent use and has no goroutine.
type Limiter[K comparable] struct {
	interval time.Duration // that one costs
	window   time.Duration
	began    time.Time // buckets are kept as times since then: monotonic, and half as large
	keysMax  int       // of one shard
	seed     maphash.Seed
	shards   [shardCount]shard[K]
}

type shard[K comparable] struct {
	mu   sync.Mutex
	full map[K]time.Duration // when the key's bucket is full
	_    [40]byte            // shards do not share a cache line
}

// New makes a limiter that remembers up to about keysMax keys. The policy must have a limit.
func New[K comparable](p Policy, keysMax int) *Limiter[K] {
	l := &Limiter[K]{
		interval: time.Second / time.Duration(p.PerSecond), window: p.Window(), began: time.Now(),
		keysMax: max(keysMax/shardCount, 1), seed: maphash.MakeSeed(),
	}
	for i := range l.shards {
		l.shards[i].full = map[K]time.Duration{}
	}
	return l
}

// Take lets the key in once, or not.
func (l *Limiter[K]) Take(key K) State { return l.count(key, 1, false) }

// Charge counts n more for what was let in already.
func (l *Limiter[K]) Charge(key K, n int) State { return l.count(key, n, true) }

func (l *Limiter[K]) count(key K, n int, always bool) State {
	now := time.Since(l.began)
	s := &l.shards[maphash.Comparable(l.seed, key)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	full, known := s.full[key]
	if !known && len(s.full) >= l.keysMax {
		s.giveUp(now)
	}
	full = max(full, now)
	allowed := always || full+l.interval <= now+l.window
	if allowed {
		full += time.Duration(n) * l.interval
		s.full[key] = full
	}
	return l.state(now, full, allowed)
}

func (l *Limiter[K]) state(now, full time.Duration, allowed bool) State {
	left := now + l.window - full
	return State{
		Allowed: allowed, Full: full - now,
		Remaining: int(max(left, 0) / l.interval),
		Retry:     max(l.interval-left, 0),
	}
}

// giveUp makes room for one bucket. The order of a map is a random one, which is all that is needed here.
func (s *shard[K]) giveUp(now time.Duration) {
	var first K
	soonest, looked := time.Duration(-1), 0
	for key, full := range s.full {
		if soonest < 0 || full < soonest {
			first, soonest = key, full
		}
		if looked++; full <= now || looked == looks {
			break
		}
	}
	delete(s.full, first)
}

// Len is the number of keys that are remembered.
func (l *Limiter[K]) Len() (n int) {
	for i := range l.shards {
		l.shards[i].mu.Lock()
		n += len(l.shards[i].full)
		l.shards[i].mu.Unlock()
	}
	return n
}
