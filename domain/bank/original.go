package bank

import (
	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// Original is what there is to know of a transaction to undo it. None of it ever changes.
type Original struct {
	TransactionID  uuid.UUID
	AccountID      uuid.UUID // of a transfer the source
	CounterpartyID uuid.UUID // of a transfer the target; otherwise zero
	Direction      account.Direction
	Money          money.Money
	Irreversible   bool // a transaction of a kind that is not undone
}

// OriginalOf returns what is to be known of the transaction that an event of an account stands for, and false when it stands
// for none. Either side of a transfer tells the same.
func OriginalOf(accountID uuid.UUID, e account.Event) (Original, bool) {
	movement, moved := account.MovementOf(e)
	if !moved {
		return Original{}, false
	}
	o := Original{TransactionID: movement.TransactionID, AccountID: accountID, Direction: account.Credit,
		Money: money.Money{Amount: movement.Amount, Currency: movement.Currency}}
	if movement.Amount < 0 {
		o.Direction, o.Money.Amount = account.Debit, -movement.Amount
	}
	switch e := e.(type) {
	case account.TransferSent:
		o.CounterpartyID = e.CounterpartyID
	case account.TransferReceived:
		o.AccountID, o.CounterpartyID, o.Direction = e.CounterpartyID, accountID, account.Debit
	case account.HoldCaptured:
		o.Irreversible = e.PaymentID != uuid.Nil // the money is with another bank
	case account.ReversalPosted:
		o.Irreversible = true
	}
	return o, true
}
