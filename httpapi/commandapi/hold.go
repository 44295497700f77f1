package commandapi

import (
	"context"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
)

// holdTime is how long a hold lasts of which nobody said how long.
const holdTime = 7 * 24 * time.Hour

// Suspect implements httpapi.Suspect.
func (b *PlaceHold) Suspect() bool { return b.Amount == 0 || b.Currency == "" }

// Suspect implements httpapi.Suspect.
func (b *CaptureHold) Suspect() bool { return false }

// Suspect implements httpapi.Suspect.
func (b *ReleaseHold) Suspect() bool { return false }

// Suspect implements httpapi.Suspect.
func (b *ExtendHold) Suspect() bool { return b.ExpiresAt.IsZero() }

// placeHold sets money aside.
func placeHold(id string, b *PlaceHold) (order, error) {
	amount, err := newMoney(b.Amount, b.Currency)
	if err != nil {
		return order{}, err
	}
	expiresAt := time.Now().Add(holdTime)
	if !b.ExpiresAt.IsZero() {
		b.ExpiresAt = b.ExpiresAt.UTC().Truncate(time.Microsecond)
		expiresAt = b.ExpiresAt
	}
	hold, err := newID()
	if err != nil {
		return order{}, err
	}
	return onAccount(id, account.PlaceHold{
		HoldID: hold, Money: amount, ExpiresAt: expiresAt.UTC().Truncate(time.Microsecond), Reference: b.Reference, Metadata: b.Metadata,
	}, time.Time{})
}

// captureHold pays out what is held.
func captureHold(id string, b *CaptureHold) (order, error) {
	transaction, err := newID()
	if err != nil {
		return order{}, err
	}
	return onHold(id, func(hold uuid.UUID) account.Command {
		return account.CaptureHold{
			TransactionID: transaction, HoldID: hold, Amount: (*money.Amount)(b.Amount), Final: b.Final, Reference: b.Reference, Metadata: b.Metadata,
		}
	})
}

// releaseHold gives back what is held.
func releaseHold(id string, b *ReleaseHold) (order, error) {
	return onHold(id, func(hold uuid.UUID) account.Command { return account.ReleaseHold{HoldID: hold, Reason: b.Reason} })
}

// extendHold lets a hold last longer.
func extendHold(id string, b *ExtendHold) (order, error) {
	b.ExpiresAt = b.ExpiresAt.UTC().Truncate(time.Microsecond)
	return onHold(id, func(hold uuid.UUID) account.Command { return account.ExtendHold{HoldID: hold, ExpiresAt: b.ExpiresAt} })
}

// onHold addresses a command to the account that has the hold which the path names.
func onHold(id string, c func(hold uuid.UUID) account.Command) (order, error) {
	return addressed(id, "hold", func(ctx context.Context, finder Finder, hold uuid.UUID) (bank.Command, error) {
		accountID, err := finder.Hold(ctx, hold)
		return bank.OnAccount{AccountID: accountID, Command: c(hold)}, err
	})
}
