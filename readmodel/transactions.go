package readmodel

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"passbook/readmodel/internal/db"
)

// Transaction is a movement of money as the customer knows it.
type Transaction struct {
	ID        uuid.UUID
	Legs      []TimelineRow // the account's row; of a transfer, and of the reversal of one, the rows of both accounts
	Reversals []TimelineRow // what undid it: a leg for each of its own, in their order
}

// rowsOfTransactionMax bounds what is read of a transaction: that it is undone in more parts is not to be expected.
const rowsOfTransactionMax = limitMax

// Transaction returns a transaction, or ErrNotFound. The freshness is that of all accounts concerned; of a transaction that is not
// found, that of the accounts too that are parked, since it may be one of theirs.
func (q *Queries) Transaction(ctx context.Context, id uuid.UUID) (Transaction, Freshness, error) {
	statements, stamp := q.stamp(Timeline)
	stored, err := statements.TransactionRows(ctx, db.TransactionRowsParams{ID: id, RowLimit: rowsOfTransactionMax})
	if err != nil {
		return Transaction{}, stamp.freshness, fmt.Errorf("read transaction %s: %w", id, err)
	}
	t, fresh := Transaction{ID: id}, stamp.freshness
	for _, stored := range stored {
		row, err := newTimelineRow(stored)
		if err != nil {
			return Transaction{}, fresh, err
		}
		fresh = fresh.of(stamp.parked[row.AccountID])
		if row.TransactionID != nil && *row.TransactionID == id {
			t.Legs = append(t.Legs, row)
		} else {
			t.Reversals = append(t.Reversals, row)
		}
	}
	if len(t.Legs) == 0 {
		return Transaction{}, stamp.unknown(), fmt.Errorf("transaction %s: %w", id, ErrNotFound)
	}
	return t, fresh, nil
}

// Reversed is how much of the movement of an account was undone.
func (t *Transaction) Reversed(account uuid.UUID) (amount int64) {
	for i := range t.Reversals {
		if r := &t.Reversals[i]; r.AccountID == account && r.Amount != nil {
			amount += *r.Amount
		}
	}
	return amount
}
