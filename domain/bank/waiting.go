package bank

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/domain/payment"
)

// The kinds of commands that can wait for an approval. They are a storage format: written by hand and never changed, as are the
// names in [waiting].
const (
	KindDeposit    = "deposit"
	KindWithdrawal = "withdrawal"
	KindFee        = "fee"
	KindInterest   = "interest"
	KindCapture    = "capture"
	KindTransfer   = "transfer"
	KindReversal   = "reversal"
	KindPayment    = "payment"
)

// Kinds lists them all.
func Kinds() []string {
	return []string{KindDeposit, KindWithdrawal, KindFee, KindInterest, KindCapture, KindTransfer, KindReversal, KindPayment}
}

// waiting is a command as it waits in an approval: the members that its kind has, in this order.
type waiting struct {
	TransactionID uuid.UUID         `json:"transaction_id,omitzero"` // of a reversal that which undoes
	PaymentID     uuid.UUID         `json:"payment_id,omitzero"`
	AccountID     uuid.UUID         `json:"account_id,omitzero"` // of a transfer the source
	TargetID      uuid.UUID         `json:"target_account_id,omitzero"`
	HoldID        uuid.UUID         `json:"hold_id,omitzero"`
	Original      *original         `json:"original,omitempty"`
	Amount        *money.Amount     `json:"amount,omitempty"`
	Currency      money.Currency    `json:"currency,omitzero"`
	Source        string            `json:"source,omitempty"`
	Channel       string            `json:"channel,omitempty"`
	Rate          string            `json:"rate,omitempty"`
	Period        string            `json:"period,omitempty"`
	Creditor      *payment.Creditor `json:"creditor,omitempty"`
	Deadline      time.Time         `json:"deadline,omitzero"`
	Final         bool              `json:"final,omitempty"`
	Reason        string            `json:"reason,omitempty"`
	Reference     string            `json:"reference,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
}

// original is the transaction that a reversal undoes.
type original struct {
	TransactionID  uuid.UUID         `json:"transaction_id"`
	AccountID      uuid.UUID         `json:"account_id"`
	CounterpartyID uuid.UUID         `json:"counterparty_id,omitzero"`
	Direction      account.Direction `json:"direction"`
	Amount         money.Amount      `json:"amount"`
	Currency       money.Currency    `json:"currency"`
	Irreversible   bool              `json:"irreversible,omitempty"`
}

// EncodeCommand returns the kind and the bytes of a command that can wait for an approval, the same every time. It panics on one
// that cannot.
func EncodeCommand(c Command) (kind string, data []byte) {
	kind, w := waitingOf(c)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(w); err != nil {
		panic(fmt.Sprintf("bank: %T is not JSON: %v", c, err)) // only a time outside the years 0 to 9999: none is
	}
	return kind, bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func waitingOf(c Command) (kind string, w waiting) {
	switch c := c.(type) {
	case OnAccount:
		return waitingOnAccount(c)
	case Transfer:
		return KindTransfer, waiting{TransactionID: c.TransactionID, AccountID: c.SourceID, TargetID: c.TargetID, Amount: &c.Money.Amount, Currency: c.Money.Currency,
			Reference: c.Reference, Metadata: c.Metadata}
	case Reverse:
		o := c.Original
		return KindReversal, waiting{TransactionID: c.ReversalID, Amount: c.Amount, Reason: c.Reason, Metadata: c.Metadata,
			Original: &original{o.TransactionID, o.AccountID, o.CounterpartyID, o.Direction, o.Money.Amount, o.Money.Currency, o.Irreversible}}
	case OnPayment:
		if r, requests := c.Command.(payment.Request); requests {
			return KindPayment, waiting{PaymentID: c.PaymentID, AccountID: c.AccountID, HoldID: r.HoldID, Amount: &r.Money.Amount, Currency: r.Money.Currency,
				Creditor: &r.Creditor, Deadline: r.Deadline, Reference: r.Reference, Metadata: r.Metadata}
		}
	}
	panic(fmt.Sprintf("bank: %T does not wait for approvals", c))
}

func waitingOnAccount(on OnAccount) (kind string, w waiting) {
	switch c := on.Command.(type) {
	case account.Deposit:
		return KindDeposit, waiting{AccountID: on.AccountID, TransactionID: c.TransactionID, Amount: &c.Money.Amount, Currency: c.Money.Currency,
			Source: c.Source, Reference: c.Reference, Metadata: c.Metadata}
	case account.Withdraw:
		return KindWithdrawal, waiting{AccountID: on.AccountID, TransactionID: c.TransactionID, Amount: &c.Money.Amount, Currency: c.Money.Currency,
			Channel: c.Channel, Reference: c.Reference, Metadata: c.Metadata}
	case account.ChargeFee:
		return KindFee, waiting{AccountID: on.AccountID, TransactionID: c.TransactionID, Amount: &c.Money.Amount, Currency: c.Money.Currency,
			Reason: c.Reason, Reference: c.Reference, Metadata: c.Metadata}
	case account.PostInterest:
		return KindInterest, waiting{AccountID: on.AccountID, TransactionID: c.TransactionID, Amount: &c.Money.Amount, Currency: c.Money.Currency,
			Rate: c.Rate, Period: c.Period, Reference: c.Reference, Metadata: c.Metadata}
	case account.CaptureHold:
		return KindCapture, waiting{AccountID: on.AccountID, TransactionID: c.TransactionID, HoldID: c.HoldID, Amount: c.Amount, Final: c.Final,
			Reference: c.Reference, Metadata: c.Metadata}
	}
	panic(fmt.Sprintf("bank: %T does not wait for approvals", on.Command))
}

var errWaiting = errors.New("no command that waits for an approval")

// DecodeCommand reads what EncodeCommand wrote.
func DecodeCommand(kind string, data []byte) (Command, error) {
	var w waiting
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("command %.32q: %w", kind, err)
	}
	if c := w.command(kind); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("command %.32q: %w", kind, errWaiting)
}

// command is nil when the kind is unknown, or when something is missing that it cannot be without. The rest is judged when it is
// decided, as that of every command.
func (w *waiting) command(kind string) Command {
	on := func(c account.Command) Command { return OnAccount{AccountID: w.AccountID, Command: c} }
	switch kind {
	case KindReversal:
		return w.reversal()
	case KindCapture:
		return on(account.CaptureHold{TransactionID: w.TransactionID, HoldID: w.HoldID, Amount: w.Amount, Final: w.Final, Reference: w.Reference, Metadata: w.Metadata})
	}
	if w.Amount == nil {
		return nil
	}
	m := money.Money{Amount: *w.Amount, Currency: w.Currency}
	switch kind {
	case KindDeposit:
		return on(account.Deposit{TransactionID: w.TransactionID, Money: m, Source: w.Source, Reference: w.Reference, Metadata: w.Metadata})
	case KindWithdrawal:
		return on(account.Withdraw{TransactionID: w.TransactionID, Money: m, Channel: w.Channel, Reference: w.Reference, Metadata: w.Metadata})
	case KindFee:
		return on(account.ChargeFee{TransactionID: w.TransactionID, Money: m, Reason: w.Reason, Reference: w.Reference, Metadata: w.Metadata})
	case KindInterest:
		return on(account.PostInterest{TransactionID: w.TransactionID, Money: m, Rate: w.Rate, Period: w.Period, Reference: w.Reference, Metadata: w.Metadata})
	case KindTransfer:
		return Transfer{TransactionID: w.TransactionID, SourceID: w.AccountID, TargetID: w.TargetID, Money: m, Reference: w.Reference, Metadata: w.Metadata}
	case KindPayment:
		return w.payment(m)
	}
	return nil
}

func (w *waiting) reversal() Command {
	if w.Original == nil {
		return nil
	}
	o := *w.Original
	return Reverse{ReversalID: w.TransactionID, Amount: w.Amount, Reason: w.Reason, Metadata: w.Metadata, Original: Original{
		TransactionID: o.TransactionID, AccountID: o.AccountID, CounterpartyID: o.CounterpartyID, Direction: o.Direction,
		Money: money.Money{Amount: o.Amount, Currency: o.Currency}, Irreversible: o.Irreversible,
	}}
}

func (w *waiting) payment(m money.Money) Command {
	if w.Creditor == nil {
		return nil
	}
	return OnPayment{PaymentID: w.PaymentID, AccountID: w.AccountID, Command: payment.Request{
		PaymentID: w.PaymentID, AccountID: w.AccountID, HoldID: w.HoldID, Money: m, Creditor: *w.Creditor,
		Reference: w.Reference, Metadata: w.Metadata, Deadline: w.Deadline,
	}}
}
