package account

import (
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Event is something that happened to an account. The set is closed: the types of this file, as values. Their JSON is a
// storage format: names, order and presence of fields are those of the schemas in [Types], for ever.
type Event interface{ isEvent() }

// Opened says that the account came into being.
type Opened struct {
	AccountID      uuid.UUID         `json:"account_id"`
	OwnerID        string            `json:"owner_id"`
	OwnerName      string            `json:"owner_name"`
	Currency       money.Currency    `json:"currency"`
	OverdraftLimit money.Amount      `json:"overdraft_limit"`
	Metadata       map[string]string `json:"metadata,omitempty"`
}

// SourceUnspecified is the source of a deposit of which nobody said where it came from.
const SourceUnspecified = "unspecified"

// Deposited says that money came in, and where from.
type Deposited struct {
	TransactionID uuid.UUID         `json:"transaction_id"`
	Amount        money.Amount      `json:"amount"`
	Currency      money.Currency    `json:"currency"`
	Source        string            `json:"source"`
	Reference     string            `json:"reference,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	BalanceAfter  money.Amount      `json:"balance_after"`
	HeldAfter     money.Amount      `json:"held_after"`
}

// Withdrawn says that money was paid out.
type Withdrawn struct {
	TransactionID uuid.UUID         `json:"transaction_id"`
	Amount        money.Amount      `json:"amount"`
	Currency      money.Currency    `json:"currency"`
	Channel       string            `json:"channel,omitempty"`
	Reference     string            `json:"reference,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	BalanceAfter  money.Amount      `json:"balance_after"`
	HeldAfter     money.Amount      `json:"held_after"`
}

// FeeCharged says that a fee was taken.
type FeeCharged struct {
	TransactionID uuid.UUID         `json:"transaction_id"`
	Amount        money.Amount      `json:"amount"`
	Currency      money.Currency    `json:"currency"`
	Reason        string            `json:"reason"`
	Reference     string            `json:"reference,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	BalanceAfter  money.Amount      `json:"balance_after"`
	HeldAfter     money.Amount      `json:"held_after"`
}

// InterestCredited says that interest was earned.
type InterestCredited struct {
	TransactionID uuid.UUID         `json:"transaction_id"`
	Amount        money.Amount      `json:"amount"`
	Currency      money.Currency    `json:"currency"`
	Rate          string            `json:"rate,omitempty"`
	Period        string            `json:"period,omitempty"`
	Reference     string            `json:"reference,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	BalanceAfter  money.Amount      `json:"balance_after"`
	HeldAfter     money.Amount      `json:"held_after"`
}

// InterestDebited says that penalty interest was taken.
type InterestDebited struct {
	TransactionID uuid.UUID         `json:"transaction_id"`
	Amount        money.Amount      `json:"amount"`
	Currency      money.Currency    `json:"currency"`
	Rate          string            `json:"rate,omitempty"`
	Period        string            `json:"period,omitempty"`
	Reference     string            `json:"reference,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	BalanceAfter  money.Amount      `json:"balance_after"`
	HeldAfter     money.Amount      `json:"held_after"`
}

// Frozen says that movements were stopped, all of them or withdrawals.
type Frozen struct {
	Reason string      `json:"reason"`
	Scope  FreezeScope `json:"scope"`
}

// Unfrozen says that movements may go on.
type Unfrozen struct {
	Reason string `json:"reason"`
}

// Closed says that the account was closed.
type Closed struct {
	Reason string `json:"reason"`
}

// Reopened says that a closed account was opened again.
type Reopened struct {
	Reason string `json:"reason"`
}

// TermsChanged says which of the terms of the account changed to what; nil is unchanged. Metadata is the whole new map.
type TermsChanged struct {
	OverdraftLimit *money.Amount      `json:"overdraft_limit,omitempty"`
	OwnerName      *string            `json:"owner_name,omitempty"`
	Metadata       *map[string]string `json:"metadata,omitempty"`
	Limits         *Limits            `json:"limits,omitempty"` // the whole of them
}

// TransferSent says that money went to another account. The transaction stands on both accounts under the same id.
type TransferSent struct {
	TransactionID  uuid.UUID         `json:"transaction_id"`
	CounterpartyID uuid.UUID         `json:"counterparty_id"`
	Amount         money.Amount      `json:"amount"`
	Currency       money.Currency    `json:"currency"`
	Reference      string            `json:"reference,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	BalanceAfter   money.Amount      `json:"balance_after"`
	HeldAfter      money.Amount      `json:"held_after"`
}

// TransferReceived says that money came from another account.
type TransferReceived struct {
	TransactionID  uuid.UUID         `json:"transaction_id"`
	CounterpartyID uuid.UUID         `json:"counterparty_id"`
	Amount         money.Amount      `json:"amount"`
	Currency       money.Currency    `json:"currency"`
	Reference      string            `json:"reference,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	BalanceAfter   money.Amount      `json:"balance_after"`
	HeldAfter      money.Amount      `json:"held_after"`
}

// HoldPlaced says that money was set aside: it is still part of the balance and cannot be spent otherwise.
type HoldPlaced struct {
	HoldID       uuid.UUID         `json:"hold_id"`
	PaymentID    uuid.UUID         `json:"payment_id,omitzero"` // the payment it is set aside for, if it is for one
	Amount       money.Amount      `json:"amount"`
	Currency     money.Currency    `json:"currency"`
	ExpiresAt    time.Time         `json:"expires_at,omitzero"` // zero: never
	Reference    string            `json:"reference,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	BalanceAfter money.Amount      `json:"balance_after"`
	HeldAfter    money.Amount      `json:"held_after"`
}

// HoldCaptured says that money that was set aside, or a part of it, was paid out.
type HoldCaptured struct {
	TransactionID uuid.UUID         `json:"transaction_id"`
	HoldID        uuid.UUID         `json:"hold_id"`
	PaymentID     uuid.UUID         `json:"payment_id,omitzero"`
	Amount        money.Amount      `json:"amount"`
	Currency      money.Currency    `json:"currency"`
	Remaining     money.Amount      `json:"remaining"` // of the hold; zero ends it
	Released      money.Amount      `json:"released"`  // given back because nothing more will be captured
	Reference     string            `json:"reference,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	BalanceAfter  money.Amount      `json:"balance_after"`
	HeldAfter     money.Amount      `json:"held_after"`
}

// HoldReleased says that what was left of a hold was given back.
type HoldReleased struct {
	HoldID       uuid.UUID      `json:"hold_id"`
	PaymentID    uuid.UUID      `json:"payment_id,omitzero"`
	Amount       money.Amount   `json:"amount"`
	Currency     money.Currency `json:"currency"`
	Reason       string         `json:"reason"`
	BalanceAfter money.Amount   `json:"balance_after"`
	HeldAfter    money.Amount   `json:"held_after"`
}

// HoldExtended says that a hold lasts until a later time.
type HoldExtended struct {
	HoldID    uuid.UUID `json:"hold_id"`
	ExpiresAt time.Time `json:"expires_at"`
}

// HoldExpired says that what was left of a hold was given back because its time was over.
type HoldExpired struct {
	HoldID       uuid.UUID      `json:"hold_id"`
	Amount       money.Amount   `json:"amount"`
	Currency     money.Currency `json:"currency"`
	BalanceAfter money.Amount   `json:"balance_after"`
	HeldAfter    money.Amount   `json:"held_after"`
}

// ReversalPosted says that an earlier transaction was undone, in full or in part.
type ReversalPosted struct {
	TransactionID  uuid.UUID         `json:"transaction_id"`
	Reverses       uuid.UUID         `json:"reverses"` // the transaction undone
	Direction      Direction         `json:"direction"`
	CounterpartyID uuid.UUID         `json:"counterparty_id,omitzero"` // of a transfer undone
	Amount         money.Amount      `json:"amount"`
	Currency       money.Currency    `json:"currency"`
	Reason         string            `json:"reason"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	BalanceAfter   money.Amount      `json:"balance_after"`
	HeldAfter      money.Amount      `json:"held_after"`
}

// Direction says whether money comes onto an account or leaves it.
type Direction string

// The directions.
const (
	Credit Direction = "credit" // adds to the balance
	Debit  Direction = "debit"  // takes from it
)

// Opposite returns the other one.
func (d Direction) Opposite() Direction {
	if d == Credit {
		return Debit
	}
	return Credit
}

// signed is the amount as it changes a balance.
func (d Direction) signed(amount money.Amount) money.Amount {
	if d == Debit {
		return -amount
	}
	return amount
}

func (Opened) isEvent()           {}
func (Deposited) isEvent()        {}
func (Withdrawn) isEvent()        {}
func (FeeCharged) isEvent()       {}
func (InterestCredited) isEvent() {}
func (InterestDebited) isEvent()  {}
func (Frozen) isEvent()           {}
func (Unfrozen) isEvent()         {}
func (Closed) isEvent()           {}
func (Reopened) isEvent()         {}
func (TermsChanged) isEvent()     {}
func (TransferSent) isEvent()     {}
func (TransferReceived) isEvent() {}
func (HoldPlaced) isEvent()       {}
func (HoldCaptured) isEvent()     {}
func (HoldReleased) isEvent()     {}
func (HoldExtended) isEvent()     {}
func (HoldExpired) isEvent()      {}
func (ReversalPosted) isEvent()   {}
