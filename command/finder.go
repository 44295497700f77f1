package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/eventstore"
	"passbook/internal/eventcodec"
)

// ErrNotFound means that nothing stands under the id in the log.
var ErrNotFound = errors.New("nothing stands under the id")

// Lookup is what finding needs of the event store.
type Lookup interface {
	FindTransaction(ctx context.Context, id uuid.UUID) ([]eventstore.Event, error)
	FindHold(ctx context.Context, id uuid.UUID) ([]eventstore.Event, error)
	ReadStream(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) ([]eventstore.Event, error)
}

// Finder finds what a command names by an id that is not an account's, before the command is queued. What it tells are facts that
// never change, so that it does not matter how old they are when the command is decided. It is safe for concurrent use.
type Finder struct {
	log   Lookup
	codec *eventcodec.Codec
}

// NewFinder returns a finder in the log.
func NewFinder(log Lookup) (*Finder, error) {
	codec, err := eventcodec.New()
	if err != nil {
		return nil, err
	}
	return &Finder{log: log, codec: codec}, nil
}

// Transaction returns what is to be known of a transaction to reverse it, or ErrNotFound.
func (f *Finder) Transaction(ctx context.Context, id uuid.UUID) (bank.Original, error) {
	events, err := f.log.FindTransaction(ctx, id)
	if err != nil {
		return bank.Original{}, err
	}
	for _, stored := range events {
		if stored.StreamType != account.StreamType {
			continue
		}
		event, err := f.codec.Decode(stored)
		if err != nil {
			return bank.Original{}, err
		}
		if original, moved := bank.OriginalOf(stored.StreamID, event); moved {
			return original, nil
		}
	}
	return bank.Original{}, fmt.Errorf("transaction %s: %w", id, ErrNotFound)
}

// Hold returns the account that a hold was placed on, or ErrNotFound.
func (f *Finder) Hold(ctx context.Context, id uuid.UUID) (accountID uuid.UUID, err error) {
	events, err := f.log.FindHold(ctx, id)
	if err != nil {
		return uuid.Nil, err
	}
	if len(events) == 0 {
		return uuid.Nil, fmt.Errorf("hold %s: %w", id, ErrNotFound)
	}
	return events[0].StreamID, nil
}

// Waiting is a command that waits in an approval, as it was put down.
type Waiting struct {
	Command     bank.OnApproval // without what is asked of the approval
	EffectiveAt time.Time
	Event       uuid.UUID // by which it was put down
}

// Approval returns the command that waits in an approval, whatever has become of it, or ErrNotFound.
func (f *Finder) Approval(ctx context.Context, id uuid.UUID) (Waiting, error) {
	events, err := f.log.ReadStream(ctx, id, 0, 1)
	if err != nil {
		return Waiting{}, err
	}
	if len(events) == 0 || events[0].StreamType != approval.StreamType {
		return Waiting{}, fmt.Errorf("approval %s: %w", id, ErrNotFound)
	}
	first, err := f.codec.Payload(events[0])
	if err != nil {
		return Waiting{}, err
	}
	requested, ok := first.(approval.Requested)
	if !ok {
		return Waiting{}, fmt.Errorf("approval %s begins with a %T", id, first)
	}
	original, err := bank.DecodeCommand(requested.Kind, requested.Command)
	if err != nil {
		return Waiting{}, fmt.Errorf("approval %s: %w", id, err)
	}
	return Waiting{
		Command: bank.OnApproval{ApprovalID: id, Original: original, OwnedBy: requested.OwnedBy}, EffectiveAt: requested.EffectiveAt, Event: events[0].ID,
	}, nil
}

// Payment returns the account that a payment leaves, or ErrNotFound.
func (f *Finder) Payment(ctx context.Context, id uuid.UUID) (accountID uuid.UUID, err error) {
	events, err := f.log.ReadStream(ctx, id, 0, 1)
	if err != nil {
		return uuid.Nil, err
	}
	if len(events) > 0 && events[0].StreamType == payment.StreamType {
		first, err := f.codec.Payload(events[0])
		if err != nil {
			return uuid.Nil, err
		}
		if requested, ok := first.(payment.Requested); ok {
			return requested.AccountID, nil
		}
	}
	return uuid.Nil, fmt.Errorf("payment %s: %w", id, ErrNotFound)
}
