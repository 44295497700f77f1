package commandapi

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/httpapi"
)

// approvalsPath is where an approval is found, less its id.
const approvalsPath = "/v1/approvals/"

// approveCommand has a command carried out that waits for a second person.
func approveCommand(call *httpapi.Call, id string, b *OperatorsWord) (order, error) {
	return onApproval(id, approval.Approve{By: call.Identity.Subject, Reason: b.Reason})
}

// rejectCommand drops it.
func rejectCommand(call *httpapi.Call, id string, b *Lifecycle) (order, error) {
	return onApproval(id, approval.Reject{By: call.Identity.Subject, Reason: b.Reason})
}

// onApproval addresses a command to the approval that the path names, with what waits in it.
func onApproval(id string, c approval.Command) (order, error) {
	waited := &command.Waiting{}
	o, err := addressed(id, "approval", func(ctx context.Context, finder Finder, approvalID uuid.UUID) (bank.Command, error) {
		found, err := finder.Approval(ctx, approvalID)
		*waited = found
		on := found.Command
		on.Command = c
		return on, err
	})
	o.waited = waited
	return o, err
}

// pendingBegin is how the body of every pending answer begins, and that of no other: an answer that was stored is known by it.
var pendingBegin = []byte(`{"status":"pending_approval",`)

func isPending(status int, body []byte) bool {
	return status == http.StatusAccepted && bytes.HasPrefix(body, pendingBegin)
}

// appendPending writes a PendingApproval. The threshold is not in it: who knows it stays below.
func appendPending(dst []byte, s *approval.State, o command.Outcome) []byte {
	dst = httpapi.AppendID(append(append(dst, pendingBegin...), `"approval_id":"`...), s.ApprovalID)
	dst = appendAsked(append(dst, '"'), s)
	return append(appendWhen(dst, o), '}')
}

// appendAsked writes what an approval is about.
func appendAsked(dst []byte, s *approval.State) []byte {
	dst = append(append(append(dst, `,"kind":"`...), s.Kind...), '"')
	dst = httpapi.AppendID(append(dst, `,"account_id":"`...), s.AccountID)
	dst = strconv.AppendInt(append(dst, `","amount":`...), int64(s.Money.Amount), 10)
	dst = append(append(append(dst, `,"currency":"`...), s.Money.Currency.Code()...), '"')
	return append(appendTime(dst, `,"expires_at":"`, s.ExpiresAt), '"')
}

// appendApproval writes an ApprovalResult.
func appendApproval(dst []byte, c bank.OnApproval, r command.Request, o command.Outcome) []byte {
	s, _ := o.After.Aggregate(c.ApprovalID).(approval.State)
	dst = httpapi.AppendID(append(dst, `{"approval_id":"`...), s.ApprovalID)
	dst = append(append(append(dst, `","status":"`...), s.Status...), '"')
	dst = appendAsked(dst, &s)
	dst = httpapi.AppendText(append(dst, `,"requested_by":`...), s.Maker)
	dst = httpapi.AppendText(append(dst, `,"decided_by":`...), s.DecidedBy)
	if s.Reason != "" {
		dst = httpapi.AppendText(append(dst, `,"reason":`...), s.Reason)
	}
	dst = appendWhen(dst, o)
	if len(o.Changes) > 1 { // what was waiting has been carried out
		r.Command = c.Original
		dst = appendResult(append(dst, `,"result":`...), r, o)
	}
	return append(dst, '}')
}
