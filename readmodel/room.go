package readmodel

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolLeast is how many connections an engine needs: one for a transaction, and one beside it.
const PoolLeast = 2

// transactions bounds how many an engine has open at once. One of them may have to write beside itself what it is about to do
// (suspect.watch), others wait for it with the locks that they have, and leases must be renewed meanwhile: were all connections of
// the pool in transactions, none would go on. The zero value bounds nothing.
type transactions chan struct{}

// besides is how many connections are left to everything else, of a pool that has as many to spare.
const besides = 2

func newTransactions(pool *pgxpool.Pool) (transactions, error) {
	conns := int(pool.Config().MaxConns)
	if conns < PoolLeast {
		return nil, fmt.Errorf("readmodel: a pool of %d connections is too small, %d are needed", conns, PoolLeast)
	}
	return make(transactions, max(1, conns-besides)), nil
}

// enter waits until there is room for one more.
func (t transactions) enter(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t transactions) leave() {
	if t != nil {
		<-t
	}
}
