package readmodel

import (
	"cmp"
	"slices"

	"passbook/eventstore"
)

// inbox holds delivered events until it is their turn: in the order of the log, each once.
type inbox struct {
	events []eventstore.Event
}

// fill takes deliveries, in any order, when it is empty. The slice is its own from then on.
func (b *inbox) fill(delivered []eventstore.Event) {
	b.events = delivered
	byPosition := func(x, y eventstore.Event) int { return cmp.Compare(x.Position, y.Position) }
	if !slices.IsSortedFunc(b.events, byPosition) {
		slices.SortStableFunc(b.events, byPosition)
	}
	b.events = slices.CompactFunc(b.events, func(x, y eventstore.Event) bool { return x.Position == y.Position })
}

// drop removes what is at or before the position.
func (b *inbox) drop(through int64) {
	n := 0
	for n < len(b.events) && b.events[n].Position <= through {
		n++
	}
	b.events = b.events[n:]
}

// take removes and returns the run of at most limit events that follows the position without a gap; none when the next one
// is not there.
func (b *inbox) take(after int64, limit int) []eventstore.Event {
	n := 0
	for n < len(b.events) && n < limit && b.events[n].Position == after+1+int64(n) {
		n++
	}
	run := b.events[:n:n]
	b.events = b.events[n:]
	return run
}

// gap is how many events are missing between the position and the first one held; 0 when none is held.
func (b *inbox) gap(after int64) int64 {
	if b.empty() {
		return 0
	}
	return b.events[0].Position - after - 1
}

func (b *inbox) empty() bool { return len(b.events) == 0 }
