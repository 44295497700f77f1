package account

import (
	"time"

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
	Limits         *Limits // replaces all of them
}

// SendTransfer asks to pay money to another account, which must take it in the same append: see package transfer.
type SendTransfer struct {
	TransactionID uuid.UUID
	TargetID      uuid.UUID
	Money         money.Money
	Reference     string
	Metadata      map[string]string
}

// ReceiveTransfer asks to take the money that another account sends.
type ReceiveTransfer struct {
	TransactionID uuid.UUID
	SourceID      uuid.UUID
	Money         money.Money
	Reference     string
	Metadata      map[string]string
}

// PlaceHold asks to set money aside, which must be available, until it is captured or released or its time is over.
type PlaceHold struct {
	HoldID    uuid.UUID
	PaymentID uuid.UUID // the payment that alone disposes of it; zero for none
	Money     money.Money
	ExpiresAt time.Time // zero only for a payment's: never
	Reference string
	Metadata  map[string]string
}

// CaptureHold asks to pay out what was set aside, or a part of it; Final gives the rest back.
type CaptureHold struct {
	TransactionID uuid.UUID
	HoldID        uuid.UUID
	PaymentID     uuid.UUID     // as in PlaceHold
	Amount        *money.Amount // nil: all that is left
	Final         bool
	Reference     string
	Metadata      map[string]string
}

// ReleaseHold asks to give back what is left of a hold.
type ReleaseHold struct {
	HoldID    uuid.UUID
	PaymentID uuid.UUID // as in PlaceHold
	Reason    string
}

// ExtendHold asks to let a hold last until a later time.
type ExtendHold struct {
	HoldID    uuid.UUID
	ExpiresAt time.Time
}

// ExpireHolds asks for nothing but the expiries that are facts by now, which every other command brings to the record too.
type ExpireHolds struct{}

// PostReversal asks to undo an earlier transaction of the account as far as the amount goes. That it is not undone twice is the
// business of package reversal.
type PostReversal struct {
	TransactionID  uuid.UUID
	Reverses       uuid.UUID
	Direction      Direction // of the reversal
	CounterpartyID uuid.UUID // the other account of a transfer; zero for none
	Money          money.Money
	Reason         string
	Metadata       map[string]string
}

func (Open) isCommand()            {}
func (Deposit) isCommand()         {}
func (Withdraw) isCommand()        {}
func (ChargeFee) isCommand()       {}
func (PostInterest) isCommand()    {}
func (Freeze) isCommand()          {}
func (Unfreeze) isCommand()        {}
func (Close) isCommand()           {}
func (Reopen) isCommand()          {}
func (ChangeSettings) isCommand()  {}
func (SendTransfer) isCommand()    {}
func (ReceiveTransfer) isCommand() {}
func (PlaceHold) isCommand()       {}
func (CaptureHold) isCommand()     {}
func (ReleaseHold) isCommand()     {}
func (ExtendHold) isCommand()      {}
func (ExpireHolds) isCommand()     {}
func (PostReversal) isCommand()    {}
