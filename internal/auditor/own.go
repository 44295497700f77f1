package auditor

import (
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/payment"
	"passbook/domain/reversal"
)

// ownBook is what the auditor itself makes of the events of one stream, in their order.
type ownBook interface {
	// post checks an event against everything before it and enters it. The error is about an event that cannot be read.
	post(e *posting) error
	// lose gives up checking: what the event says that nobody can read is not known.
	lose()
	// close is for when there is no further event.
	close()
}

// ownBook begins one for a stream; nil for streams of a type that the auditor knows nothing of.
func (a *audit) ownBook(kind string) ownBook {
	switch kind {
	case account.StreamType:
		return &accountBook{ledger: newLedger(a.found), sums: a.sums, undone: a.undone, originals: map[uuid.UUID]*original{}}
	case reversal.StreamType:
		return &undoneBook{found: a.found}
	case payment.StreamType:
		return &outcomeBook{found: a.found}
	case approval.StreamType:
		return &approvalBook{found: a.found}
	default:
		return nil
	}
}

// accountBook is the ledger of an account, and its share of the whole bank's sums.
type accountBook struct {
	*ledger
	sums      conservation
	undone    map[uuid.UUID]bool      // transactions of whatever account
	originals map[uuid.UUID]*original // those of this one
}

// original is a movement of the account that was undone, as far as that has come.
type original struct{ amount, reversed int64 } // both signed

func (b *accountBook) post(e *posting) error {
	row, err := b.ledger.post(e.Event, e.payload)
	if err != nil {
		return err
	}
	e.ledger, e.row = b.ledger, &row
	if row.Moved {
		b.sums.add(&row)
		b.reverse(&row)
	}
	return nil
}

// reverse holds a reversal against what it undoes.
func (b *accountBook) reverse(row *timelineRow) {
	if row.Reverses == uuid.Nil {
		if b.undone[row.TransactionID] {
			b.originals[row.TransactionID] = &original{amount: row.Amount}
		}
		return
	}
	o := b.originals[row.Reverses]
	if o == nil {
		b.found.add(CheckReversal, row.AccountID, row.Position, "it undoes %s, which the account has not seen before", row.Reverses)
		return
	}
	o.reversed += row.Amount
	switch {
	case (o.amount > 0) == (row.Amount > 0):
		b.found.add(CheckReversal, row.AccountID, row.Position, "it adds %d to undo %d", row.Amount, o.amount)
	case abs(o.reversed) > abs(o.amount):
		b.found.add(CheckReversal, row.AccountID, row.Position, "of %s %d are undone, it moved %d", row.Reverses, abs(o.reversed), abs(o.amount))
	}
}

func abs(n int64) int64 { return max(n, -n) }

func (b *accountBook) close() {
	b.checkHeld()
	if b.row.Currency != "" {
		b.sums.of(b.row.Currency).balances += b.says
	}
}

// undoneBook is of the stream of a transaction that was undone.
type undoneBook struct {
	found            *differences
	reversed, amount int64
	currency         string
}

func (b *undoneBook) post(e *posting) error {
	p, ok := e.payload.(reversal.Reversed)
	if !ok {
		return fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
	if b.reversed == 0 {
		b.amount, b.currency = int64(p.OriginalAmount), p.Currency.Code()
	}
	b.reversed += int64(p.Amount)
	switch {
	case b.amount != int64(p.OriginalAmount) || b.currency != p.Currency.Code():
		b.found.add(CheckReversal, e.StreamID, e.Position, "the transaction moved %d %s, before that it was %d %s", p.OriginalAmount, p.Currency.Code(), b.amount, b.currency)
	case b.reversed != int64(p.ReversedAfter):
		b.found.add(CheckReversal, e.StreamID, e.Position, "the event says that %d are undone, the sum is %d", p.ReversedAfter, b.reversed)
	case b.reversed > b.amount:
		b.found.add(CheckReversal, e.StreamID, e.Position, "%d are undone of a transaction of %d", b.reversed, b.amount)
	}
	return nil
}

func (b *undoneBook) lose() { b.found = &differences{} }

func (b *undoneBook) close() {}

// outcomeBook is of the stream of a payment.
type outcomeBook struct {
	found     *differences
	requested bool
	outcome   string
}

func (b *outcomeBook) post(e *posting) error {
	switch e.payload.(type) {
	case payment.Requested:
		if b.requested || e.Version != 1 {
			b.found.add(CheckPayment, e.StreamID, e.Position, "it is requested by version %d", e.Version)
		}
		b.requested = true
	case payment.Settled, payment.Rejected, payment.TimedOut, payment.Cancelled:
		b.open(e)
		b.outcome = e.Type
	case payment.Submitted, payment.Pushed, payment.MarkedStuck:
		b.open(e)
	case payment.AnswerContradicted:
		if b.outcome == "" {
			b.found.add(CheckPayment, e.StreamID, e.Position, "an answer contradicts an outcome that there is not")
		}
	default:
		return fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
	return nil
}

// open checks that the payment has no outcome yet.
func (b *outcomeBook) open(e *posting) {
	switch {
	case !b.requested:
		b.found.add(CheckPayment, e.StreamID, e.Position, "%s of a payment that was not requested", e.Type)
	case b.outcome != "":
		b.found.add(CheckPayment, e.StreamID, e.Position, "%s behind %s", e.Type, b.outcome)
	}
}

func (b *outcomeBook) lose() { b.found = &differences{} }

func (b *outcomeBook) close() {}
