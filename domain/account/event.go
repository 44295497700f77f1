package account

import (
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

// Deposited says that money came in.
type Deposited struct {
	TransactionID uuid.UUID         `json:"transaction_id"`
	Amount        money.Amount      `json:"amount"`
	Currency      money.Currency    `json:"currency"`
	Source        string            `json:"source,omitempty"`
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

// InterestPosted says that interest was posted: earned when Amount is positive, penalty when it is negative.
type InterestPosted struct {
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

// SettingsChanged says which settings changed to what; nil is unchanged. Metadata is the whole new map.
type SettingsChanged struct {
	OverdraftLimit *money.Amount      `json:"overdraft_limit,omitempty"`
	OwnerName      *string            `json:"owner_name,omitempty"`
	Metadata       *map[string]string `json:"metadata,omitempty"`
}

func (Opened) isEvent()          {}
func (Deposited) isEvent()       {}
func (Withdrawn) isEvent()       {}
func (FeeCharged) isEvent()      {}
func (InterestPosted) isEvent()  {}
func (Frozen) isEvent()          {}
func (Unfrozen) isEvent()        {}
func (Closed) isEvent()          {}
func (Reopened) isEvent()        {}
func (SettingsChanged) isEvent() {}
