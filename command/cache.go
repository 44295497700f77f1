package command

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"passbook/domain/account"
	"passbook/eventstore"
)

// aggregate is one account in memory. Only the committing goroutine touches it.
type aggregate struct {
	state account.State
}

// picture is what the processor knows of the log: its end, and the accounts in memory as of that end. An account may be
// ahead of the end when it was loaded after others wrote; it is never behind.
type picture struct {
	head     eventstore.Head
	known    bool // false: nothing is known of the log yet
	accounts *otter.Cache[uuid.UUID, *aggregate]
}

func newPicture(bytesMax int64) (*picture, error) {
	accounts, err := otter.New(&otter.Options[uuid.UUID, *aggregate]{
		MaximumWeight: uint64(max(bytesMax, 1)),                                                 //nolint:gosec // positive
		Weigher:       func(_ uuid.UUID, a *aggregate) uint32 { return uint32(a.state.Size()) }, //nolint:gosec // bounded by the domain's limits
	})
	if err != nil {
		return nil, fmt.Errorf("account cache: %w", err)
	}
	return &picture{accounts: accounts}, nil
}

func (p *picture) get(id uuid.UUID) (account.State, bool) {
	a, ok := p.accounts.GetIfPresent(id)
	if !ok {
		return account.State{}, false
	}
	return a.state, true
}

func (p *picture) put(id uuid.UUID, state account.State) {
	if a, ok := p.accounts.GetIfPresent(id); ok {
		a.state = state
		return
	}
	p.accounts.Set(id, &aggregate{state: state})
}

// evolve brings a cached account forward by one event that someone else wrote. An event it already contains is passed over;
// one that does not follow, or cannot be read, drops the account: it will be loaded again.
func (p *picture) evolve(stored eventstore.Event, decode func(eventstore.Event) (account.Event, error)) {
	entry, ok := p.accounts.GetEntryQuietly(stored.StreamID)
	if !ok || stored.Version <= entry.Value.state.Version {
		return
	}
	event, err := decode(stored)
	if err != nil || stored.Version != entry.Value.state.Version+1 {
		p.accounts.Invalidate(stored.StreamID)
		return
	}
	entry.Value.state = account.Evolve(entry.Value.state, event, stored.RecordedAt)
}

func (p *picture) forgetAccounts() { p.accounts.InvalidateAll() }
