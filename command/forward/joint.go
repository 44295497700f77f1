package forward

import (
	"bytes"
	"fmt"
	"strings"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/payment"
)

// What a command is about, before its kind. The numbers stand for ever, as those of the kinds do.
const (
	aboutAccount = iota + 1
	aboutTransfer
	aboutReversal
	aboutPayment
	aboutApproval
)

// command writes a command of any sort.
func (w *writer) command(c bank.Command) {
	switch c := c.(type) {
	case bank.OnAccount:
		w.byte(aboutAccount)
		w.uuid(c.AccountID)
		w.onAccount(c.Command)
	case bank.Transfer:
		w.byte(aboutTransfer)
		w.uuids(c.TransactionID, c.SourceID, c.TargetID)
		w.money(c.Money)
		w.text(c.Reference)
		w.metadata(c.Metadata)
	case bank.Reverse:
		w.byte(aboutReversal)
		w.uuid(c.ReversalID)
		w.original(c.Original)
		w.optionalAmount(c.Amount)
		w.text(c.Reason)
		w.metadata(c.Metadata)
	case bank.OnPayment:
		w.byte(aboutPayment)
		w.uuids(c.PaymentID, c.AccountID)
		w.onPayment(c.Command)
	case bank.OnApproval:
		w.byte(aboutApproval)
		w.uuid(c.ApprovalID)
		w.text(c.OwnedBy)
		w.onApproval(c.Command)
		w.command(c.Original)
	default:
		panic(fmt.Sprintf("forward: %T is no command", c))
	}
}

// command reads what the writer's wrote.
func (r *reader) command() bank.Command {
	switch about := r.byte(); about {
	case aboutAccount:
		return bank.OnAccount{AccountID: r.uuid(), Command: r.onAccount()}
	case aboutTransfer:
		return bank.Transfer{TransactionID: r.uuid(), SourceID: r.uuid(), TargetID: r.uuid(), Money: r.money(), Reference: r.copied(), Metadata: r.metadata()}
	case aboutReversal:
		return bank.Reverse{ReversalID: r.uuid(), Original: r.original(), Amount: r.optionalAmount(), Reason: r.copied(), Metadata: r.metadata()}
	case aboutPayment:
		return bank.OnPayment{PaymentID: r.uuid(), AccountID: r.uuid(), Command: r.onPayment()}
	case aboutApproval:
		return r.approval()
	default:
		r.fail("command about an unknown thing %d", about)
		return nil
	}
}

func (w *writer) original(o bank.Original) {
	w.uuids(o.TransactionID, o.AccountID, o.CounterpartyID)
	w.text(string(o.Direction))
	w.money(o.Money)
	w.present(o.Irreversible)
}

func (r *reader) original() bank.Original {
	return bank.Original{TransactionID: r.uuid(), AccountID: r.uuid(), CounterpartyID: r.uuid(),
		Direction: account.Direction(strings.Clone(r.text())), Money: r.money(), Irreversible: r.present()}
}

// The kinds of commands about payments, likewise for ever.
const (
	kindRequest = iota + 1
	kindSubmit
	kindSettle
	kindReject
	kindTimeOut
	kindCancel
	kindPush
	kindMarkStuck
)

func (w *writer) onPayment(c payment.Command) {
	switch c := c.(type) {
	case payment.Request:
		w.byte(kindRequest)
		w.uuids(c.PaymentID, c.AccountID, c.HoldID)
		w.money(c.Money)
		w.texts(c.Creditor.Name, c.Creditor.Account, c.Creditor.Agent, c.Reference)
		w.metadata(c.Metadata)
		w.time(c.Deadline)
	case payment.Submit:
		w.byte(kindSubmit)
		w.text(c.GatewayReference)
	case payment.Settle:
		w.byte(kindSettle)
		w.text(c.GatewayReference)
	case payment.Reject:
		w.byte(kindReject)
		w.texts(c.Code, c.Reason)
	case payment.TimeOut:
		w.byte(kindTimeOut)
	case payment.Cancel:
		w.byte(kindCancel)
		w.texts(c.By, c.Reason)
	case payment.Push:
		w.byte(kindPush)
		w.texts(c.By, c.Reason)
	case payment.MarkStuck:
		w.byte(kindMarkStuck)
		w.text(c.Reason)
	default:
		panic(fmt.Sprintf("forward: %T is no command", c))
	}
}

func (r *reader) onPayment() payment.Command {
	switch kind := r.byte(); kind {
	case kindRequest:
		return payment.Request{
			PaymentID: r.uuid(), AccountID: r.uuid(), HoldID: r.uuid(), Money: r.money(),
			Creditor:  payment.Creditor{Name: r.copied(), Account: r.copied(), Agent: r.copied()},
			Reference: r.copied(), Metadata: r.metadata(), Deadline: r.time(),
		}
	case kindSubmit:
		return payment.Submit{GatewayReference: r.copied()}
	case kindSettle:
		return payment.Settle{GatewayReference: r.copied()}
	case kindReject:
		return payment.Reject{Code: r.copied(), Reason: r.copied()}
	case kindTimeOut:
		return payment.TimeOut{}
	case kindCancel:
		return payment.Cancel{By: r.copied(), Reason: r.copied()}
	case kindPush:
		return payment.Push{By: r.copied(), Reason: r.copied()}
	case kindMarkStuck:
		return payment.MarkStuck{Reason: r.copied()}
	default:
		r.fail("command about a payment of an unknown kind %d", kind)
		return nil
	}
}

// The kinds of commands about approvals, likewise for ever.
const (
	kindAskForApproval = iota + 1
	kindApprove
	kindRejectApproval
	kindExpireApproval
)

func (w *writer) onApproval(c approval.Command) {
	switch c := c.(type) {
	case approval.Request:
		w.byte(kindAskForApproval)
		w.uuids(c.ApprovalID, c.AccountID)
		w.text(c.Kind)
		w.bytes(c.Command)
		w.money(c.Money)
		w.signed(int64(c.Threshold))
		w.texts(c.Maker, c.OwnedBy)
		w.time(c.EffectiveAt)
		w.time(c.ExpiresAt)
	case approval.Approve:
		w.byte(kindApprove)
		w.texts(c.By, c.Reason)
	case approval.Reject:
		w.byte(kindRejectApproval)
		w.texts(c.By, c.Reason)
	case approval.Expire:
		w.byte(kindExpireApproval)
	default:
		panic(fmt.Sprintf("forward: %T is no command", c))
	}
}

// approval reads what waits in an approval behind what is asked of it: never another approval, so that a message cannot go deeper.
func (r *reader) approval() bank.Command {
	c := bank.OnApproval{ApprovalID: r.uuid(), OwnedBy: r.copied(), Command: r.onApproval()}
	if r.at < len(r.data) && r.data[r.at] == aboutApproval {
		r.fail("an approval of an approval")
		return nil
	}
	c.Original = r.command()
	return c
}

func (r *reader) onApproval() approval.Command {
	switch kind := r.byte(); kind {
	case kindAskForApproval:
		return approval.Request{
			ApprovalID: r.uuid(), AccountID: r.uuid(), Kind: r.copied(), Command: r.document(), Money: r.money(), Threshold: r.amount(),
			Maker: r.copied(), OwnedBy: r.copied(), EffectiveAt: r.time(), ExpiresAt: r.time(),
		}
	case kindApprove:
		return approval.Approve{By: r.copied(), Reason: r.copied()}
	case kindRejectApproval:
		return approval.Reject{By: r.copied(), Reason: r.copied()}
	case kindExpireApproval:
		return approval.Expire{}
	default:
		r.fail("command about an approval of an unknown kind %d", kind)
		return nil
	}
}

// document is a copy of JSON; nil for none.
func (r *reader) document() []byte {
	if data := r.slice(); len(data) > 0 {
		return bytes.Clone(data)
	}
	return nil
}
