package bank

import (
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/domain/transfer"
)

// Command is something asked of the bank. The set is closed: the types of this file, as values.
type Command interface{ isCommand() }

// OnAccount asks something of one account.
type OnAccount struct {
	AccountID uuid.UUID
	Command   account.Command
}

// Transfer asks to move money between two accounts.
type Transfer transfer.Transfer

// Reverse asks to undo a transaction by another one.
type Reverse struct {
	ReversalID uuid.UUID // of the transaction that undoes it
	Original   Original
	Amount     *money.Amount // nil: all that is not undone yet
	Reason     string
	Metadata   map[string]string
}

// OnPayment asks something of a payment out of an account. The account's hold follows what becomes of the payment.
type OnPayment struct {
	PaymentID uuid.UUID
	AccountID uuid.UUID
	Command   payment.Command
}

// OnApproval asks something of an approval. Original is the command that waits in it; approved, it is decided in the same step.
type OnApproval struct {
	ApprovalID uuid.UUID
	Original   Command // never an OnApproval
	OwnedBy    string  // as in approval.Request
	Command    approval.Command
}

func (OnAccount) isCommand()  {}
func (Transfer) isCommand()   {}
func (Reverse) isCommand()    {}
func (OnPayment) isCommand()  {}
func (OnApproval) isCommand() {}

// Principal is the account that a command is about in the first place: whose owner may give it, and whose version the caller may
// name.
func Principal(c Command) uuid.UUID {
	switch c := c.(type) {
	case OnAccount:
		return c.AccountID
	case Transfer:
		return c.SourceID
	case Reverse:
		return c.Original.AccountID
	case OnPayment:
		return c.AccountID
	case OnApproval:
		return Principal(c.Original)
	}
	panic(fmt.Sprintf("bank: command %T is about nothing", c))
}

// Concerned appends the ids of the aggregates that must be known to decide the command.
func Concerned(c Command, ids []uuid.UUID) []uuid.UUID {
	switch c := c.(type) {
	case OnAccount:
		return append(ids, c.AccountID)
	case Transfer:
		return append(ids, c.SourceID, c.TargetID)
	case Reverse:
		ids = append(ids, c.Original.AccountID, c.Original.TransactionID)
		if c.Original.CounterpartyID != uuid.Nil {
			ids = append(ids, c.Original.CounterpartyID)
		}
		return ids
	case OnPayment:
		return append(ids, c.AccountID, c.PaymentID)
	case OnApproval:
		return append(Concerned(c.Original, ids), c.ApprovalID)
	}
	panic(fmt.Sprintf("bank: command %T is about nothing", c))
}
