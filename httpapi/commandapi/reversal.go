package commandapi

import (
	"context"

	"github.com/google/uuid"

	"passbook/domain/bank"
	"passbook/domain/money"
)

// Suspect implements httpapi.Suspect.
func (b *Reversal) Suspect() bool { return b.Reason == "" }

// reverse undoes a transaction.
func reverse(id string, b *Reversal) (order, error) {
	reversal, err := newID()
	if err != nil {
		return order{}, err
	}
	return addressed(id, "transaction", func(ctx context.Context, finder Finder, transaction uuid.UUID) (bank.Command, error) {
		original, err := finder.Transaction(ctx, transaction)
		return bank.Reverse{
			ReversalID: reversal, Original: original, Amount: (*money.Amount)(b.Amount), Reason: b.Reason, Metadata: b.Metadata,
		}, err
	})
}
