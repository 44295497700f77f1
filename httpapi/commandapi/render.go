package commandapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/domain/reversal"
	"passbook/httpapi"
)

// Render makes the body and the status that a command is answered with. It is the command.Renderer of this API.
func Render(r command.Request, o command.Outcome) (status int, body []byte) {
	switch {
	case o.Refusal != nil:
		body, status = httpapi.AppendProblem(make([]byte, 0, 768), refusal(r, o), r.Path, r.RequestID)
		return status, body
	case r.DryRun:
		return http.StatusOK, appendDryRun(make([]byte, 0, 1024), r, o)
	}
	if waits, pending := command.WaitsIn(&r, &o); pending {
		return http.StatusAccepted, appendPending(make([]byte, 0, 448), &waits, o)
	}
	return successStatus(r.Command), appendResult(make([]byte, 0, 448), r, o)
}

// successStatus tells what came into being from what changed, and from what is only under way.
func successStatus(c bank.Command) int {
	switch c := c.(type) {
	case bank.OnAccount:
		switch c.Command.(type) {
		case account.Freeze, account.Unfreeze, account.Close, account.Reopen, account.ChangeSettings,
			account.CaptureHold, account.ReleaseHold, account.ExtendHold:
			return http.StatusOK
		}
	case bank.OnPayment:
		if _, requests := c.Command.(payment.Request); requests {
			return http.StatusAccepted
		}
		return http.StatusOK
	case bank.OnApproval:
		return http.StatusOK
	}
	return http.StatusCreated
}

// appendResult writes the answer to an accepted command. Nothing in it needs to be escaped.
func appendResult(dst []byte, r command.Request, o command.Outcome) []byte {
	switch c := r.Command.(type) {
	case bank.Transfer:
		return appendTransfer(dst, c, r.OwnedBy, o)
	case bank.Reverse:
		return appendReversal(dst, c, o)
	case bank.OnPayment:
		return appendPayment(dst, c, o)
	case bank.OnApproval:
		return appendApproval(dst, c, r, o)
	case bank.OnAccount:
		if hold, ofHold := holdOf(c.Command); ofHold {
			return appendHold(dst, hold, o)
		}
	}
	dst = append(appendAccount(append(dst, '{'), o), '}')
	return dst
}

// appendAccount writes the members of a CommandResult: the account after the command.
func appendAccount(dst []byte, o command.Outcome) []byte {
	s := &o.State
	dst = httpapi.AppendID(append(dst, `"account_id":"`...), s.ID)
	if o.TransactionID != uuid.Nil {
		dst = httpapi.AppendID(append(dst, `","transaction_id":"`...), o.TransactionID)
	}
	dst = strconv.AppendInt(append(dst, `","version":`...), s.Version, 10)
	dst = strconv.AppendInt(append(dst, `,"position":`...), o.Position, 10)
	dst = appendAmount(dst, `,"balance":`, s.Balance)
	dst = appendAmount(dst, `,"available":`, s.Available())
	dst = appendAmount(dst, `,"held":`, s.Held)
	dst = append(append(dst, `,"currency":"`...), s.Currency.Code()...)
	dst = append(append(dst, `","status":"`...), s.Status...)
	return append(appendTime(dst, `","recorded_at":"`, o.RecordedAt), '"')
}

// holdOf is the hold that a command of an account is about, if it is about one.
func holdOf(c account.Command) (id uuid.UUID, ofHold bool) {
	switch c := c.(type) {
	case account.PlaceHold:
		return c.HoldID, true
	case account.CaptureHold:
		return c.HoldID, true
	case account.ReleaseHold:
		return c.HoldID, true
	case account.ExtendHold:
		return c.HoldID, true
	}
	return uuid.Nil, false
}

// appendHold writes a HoldResult.
func appendHold(dst []byte, id uuid.UUID, o command.Outcome) []byte {
	hold, open := o.State.Hold(id)
	dst = httpapi.AppendID(append(dst, `{"hold_id":"`...), id)
	dst = appendAmount(dst, `","remaining":`, hold.Amount)
	if open && !hold.ExpiresAt.IsZero() {
		dst = append(appendTime(dst, `,"expires_at":"`, hold.ExpiresAt), '"')
	}
	return append(appendAccount(append(dst, ','), o), '}')
}

// appendTransfer writes a TransferResult. Of a target that is not the caller's own there is nothing but its id.
func appendTransfer(dst []byte, c bank.Transfer, ownedBy string, o command.Outcome) []byte {
	dst = httpapi.AppendID(append(dst, `{"transfer_id":"`...), c.TransactionID)
	dst = httpapi.AppendID(append(dst, `","transaction_id":"`...), c.TransactionID)
	dst = appendAmount(dst, `","amount":`, c.Money.Amount)
	dst = append(append(dst, `,"currency":"`...), c.Money.Currency.Code()...)
	dst = appendSide(append(dst, `","source":`...), o, c.SourceID, ownedBy)
	dst = appendSide(append(dst, `,"target":`...), o, c.TargetID, ownedBy)
	return append(appendWhen(dst, o), '}')
}

// appendReversal writes a ReversalResult.
func appendReversal(dst []byte, c bank.Reverse, o command.Outcome) []byte {
	undone, _ := o.After.Aggregate(c.Original.TransactionID).(reversal.State)
	dst = httpapi.AppendID(append(dst, `{"reverses":"`...), c.Original.TransactionID)
	dst = appendAmount(dst, `","amount":`, reversedBy(o.Changes))
	dst = appendAmount(dst, `,"original_amount":`, c.Original.Money.Amount)
	dst = appendAmount(dst, `,"reversed":`, undone.Reversed)
	if c.Original.CounterpartyID != uuid.Nil {
		dst = appendSide(append(dst, `,"counterparty":`...), o, c.Original.CounterpartyID, "")
	}
	return append(appendAccount(append(dst, ','), o), '}')
}

// reversedBy is how much a reversal undoes.
func reversedBy(changes []bank.Change) money.Amount {
	for _, change := range changes {
		for _, event := range change.Events {
			if step, ok := event.(reversal.Reversed); ok {
				return step.Amount
			}
		}
	}
	return 0
}

// appendPayment writes a PaymentResult. Who requests a payment sees the account; operators do not.
func appendPayment(dst []byte, c bank.OnPayment, o command.Outcome) []byte {
	p, _ := o.After.Aggregate(c.PaymentID).(payment.State)
	dst = httpapi.AppendID(append(dst, `{"payment_id":"`...), p.PaymentID)
	dst = append(append(dst, `","status":"`...), p.Status...)
	dst = strconv.AppendBool(append(dst, `","stuck":`...), p.Stuck)
	dst = httpapi.AppendID(append(dst, `,"account_id":"`...), p.AccountID)
	dst = httpapi.AppendID(append(dst, `","hold_id":"`...), p.HoldID)
	dst = appendAmount(dst, `","amount":`, p.Money.Amount)
	dst = append(append(dst, `,"currency":"`...), p.Money.Currency.Code()...)
	dst = append(appendTime(dst, `","deadline":"`, p.Deadline), '"')
	if _, requests := c.Command.(payment.Request); requests {
		dst = appendSide(append(dst, `,"account":`...), o, c.AccountID, "")
	}
	return append(appendWhen(dst, o), '}')
}

// appendSide writes an AccountSide. Where ownedBy is set, of the accounts of others there is nothing but the id.
func appendSide(dst []byte, o command.Outcome, id uuid.UUID, ownedBy string) []byte {
	s, _ := o.After.Aggregate(id).(account.State)
	dst = httpapi.AppendID(append(dst, `{"account_id":"`...), id)
	if ownedBy != "" && s.OwnerID != ownedBy {
		return append(dst, `"}`...)
	}
	dst = strconv.AppendInt(append(dst, `","version":`...), s.Version, 10)
	dst = appendAmount(dst, `,"balance":`, s.Balance)
	dst = appendAmount(dst, `,"held":`, s.Held)
	dst = appendAmount(dst, `,"available":`, s.Available())
	return append(append(append(dst, `,"status":"`...), s.Status...), `"}`...)
}

// appendWhen writes position and booking time.
func appendWhen(dst []byte, o command.Outcome) []byte {
	dst = strconv.AppendInt(append(dst, `,"position":`...), o.Position, 10)
	return append(appendTime(dst, `,"recorded_at":"`, o.RecordedAt), '"')
}

func appendAmount(dst []byte, name string, amount money.Amount) []byte {
	return strconv.AppendInt(append(dst, name...), int64(amount), 10)
}

func appendTime(dst []byte, name string, t time.Time) []byte {
	return t.UTC().AppendFormat(append(dst, name...), time.RFC3339Nano)
}

// appendDryRun writes a DryRunResult: the events as they would be stored, and the answer.
func appendDryRun(dst []byte, r command.Request, o command.Outcome) []byte {
	waits, pending := command.WaitsIn(&r, &o)
	status := successStatus(r.Command)
	if pending {
		status = http.StatusAccepted
	}
	dst = strconv.AppendInt(append(dst, `{"dry_run":true,"status":`...), int64(status), 10)
	dst = append(dst, `,"events":[`...)
	for i, change := range o.Changes {
		first := bank.Version(o.After.Aggregate(change.StreamID)) - int64(len(change.Events)) + 1
		for j, event := range change.Events {
			if i+j > 0 {
				dst = append(dst, ',')
			}
			typ, schema, data := bank.Encode(event)
			dst = append(append(dst, `{"stream_type":"`...), change.StreamType...)
			dst = httpapi.AppendID(append(dst, `","stream_id":"`...), change.StreamID)
			dst = strconv.AppendInt(append(dst, `","version":`...), first+int64(j), 10)
			dst = append(append(dst, `,"type":"`...), typ...)
			dst = strconv.AppendInt(append(dst, `","schema":`...), int64(schema), 10)
			dst = append(append(append(dst, `,"data":`...), data...), '}')
		}
	}
	dst = append(dst, `],"result":`...)
	if pending {
		return append(appendPending(dst, &waits, o), '}')
	}
	return append(appendResult(dst, r, o), '}')
}
