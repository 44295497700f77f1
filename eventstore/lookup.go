package eventstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// Both statements say word for word what the indexes are made of.
const (
	selectTransaction = `SELECT ` + eventColumns + ` FROM events WHERE (data ->> 'transaction_id') COLLATE "C" = $1::text ORDER BY position LIMIT $2`
	selectHold        = `SELECT ` + eventColumns + ` FROM events WHERE type = 'hold.placed' AND (data ->> 'hold_id') COLLATE "C" = $1::text ORDER BY position LIMIT $2`
)

// lookupMax is more events than one transaction or one hold has.
const lookupMax = 4

// FindTransaction returns the events that state the transaction id: one, or one on each side of a transfer. There are none when
// there is no such transaction. What is found never changes.
func (s *Store) FindTransaction(ctx context.Context, id uuid.UUID) ([]Event, error) {
	events, err := collect(ctx, s.pool, lookupMax, selectTransaction, id.String(), lookupMax)
	if err != nil {
		return nil, fmt.Errorf("find transaction %s: %w", id, err)
	}
	return events, nil
}

// FindHold returns the event that placed the hold, or none.
func (s *Store) FindHold(ctx context.Context, id uuid.UUID) ([]Event, error) {
	events, err := collect(ctx, s.pool, 1, selectHold, id.String(), 1)
	if err != nil {
		return nil, fmt.Errorf("find hold %s: %w", id, err)
	}
	return events, nil
}
