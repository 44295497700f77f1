package account

import (
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Refusal is why a command was not accepted: a value with the data of the case, to be had with errors.As. The set is closed:
// the types of this file, as values; [Refusals] lists them.
type Refusal interface {
	error
	// Code is the refusal's name in the API, in snake_case. It never changes.
	Code() string
	isRefusal()
}

// NotFound says that the account was never opened.
type NotFound struct{}

// AlreadyOpen says that the account was opened before, with other content.
type AlreadyOpen struct{}

// ClosedAccount says that the account is closed.
type ClosedAccount struct{}

// FrozenAccount says that a freeze of this scope stops what was asked.
type FrozenAccount struct{ Scope FreezeScope }

// CurrencyMismatch says that money of another currency than the account's was given.
type CurrencyMismatch struct{ Account, Given money.Currency }

// AmountOutOfRange says that an amount is not among those possible now, Min to Max: the balance after it must stay within
// ±money.MaxAmount. Interest is also refused at zero, which lies between the two; Max below Min says that no amount is possible.
type AmountOutOfRange struct{ Amount, Min, Max money.Amount }

// InsufficientFunds says that a withdrawal asks for more than is available.
type InsufficientFunds struct{ Available, Requested money.Amount }

// BalanceNotZero says that there is money or debt left on an account that should be closed, or money held.
type BalanceNotZero struct{ Balance, Held money.Amount }

// OverdraftInUse says that an overdraft limit cannot be lowered to Limit, because Used of it is in use.
type OverdraftInUse struct{ Limit, Used money.Amount }

// InvalidField says that a field of the command, named as in the API, does not have the form it must have.
type InvalidField struct{ Field, Detail string }

// SameAccount says that a transfer would end where it begins.
type SameAccount struct{}

// ExpiredHold says that the hold's time is over: what it held was given back.
type ExpiredHold struct{}

// HoldNotActive says that the hold has ended already, and how, if that is remembered.
type HoldNotActive struct{ How HoldEnd }

// HoldOfPayment says that a payment disposes of the hold, and nobody else.
type HoldOfPayment struct{ PaymentID uuid.UUID }

// CaptureExceedsHold says that more should be captured than is left of the hold.
type CaptureExceedsHold struct{ Remaining, Requested money.Amount }

// TooManyHolds says that as many holds are open on the account as there may be.
type TooManyHolds struct{ Max int }

// LimitExceeded says that a limit of the account does not allow the owner to spend that much: Used of Max is spent already.
type LimitExceeded struct {
	Limit                string
	Max, Used, Requested money.Amount
}

// Code returns "not_found".
func (NotFound) Code() string { return "not_found" }

// Code returns "account_exists".
func (AlreadyOpen) Code() string { return "account_exists" }

// Code returns "account_closed".
func (ClosedAccount) Code() string { return "account_closed" }

// Code returns "account_frozen".
func (FrozenAccount) Code() string { return "account_frozen" }

// Code returns "currency_mismatch".
func (CurrencyMismatch) Code() string { return "currency_mismatch" }

// Code returns "amount_out_of_range".
func (AmountOutOfRange) Code() string { return "amount_out_of_range" }

// Code returns "insufficient_funds".
func (InsufficientFunds) Code() string { return "insufficient_funds" }

// Code returns "balance_not_zero".
func (BalanceNotZero) Code() string { return "balance_not_zero" }

// Code returns "overdraft_limit_in_use".
func (OverdraftInUse) Code() string { return "overdraft_limit_in_use" }

// Code returns "invalid_parameter".
func (InvalidField) Code() string { return "invalid_parameter" }

// Code returns "same_account".
func (SameAccount) Code() string { return "same_account" }

// Code returns "hold_expired".
func (ExpiredHold) Code() string { return "hold_expired" }

// Code returns "hold_not_active".
func (HoldNotActive) Code() string { return "hold_not_active" }

// Code returns "hold_of_payment".
func (HoldOfPayment) Code() string { return "hold_of_payment" }

// Code returns "capture_exceeds_hold".
func (CaptureExceedsHold) Code() string { return "capture_exceeds_hold" }

// Code returns "too_many_holds".
func (TooManyHolds) Code() string { return "too_many_holds" }

// Code returns "limit_exceeded".
func (LimitExceeded) Code() string { return "limit_exceeded" }

func (NotFound) Error() string      { return "no such account" }
func (AlreadyOpen) Error() string   { return "the account was opened before with other content" }
func (ClosedAccount) Error() string { return "the account is closed" }

func (r FrozenAccount) Error() string { return fmt.Sprintf("the account is frozen (%s)", r.Scope) }

func (r CurrencyMismatch) Error() string {
	return fmt.Sprintf("the account is kept in %s, not in %s", r.Account, r.Given)
}

func (r AmountOutOfRange) Error() string {
	switch {
	case r.Max < r.Min:
		return fmt.Sprintf("amount %d is not possible: the balance is at its bound", r.Amount)
	case r.Min <= r.Amount && r.Amount <= r.Max:
		return fmt.Sprintf("amount %d is nothing to post", r.Amount)
	default:
		return fmt.Sprintf("amount %d is not between %d and %d", r.Amount, r.Min, r.Max)
	}
}

func (r InsufficientFunds) Error() string {
	return fmt.Sprintf("%d requested, %d available", r.Requested, r.Available)
}

func (r BalanceNotZero) Error() string {
	return fmt.Sprintf("the balance is %d with %d held, not zero", r.Balance, r.Held)
}

func (r OverdraftInUse) Error() string {
	return fmt.Sprintf("the overdraft limit cannot be lowered to %d: %d is in use", r.Limit, r.Used)
}

func (r InvalidField) Error() string { return fmt.Sprintf("%s %s", r.Field, r.Detail) }

func (SameAccount) Error() string { return "source and target are the same account" }

func (ExpiredHold) Error() string { return "the hold has expired" }

func (r HoldNotActive) Error() string {
	if r.How == HoldEndUnknown {
		return "the hold is not active any more"
	}
	return fmt.Sprintf("the hold is not active any more: it was %s", r.How)
}

func (r HoldOfPayment) Error() string {
	return fmt.Sprintf("the hold belongs to payment %s", r.PaymentID)
}

func (r CaptureExceedsHold) Error() string {
	return fmt.Sprintf("%d requested, %d left of the hold", r.Requested, r.Remaining)
}

func (r TooManyHolds) Error() string {
	return fmt.Sprintf("%d holds are open already", r.Max)
}

func (r LimitExceeded) Error() string {
	return fmt.Sprintf("%d requested, %d of the limit %s of %d is spent", r.Requested, r.Used, r.Limit, r.Max)
}

func (NotFound) isRefusal()          {}
func (AlreadyOpen) isRefusal()       {}
func (ClosedAccount) isRefusal()     {}
func (FrozenAccount) isRefusal()     {}
func (CurrencyMismatch) isRefusal()  {}
func (AmountOutOfRange) isRefusal()  {}
func (InsufficientFunds) isRefusal() {}
func (BalanceNotZero) isRefusal()    {}
func (OverdraftInUse) isRefusal()    {}
func (InvalidField) isRefusal()      {}

func (SameAccount) isRefusal()        {}
func (ExpiredHold) isRefusal()        {}
func (HoldNotActive) isRefusal()      {}
func (HoldOfPayment) isRefusal()      {}
func (CaptureExceedsHold) isRefusal() {}
func (TooManyHolds) isRefusal()       {}
func (LimitExceeded) isRefusal()      {}

// Refusals returns a value of each refusal, for tables and tests that must know them all.
func Refusals() []Refusal {
	return []Refusal{
		NotFound{}, AlreadyOpen{}, ClosedAccount{}, FrozenAccount{}, CurrencyMismatch{}, AmountOutOfRange{},
		InsufficientFunds{}, BalanceNotZero{}, OverdraftInUse{}, InvalidField{},
		SameAccount{}, ExpiredHold{}, HoldNotActive{}, HoldOfPayment{}, CaptureExceedsHold{}, TooManyHolds{}, LimitExceeded{},
	}
}
