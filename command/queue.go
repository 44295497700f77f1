package command

import (
	"sync"
	"time"
)

// queue holds the commands that wait, each caller's in the order in which they came. Callers take turns: one with a thousand
// commands delays another's single one by a turn, not by a thousand commands. It is bounded by count and by age.
//
// When it is full, a caller with fewer waiting commands than another takes the place of the other's newest one ("longest
// queue drop", Suter et al. 1998): whoever floods the queue pays for it.
type queue struct {
	max    int
	ageMax time.Duration
	now    func() time.Time
	ready  chan struct{} // has a token while something waits

	mu      sync.Mutex
	waiting int
	enough  int // fewer that wait are not told
	callers map[string]*line
	turns   []*line // callers with waiting commands, whose turn it is first
}

// line is what one caller has waiting.
type line struct {
	caller string
	items  []*item
}

func newQueue(max int, ageMax time.Duration) *queue {
	return &queue{max: max, ageMax: ageMax, now: time.Now, ready: make(chan struct{}, 1), callers: map[string]*line{}}
}

// put adds the item, or returns ErrOverloaded. An item that had to make room for it is returned as dropped.
func (q *queue) put(it *item) (dropped *item, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.add(it)
}

// putAll adds items at once, so that they are taken together. It returns those that found no room, or had to make some.
func (q *queue) putAll(items []*item) (refused []*item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, it := range items {
		dropped, err := q.add(it)
		if dropped != nil {
			refused = append(refused, dropped)
		}
		if err != nil {
			refused = append(refused, it)
		}
	}
	return refused
}

func (q *queue) add(it *item) (dropped *item, err error) {
	own := q.callers[it.request.Caller]
	if q.waiting >= q.max {
		if dropped = q.dropLongest(own); dropped == nil {
			return nil, ErrOverloaded
		}
	}
	if own == nil {
		own = &line{caller: it.request.Caller}
		q.callers[own.caller] = own
	}
	if len(own.items) == 0 {
		q.turns = append(q.turns, own)
	}
	it.queued = q.now().Add(-it.waited)
	own.items = append(own.items, it)
	q.waiting++
	if q.waiting >= q.enough {
		q.signal()
	}
	return dropped, nil
}

// dropLongest takes the newest command of the caller that has the most, if that leaves it no fewer than own will have.
func (q *queue) dropLongest(own *line) *item {
	var longest *line
	for _, l := range q.turns {
		if longest == nil || len(l.items) > len(longest.items) {
			longest = l
		}
	}
	has := 0
	if own != nil {
		has = len(own.items)
	}
	if longest == nil || len(longest.items)-1 < has+1 {
		return nil
	}
	last := len(longest.items) - 1
	dropped := longest.items[last]
	longest.items[last] = nil
	longest.items = longest.items[:last]
	q.waiting--
	return dropped
}

// takeEnough is take, unless fewer than enough wait: then it takes none, and ready has no token before they are so many.
func (q *queue) takeEnough(n, enough int) (items, expired []*item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.enough = enough; q.waiting < enough {
		return nil, nil
	}
	return q.remove(n)
}

// take removes up to n commands, one of each caller in turn. Those that have waited too long are returned as expired, beside.
func (q *queue) take(n int) (items, expired []*item) { return q.takeEnough(n, 1) }

func (q *queue) remove(n int) (items, expired []*item) {
	items = make([]*item, 0, min(n, q.waiting))
	oldest := q.now().Add(-q.ageMax)
	for len(items) < n && q.waiting > 0 {
		if it := q.next(); it.queued.Before(oldest) {
			expired = append(expired, it)
		} else {
			items = append(items, it)
		}
	}
	if q.waiting > 0 && q.waiting >= q.enough {
		q.signal()
	}
	return items, expired
}

// next removes the first command of the caller whose turn it is.
func (q *queue) next() *item {
	l := q.turns[0]
	q.turns = q.turns[1:]
	it := l.items[0]
	l.items[0] = nil
	l.items = l.items[1:]
	q.waiting--
	if len(l.items) > 0 {
		q.turns = append(q.turns, l)
	} else {
		delete(q.callers, l.caller)
	}
	return it
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}
