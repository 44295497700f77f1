package commandapi

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/httpapi"
)

// Render makes the body and the status that a command is answered with. It is the command.Renderer of this API.
func Render(r command.Request, o command.Outcome) (status int, body []byte) {
	if o.Refusal != nil {
		body, status = httpapi.AppendProblem(make([]byte, 0, 768), refusal(r, o), r.Path, r.RequestID)
		return status, body
	}
	return successStatus(r.Command), appendResult(make([]byte, 0, 320), o)
}

// successStatus tells what came into being from what changed.
func successStatus(c bank.Command) int {
	switch ofAccount(c).(type) {
	case account.Freeze, account.Unfreeze, account.Close, account.Reopen, account.ChangeSettings:
		return http.StatusOK
	}
	return http.StatusCreated
}

// ofAccount is what is asked of one account alone; nil when it is of more.
func ofAccount(c bank.Command) account.Command {
	if one, ok := c.(bank.OnAccount); ok {
		return one.Command
	}
	return nil
}

// appendResult writes a CommandResult. Nothing in it needs to be escaped.
func appendResult(dst []byte, o command.Outcome) []byte {
	s := &o.State
	dst = appendID(append(dst, `{"account_id":"`...), s.ID)
	if o.TransactionID != uuid.Nil {
		dst = appendID(append(dst, `","transaction_id":"`...), o.TransactionID)
	}
	dst = strconv.AppendInt(append(dst, `","version":`...), s.Version, 10)
	dst = strconv.AppendInt(append(dst, `,"position":`...), o.Position, 10)
	dst = strconv.AppendInt(append(dst, `,"balance":`...), int64(s.Balance), 10)
	dst = strconv.AppendInt(append(dst, `,"available":`...), int64(s.Available()), 10)
	dst = strconv.AppendInt(append(dst, `,"held":`...), int64(s.Held), 10)
	dst = append(append(dst, `,"currency":"`...), s.Currency.Code()...)
	dst = append(append(dst, `","status":"`...), s.Status...)
	dst = o.RecordedAt.UTC().AppendFormat(append(dst, `","recorded_at":"`...), time.RFC3339Nano)
	return append(dst, `"}`...)
}

func appendID(dst []byte, id uuid.UUID) []byte {
	dst = append(hex.AppendEncode(dst, id[0:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:16])
}

// refusal tells why a command was not accepted, with the data of the case.
func refusal(r command.Request, o command.Outcome) *httpapi.Error {
	e := &httpapi.Error{Code: httpapi.InternalError, Detail: o.Refusal.Error()}
	var coded interface{ Code() string }
	if errors.As(o.Refusal, &coded) {
		e.Code = coded.Code()
	}
	e.Fields = faults(r.Command, o.Refusal)
	e.Context = data(o)
	return e
}

// faults names the field of the request that the refusal is about, if it is about one.
func faults(c bank.Command, refused error) []httpapi.FieldError {
	at := func(pointer, code string) []httpapi.FieldError {
		return []httpapi.FieldError{{Pointer: pointer, Code: code, Detail: refused.Error()}}
	}
	switch refused := refused.(type) { //nolint:errorlint // refusals are values of a closed set and come unwrapped
	case account.InsufficientFunds:
		return at("/amount", httpapi.FieldExceedsAvailable)
	case account.AmountOutOfRange:
		return at(amountField(c), httpapi.FieldOutOfRange)
	case account.CurrencyMismatch:
		return at("/currency", httpapi.FieldInvalidValue)
	case account.OverdraftInUse:
		return at("/overdraft_limit", httpapi.FieldOutOfRange)
	case account.InvalidField:
		return at("/"+refused.Field, httpapi.FieldInvalidValue)
	}
	return nil
}

// amountField is where the amount of a command stands in its request.
func amountField(c bank.Command) string {
	switch ofAccount(c).(type) {
	case account.Open, account.ChangeSettings:
		return "/overdraft_limit"
	}
	return "/amount"
}

// data is the context of a refusal. About an account that the caller may not see there is none.
func data(o command.Outcome) []httpapi.Member {
	version := httpapi.Number("account_version", o.State.Version)
	currency := httpapi.Text("currency", o.State.Currency.Code())
	switch r := o.Refusal.(type) { //nolint:errorlint // as in faults
	case account.InsufficientFunds:
		return []httpapi.Member{httpapi.Number("available", r.Available), httpapi.Number("requested", r.Requested), currency, version}
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
	case account.ClosedAccount:
		return []httpapi.Member{version}
	}
	return nil
}
