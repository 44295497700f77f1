package account

import (
	"fmt"

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

// Refusals returns a value of each refusal, for tables and tests that must know them all.
func Refusals() []Refusal {
	return []Refusal{
		NotFound{}, AlreadyOpen{}, ClosedAccount{}, FrozenAccount{}, CurrencyMismatch{}, AmountOutOfRange{},
		InsufficientFunds{}, BalanceNotZero{}, OverdraftInUse{}, InvalidField{},
	}
}
