package account

import (
	"github.com/google/uuid"

	"passbook/domain/money"
)

// Command is something asked of an account. The set is closed: the types of this file, as values.
type Command interface{ isCommand() }

// Open asks for a new account. Repeated with the very same content it decides nothing.
type Open struct {
	AccountID      uuid.UUID
	OwnerID        string
	OwnerName      string
	Currency       money.Currency
	OverdraftLimit money.Amount
	Metadata       map[string]string
}

// Deposit asks to take money in.
type Deposit struct {
	TransactionID uuid.UUID
	Money         money.Money
	Source        string
	Reference     string
	Metadata      map[string]string
}

// Withdraw asks to pay money out, which must be available.
type Withdraw struct {
	TransactionID uuid.UUID
	Money         money.Money
	Channel       string
	Reference     string
	Metadata      map[string]string
}

// ChargeFee asks to take a fee, which may go past the overdraft limit.
type ChargeFee struct {
	TransactionID uuid.UUID
	Money         money.Money
	Reason        string
	Reference     string
	Metadata      map[string]string
}

// PostInterest asks to post interest: a negative amount is penalty interest, which may go past the overdraft limit.
type PostInterest struct {
	TransactionID uuid.UUID
	Money         money.Money
	Rate          string
	Period        string
	Reference     string
	Metadata      map[string]string
}

// Freeze asks to stop movements; an empty scope is FreezeAll.
type Freeze struct {
	Reason string
	Scope  FreezeScope
}

// Unfreeze asks to let movements go on.
type Unfreeze struct{ Reason string }

// Close asks to close an account, on which nothing may be left.
type Close struct{ Reason string }

// Reopen asks to open a closed account again.
type Reopen struct{ Reason string }

// ChangeSettings asks to change the settings that are not nil. Metadata replaces the whole map.
type ChangeSettings struct {
	OverdraftLimit *money.Amount
	OwnerName      *string
	Metadata       *map[string]string
}

func (Open) isCommand()           {}
func (Deposit) isCommand()        {}
func (Withdraw) isCommand()       {}
func (ChargeFee) isCommand()      {}
func (PostInterest) isCommand()   {}
func (Freeze) isCommand()         {}
func (Unfreeze) isCommand()       {}
func (Close) isCommand()          {}
func (Reopen) isCommand()         {}
func (ChangeSettings) isCommand() {}
