package command

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"passbook/domain/bank"
	"passbook/eventstore"
)

// aggregate is one aggregate in memory. Only the committing goroutine touches it.
type aggregate struct {
	state bank.Aggregate
}

// picture is what the processor knows of the log: its end, and the aggregates in memory as of that end. One may be ahead of the
// end when it was loaded after others wrote; none is ever behind.
type picture struct {
	head       eventstore.Head
	known      bool // false: nothing is known of the log yet
	aggregates *otter.Cache[uuid.UUID, *aggregate]
}

func newPicture(bytesMax int64) (*picture, error) {
	aggregates, err := otter.New(&otter.Options[uuid.UUID, *aggregate]{
		MaximumWeight: uint64(max(bytesMax, 1)),
		Weigher:       func(_ uuid.UUID, a *aggregate) uint32 { return uint32(a.state.Size()) }, //nolint:gosec // bounded by the domain's limits
	})
	if err != nil {
		return nil, fmt.Errorf("cache of aggregates: %w", err)
	}
	return &picture{aggregates: aggregates}, nil
}

func (p *picture) get(id uuid.UUID) (bank.Aggregate, bool) {
	a, ok := p.aggregates.GetIfPresent(id)
	if !ok {
		return nil, false
	}
	return a.state, true
}

func (p *picture) put(id uuid.UUID, state bank.Aggregate) {
	if a, ok := p.aggregates.GetIfPresent(id); ok {
		a.state = state
		return
	}
	p.aggregates.Set(id, &aggregate{state: state})
}

// evolve brings a cached aggregate forward by one event that someone else wrote. An event it already contains is passed over;
// one that does not follow, or cannot be read, drops the aggregate: it will be loaded again.
func (p *picture) evolve(stored eventstore.Event, decode func(eventstore.Event) (any, error)) {
	entry, ok := p.aggregates.GetEntryQuietly(stored.StreamID)
	if !ok {
		return
	}
	at := bank.Version(entry.Value.state)
	if stored.Version <= at {
		return
	}
	event, err := decode(stored)
	if err == nil && stored.Version == at+1 {
		if after, fits := bank.Evolve(entry.Value.state, stored.StreamID, event, stored.RecordedAt); fits {
			entry.Value.state = after
			return
		}
	}
	p.aggregates.Invalidate(stored.StreamID)
}

func (p *picture) forgetAccounts() { p.aggregates.InvalidateAll() }
