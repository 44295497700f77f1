package readmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/readmodel/internal/db"
)

// Account is what an account is now. Amounts are minor units.
type Account struct {
	ID                  uuid.UUID
	OwnerID, OwnerName  string
	Currency            string
	Balance, Held       int64
	Available           int64 // the most that a withdrawal may take; negative when fees went past the limit
	OverdraftLimit      int64
	Status, FreezeScope string
	Metadata            map[string]string
	Limits              Limits
	Version, Position   int64 // of the last event, in the account and in the log
	OpenedAt, UpdatedAt time.Time
	stale               staleness
}

// Limits bound what the owner may spend, in minor units; 0 is no limit.
type Limits struct {
	PerTransaction int64 `json:"per_transaction"`
	PerDay         int64 `json:"per_day"`
	PerMonth       int64 `json:"per_month"`
}

// StaleSince is when the first event was recorded that the account does not show, because it is parked; zero when it is not.
func (a *Account) StaleSince() time.Time { return a.stale.Since }

// AccountFilter picks accounts; empty fields pick all.
type AccountFilter struct {
	OwnerID, Status, Currency string
	Limit                     int            // at most 1,000
	After                     *AccountCursor // nil for the first page
}

// AccountCursor is the place behind an account in the list.
type AccountCursor struct {
	AccountID uuid.UUID
}

// Account returns one account, or ErrNotFound; or ErrParked when its very first event cannot be applied. While Run runs, reads that wait at the same time go to the database together,
// and when too many wait, more are ErrOverloaded.
func (q *Queries) Account(ctx context.Context, id uuid.UUID) (Account, Freshness, error) {
	a, fresh, err := q.lookups.read(ctx, id)
	if errors.Is(err, ErrNotFound) && fresh.parked {
		err = q.unlessParked(ctx, id, err)
	}
	fresh = fresh.of(a.stale)
	if err != nil {
		return Account{}, fresh, fmt.Errorf("read account %s: %w", id, err)
	}
	return a, fresh, nil
}

// Accounts returns a page of accounts in the order of their ids, which is that of their opening for ids made by the bank,
// and whether there is more behind it.
func (q *Queries) Accounts(ctx context.Context, f AccountFilter) ([]Account, bool, Freshness, error) {
	statements, stamp := q.stamp(Balances)
	limit := pageLimit(f.Limit)
	rows, err := listAccounts(ctx, statements, f, limit)
	if err != nil {
		return nil, false, stamp.freshness, fmt.Errorf("list accounts: %w", err)
	}
	rows, more := page(rows, limit)
	accounts, fresh := make([]Account, len(rows)), stamp.freshness
	for i, row := range rows {
		if accounts[i], err = newAccount(row); err != nil {
			return nil, false, stamp.freshness, err
		}
		accounts[i].stale = stamp.parked[row.AccountID]
		fresh = fresh.of(accounts[i].stale)
	}
	return accounts, more, fresh, nil
}

// listAccounts picks the statement whose index serves the most selective filter.
func listAccounts(ctx context.Context, q *db.Queries, f AccountFilter, limit int) ([]db.ReadmodelBalance, error) {
	var after uuid.UUID
	if f.After != nil {
		after = f.After.AccountID
	}
	switch {
	case f.OwnerID != "":
		return q.AccountsOfOwner(ctx, db.AccountsOfOwnerParams{
			OwnerID: f.OwnerID, Status: f.Status, Currency: f.Currency, After: after, RowLimit: limit})
	case f.Status != "":
		return q.AccountsByStatus(ctx, db.AccountsByStatusParams{Status: f.Status, Currency: f.Currency, After: after, RowLimit: limit})
	case f.Currency != "":
		return q.AccountsByCurrency(ctx, db.AccountsByCurrencyParams{Currency: f.Currency, After: after, RowLimit: limit})
	default:
		return q.Accounts(ctx, db.AccountsParams{After: after, RowLimit: limit})
	}
}

func newAccount(row db.ReadmodelBalance) (Account, error) {
	metadata, err := decodeMetadata(row.Metadata)
	if err != nil {
		return Account{}, fmt.Errorf("metadata of account %s: %w", row.AccountID, err)
	}
	var limits Limits
	if row.Limits != nil {
		if err := json.Unmarshal(row.Limits, &limits); err != nil {
			return Account{}, fmt.Errorf("limits of account %s: %w", row.AccountID, err)
		}
	}
	return Account{
		ID: row.AccountID, OwnerID: row.OwnerID, OwnerName: row.OwnerName, Currency: row.Currency,
		Balance: row.Balance, Held: row.Held, Available: available(row), OverdraftLimit: row.OverdraftLimit,
		Status: row.Status, FreezeScope: row.FreezeScope, Metadata: metadata, Limits: limits, Version: row.Version, Position: row.Position,
		OpenedAt: row.OpenedAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(),
	}, nil
}

// available is account.State.Available on a row.
func available(row db.ReadmodelBalance) int64 {
	return min(max(row.Balance-row.Held+row.OverdraftLimit, -int64(money.MaxAmount)), int64(money.MaxAmount))
}

func decodeMetadata(encoded []byte) (map[string]string, error) {
	if len(encoded) == 0 || string(encoded) == "{}" {
		return nil, nil
	}
	var metadata map[string]string
	if err := json.Unmarshal(encoded, &metadata); err != nil {
		return nil, err
	}
	return metadata, nil
}
