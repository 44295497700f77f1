package bank

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/payment"
	"passbook/domain/reversal"
	"passbook/domain/transfer"
)

// World is the aggregates as they are.
type World interface {
	// Aggregate returns the aggregate of a stream; nil when there is none.
	Aggregate(id uuid.UUID) Aggregate
}

// Change is what follows for one stream.
type Change struct {
	StreamType string
	StreamID   uuid.UUID
	Events     []Event // at least one
}

// Refusal is why a command was not accepted: a value with the data of the case.
type Refusal interface {
	error
	// Code is the refusal's name in the API.
	Code() string
}

// NotReversible says that a transaction of this kind is not undone.
type NotReversible struct{}

// Code returns "not_reversible".
func (NotReversible) Code() string { return "not_reversible" }

func (NotReversible) Error() string { return "a transaction of this kind cannot be reversed" }

// Decide answers what follows from a command that is booked at a time: changes of one or more streams, nothing because it has
// been done already, or a Refusal. It panics on a command outside the set, nil included.
func Decide(w World, c Command, at time.Time) ([]Change, error) {
	switch c := c.(type) {
	case OnAccount:
		return decideOnAccount(w, c, at)
	case Transfer:
		return decideTransfer(w, c, at)
	case Reverse:
		return decideReverse(w, c, at)
	case OnPayment:
		return decideOnPayment(w, c, at)
	case OnApproval:
		return decideOnApproval(w, c, at)
	}
	panic(fmt.Sprintf("bank: no rule for command %T", c))
}

func decideOnAccount(w World, c OnAccount, at time.Time) ([]Change, error) {
	there := w.Aggregate(c.AccountID)
	s, isAccount := as[account.State](there)
	if _, opens := c.Command.(account.Open); opens && !isAccount {
		return nil, account.AlreadyOpen{} // the id stands for something else
	}
	events, err := account.Decide(s, c.Command, at)
	if err != nil {
		return nil, err
	}
	return changes(accountChange(c.AccountID, events)), nil
}

func decideTransfer(w World, c Transfer, at time.Time) ([]Change, error) {
	sent, received, err := transfer.Decide(accountOf(w, c.SourceID), accountOf(w, c.TargetID), transfer.Transfer(c), at)
	if err != nil {
		return nil, err
	}
	return changes(accountChange(c.SourceID, sent), accountChange(c.TargetID, received)), nil
}

func decideReverse(w World, c Reverse, at time.Time) ([]Change, error) {
	o := c.Original
	undone, isTransaction := as[reversal.State](w.Aggregate(o.TransactionID))
	if o.Irreversible || !isTransaction {
		return nil, NotReversible{}
	}
	steps, err := reversal.Decide(undone, reversal.Reverse{ReversalID: c.ReversalID, Original: o.Money, Amount: c.Amount})
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	amount := o.Money
	amount.Amount = steps[0].Amount
	post := account.PostReversal{
		TransactionID: c.ReversalID, Reverses: o.TransactionID, Direction: o.Direction.Opposite(), CounterpartyID: o.CounterpartyID,
		Money: amount, Reason: c.Reason, Metadata: c.Metadata,
	}
	changed, err := decidePostings(w, o, post, at)
	if err != nil {
		return nil, err
	}
	return append(changed, Change{reversal.StreamType, o.TransactionID, []Event{steps[0]}}), nil
}

// decidePostings decides the sides of a reversal: the account of the original and, of a transfer, the other one.
func decidePostings(w World, o Original, post account.PostReversal, at time.Time) ([]Change, error) {
	near, err := account.Decide(accountOf(w, o.AccountID), post, at)
	if err != nil || o.CounterpartyID == uuid.Nil {
		return changes(accountChange(o.AccountID, near)), sideOf(o, transfer.Source, o.AccountID, err)
	}
	post.Direction, post.CounterpartyID = post.Direction.Opposite(), o.AccountID
	far, err := account.Decide(accountOf(w, o.CounterpartyID), post, at)
	if err != nil {
		return nil, sideOf(o, transfer.Target, o.CounterpartyID, err)
	}
	return changes(accountChange(o.AccountID, near), accountChange(o.CounterpartyID, far)), nil
}

// sideOf says on which account the reversal of a transfer was refused.
func sideOf(o Original, side transfer.Side, id uuid.UUID, err error) error {
	var refusal account.Refusal
	if o.CounterpartyID == uuid.Nil || !errors.As(err, &refusal) {
		return err
	}
	return transfer.Refused{Side: side, AccountID: id, Refusal: refusal}
}

func decideOnPayment(w World, c OnPayment, at time.Time) ([]Change, error) {
	s, isPayment := as[payment.State](w.Aggregate(c.PaymentID))
	if _, requests := c.Command.(payment.Request); !isPayment || !requests && s.AccountID != c.AccountID {
		return nil, payment.NotFound{} // or none of this account's, which is the same to whoever asks
	}
	events, err := payment.Decide(s, c.Command, at)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	change := Change{StreamType: payment.StreamType, StreamID: c.PaymentID}
	onHold := s
	var held []account.Event
	for _, e := range events {
		change.Events = append(change.Events, e)
		onHold = payment.Evolve(onHold, e, at)
		command := holdCommand(onHold, e)
		if command == nil {
			continue
		}
		if onHold.AccountID != c.AccountID {
			return nil, payment.NotFound{} // asked for in the name of another account
		}
		if held, err = account.Decide(accountOf(w, c.AccountID), command, at); err != nil {
			return nil, err
		}
	}
	return changes(accountChange(c.AccountID, held), change), nil
}

// holdCommand is what becomes of a payment's hold with an event of the payment; nil when it stays as it is. The transaction by
// which a settled payment leaves its account has the payment's id.
func holdCommand(s payment.State, e payment.Event) account.Command {
	switch e := e.(type) {
	case payment.Requested:
		return account.PlaceHold{HoldID: e.HoldID, PaymentID: e.PaymentID, Money: s.Money, Reference: e.Reference}
	case payment.Settled:
		return account.CaptureHold{TransactionID: s.PaymentID, HoldID: s.HoldID, PaymentID: s.PaymentID, Reference: s.Reference}
	case payment.Rejected, payment.TimedOut, payment.Cancelled:
		return account.ReleaseHold{HoldID: s.HoldID, PaymentID: s.PaymentID, Reason: "payment " + string(s.Status)}
	}
	return nil
}

// accountOf takes what is no account for an account that was never opened.
func accountOf(w World, id uuid.UUID) account.State {
	s, _ := as[account.State](w.Aggregate(id))
	return s
}

func accountChange(id uuid.UUID, events []account.Event) Change {
	if len(events) == 0 {
		return Change{}
	}
	change := Change{StreamType: account.StreamType, StreamID: id, Events: make([]Event, len(events))}
	for i, e := range events {
		change.Events[i] = e
	}
	return change
}

// changes leaves out those of nothing.
func changes(all ...Change) []Change {
	some := make([]Change, 0, len(all)+1)
	for _, c := range all {
		if len(c.Events) > 0 {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some
}
