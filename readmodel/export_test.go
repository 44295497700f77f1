package readmodel

import (
	"context"
	"sync"
)

// LeadUnfenced runs every projection without asking for a lease: as an instance does whose lease is gone and who has not
// noticed.
func (e *Engine) LeadUnfenced(ctx context.Context) {
	var running sync.WaitGroup
	for _, r := range e.runners {
		running.Go(func() { _ = r.lead(ctx, 0) })
	}
	running.Wait()
}

// Statements that are written by hand, for their plans.
const (
	LoadBalancesSQL   = loadBalancesSQL
	UpdateBalancesSQL = updateBalancesSQL
	LoadEndsSQL       = loadEndsSQL
	LoadHoldsSQL      = loadHoldsSQL
	NewsOfAllSQL      = newsOfAllSQL
	NewsOfAccountSQL  = newsOfAccountSQL
	NewsOfOwnerSQL    = newsOfOwnerSQL
)
