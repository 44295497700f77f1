package commandapi

import (
	"errors"
	"time"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/domain/reversal"
	"passbook/domain/transfer"
	"passbook/httpapi"
)

// refusal tells why a command was not accepted, with the data of the case.
func refusal(r command.Request, o command.Outcome) *httpapi.Error {
	e := &httpapi.Error{Code: httpapi.InternalError, Detail: o.Refusal.Error()}
	var coded bank.Refusal
	if errors.As(o.Refusal, &coded) {
		e.Code = coded.Code()
	}
	var side transfer.Refused
	if !errors.As(o.Refusal, &side) {
		e.Fields = faults(r.Command, o.Refusal, o.Refusal.Error())
		e.Context = data(o.State, o.Refusal)
		return e
	}
	e.Fields = sideFaults(r.Command, side)
	e.Context = []httpapi.Member{httpapi.Text("side", string(side.Side)), httpapi.Text("account_id", side.AccountID.String())}
	s, _ := o.After.Aggregate(side.AccountID).(account.State)
	if r.OwnedBy == "" || s.OwnerID == r.OwnedBy { // of the account of another one nothing is told but what stops the transfer
		e.Context = append(e.Context, data(s, side.Refusal)...)
	}
	return e
}

// sideFaults names the field that the refusal by one side of a transfer is about.
func sideFaults(c bank.Command, r transfer.Refused) []httpapi.FieldError {
	_, isTransfer := c.(bank.Transfer)
	which := r.Refusal.Code()
	if !isTransfer || which != httpapi.NotFound && which != httpapi.SameAccount {
		return faults(c, r.Refusal, r.Error())
	}
	pointer := "/source_account_id"
	if r.Side == transfer.Target || which == httpapi.SameAccount {
		pointer = "/target_account_id"
	}
	return []httpapi.FieldError{{Pointer: pointer, Code: httpapi.FieldInvalidValue, Detail: r.Error()}}
}

// faults names the field of the request that the refusal is about, if it is about one.
func faults(c bank.Command, refused error, detail string) []httpapi.FieldError {
	at := func(pointer, code string) []httpapi.FieldError {
		return []httpapi.FieldError{{Pointer: pointer, Code: code, Detail: detail}}
	}
	switch refused := refused.(type) { //nolint:errorlint // refusals are values of a closed set and come unwrapped
	case account.InsufficientFunds:
		return at("/amount", httpapi.FieldExceedsAvailable)
	case account.LimitExceeded:
		return at("/amount", httpapi.FieldExceedsLimit)
	case account.AmountOutOfRange:
		return at(amountField(c), httpapi.FieldOutOfRange)
	case payment.AmountOutOfRange, account.CaptureExceedsHold, reversal.ExceedsOriginal:
		return at("/amount", httpapi.FieldOutOfRange)
	case account.CurrencyMismatch:
		return at("/currency", httpapi.FieldInvalidValue)
	case account.OverdraftInUse:
		return at("/overdraft_limit", httpapi.FieldOutOfRange)
	case account.InvalidField:
		return at("/"+refused.Field, httpapi.FieldInvalidValue)
	case payment.InvalidField:
		return at("/"+refused.Field, httpapi.FieldInvalidValue)
	case approval.InvalidField:
		return at("/"+refused.Field, httpapi.FieldInvalidValue)
	}
	return nil
}

// amountField is where the amount of a command stands in its request.
func amountField(c bank.Command) string {
	one, _ := c.(bank.OnAccount)
	switch one.Command.(type) {
	case account.Open, account.ChangeSettings:
		return "/overdraft_limit"
	}
	return "/amount"
}

// data is the context of a refusal by an account or for it. About an account that the caller may not see there is none.
func data(s account.State, refused error) []httpapi.Member {
	version := httpapi.Number("account_version", s.Version)
	currency := httpapi.Text("currency", s.Currency.Code())
	switch r := refused.(type) { //nolint:errorlint // as in faults
	case account.InsufficientFunds:
		return []httpapi.Member{httpapi.Number("available", r.Available), httpapi.Number("requested", r.Requested), currency, version}
	case account.LimitExceeded:
		return []httpapi.Member{
			httpapi.Text("limit", r.Limit), httpapi.Number("max", r.Max), httpapi.Number("used", r.Used), httpapi.Number("requested", r.Requested), currency, version,
		}
	case account.AmountOutOfRange:
		return []httpapi.Member{httpapi.Number("amount", r.Amount), httpapi.Number("min", r.Min), httpapi.Number("max", r.Max), version}
	case account.CurrencyMismatch:
		return []httpapi.Member{httpapi.Text("account_currency", r.Account.Code()), httpapi.Text("given_currency", r.Given.Code()), version}
	case account.FrozenAccount:
		return []httpapi.Member{httpapi.Text("freeze_scope", string(r.Scope)), version}
	case account.BalanceNotZero:
		return []httpapi.Member{httpapi.Number("balance", r.Balance), httpapi.Number("held", r.Held), currency, version}
	case account.OverdraftInUse:
		return []httpapi.Member{httpapi.Number("limit", r.Limit), httpapi.Number("used", r.Used), currency, version}
	case account.ClosedAccount, account.ExpiredHold:
		return []httpapi.Member{version}
	case account.HoldNotActive:
		return append(known("ended", string(r.How)), version)
	case account.HoldOfPayment:
		return []httpapi.Member{httpapi.Text("payment_id", r.PaymentID.String()), version}
	case account.CaptureExceedsHold:
		return []httpapi.Member{httpapi.Number("remaining", r.Remaining), httpapi.Number("requested", r.Requested), currency, version}
	case account.TooManyHolds:
		return []httpapi.Member{httpapi.Number("max", r.Max), version}
	}
	return otherData(refused)
}

// otherData is the context of a refusal that is not an account's.
func otherData(refused error) []httpapi.Member {
	switch r := refused.(type) { //nolint:errorlint // as in faults
	case reversal.AlreadyReversed:
		return []httpapi.Member{httpapi.Number("original", r.Original)}
	case reversal.ExceedsOriginal:
		return []httpapi.Member{httpapi.Number("original", r.Original), httpapi.Number("reversed", r.Reversed), httpapi.Number("requested", r.Requested)}
	case payment.Final:
		return []httpapi.Member{httpapi.Text("outcome", string(r.Outcome))}
	case payment.NotDue:
		return []httpapi.Member{httpapi.Text("deadline", r.Deadline.UTC().Format(time.RFC3339Nano))}
	case payment.AmountOutOfRange:
		return []httpapi.Member{httpapi.Number("amount", r.Amount), httpapi.Number("min", r.Min), httpapi.Number("max", r.Max)}
	case approval.Final:
		return []httpapi.Member{httpapi.Text("outcome", string(r.Outcome))}
	case approval.HasExpired:
		return []httpapi.Member{httpapi.Text("expires_at", r.ExpiresAt.UTC().Format(time.RFC3339Nano))}
	}
	return nil
}

// known is a context entry that is there only when there is something to say.
func known(name, value string) []httpapi.Member {
	if value == "" {
		return nil
	}
	return []httpapi.Member{httpapi.Text(name, value)}
}
