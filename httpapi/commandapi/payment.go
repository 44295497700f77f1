package commandapi

import (
	"context"
	"time"

	"github.com/google/uuid"

	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/httpapi"
)

// Suspect implements httpapi.Suspect.
func (b *Payment) Suspect() bool {
	return b.AccountID == "" || b.Amount == 0 || b.Currency == "" || b.Creditor.Name == "" || b.Creditor.Account == ""
}

// Suspect implements httpapi.Suspect.
func (b *OperatorsWord) Suspect() bool { return false }

// requestPayment asks for a payment out of the bank.
func requestPayment(b *Payment) (order, error) {
	amount, err := newMoney(b.Amount, b.Currency)
	if err != nil {
		return order{}, err
	}
	accountID, err := accountIn("/account_id", &b.AccountID)
	if err != nil {
		return order{}, err
	}
	if !b.Deadline.IsZero() {
		b.Deadline = b.Deadline.UTC().Truncate(time.Microsecond)
	}
	id, err := newID()
	if err != nil {
		return order{}, err
	}
	hold, err := newID()
	return order{command: bank.OnPayment{PaymentID: id, AccountID: accountID, Command: payment.Request{
		PaymentID: id, AccountID: accountID, HoldID: hold, Money: amount, Creditor: payment.Creditor{Name: b.Creditor.Name, Account: b.Creditor.Account, Agent: b.Creditor.Agent},
		Reference: b.Reference, Metadata: b.Metadata, Deadline: b.Deadline,
	}}}, err
}

// cancelPayment gives a payment up.
func cancelPayment(call *httpapi.Call, id string, b *OperatorsWord) (order, error) {
	return onPayment(id, payment.Cancel{By: operator(call), Reason: b.Reason})
}

// pushPayment has a stuck payment tried again.
func pushPayment(call *httpapi.Call, id string, b *OperatorsWord) (order, error) {
	return onPayment(id, payment.Push{By: operator(call), Reason: b.Reason})
}

// operator is who asks, as the payment's events name them.
func operator(call *httpapi.Call) string {
	name := []rune(call.Identity.Subject)
	return string(name[:min(len(name), payment.WordMax)])
}

// onPayment addresses a command to the payment that the path names.
func onPayment(id string, c payment.Command) (order, error) {
	return addressed(id, "payment", func(ctx context.Context, finder Finder, paymentID uuid.UUID) (bank.Command, error) {
		accountID, err := finder.Payment(ctx, paymentID)
		return bank.OnPayment{PaymentID: paymentID, AccountID: accountID, Command: c}, err
	})
}
