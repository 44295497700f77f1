package queryapi

import (
	"passbook/readmodel"
)

// What moved and what is set aside, in the words of the document.

func holdOf(h *readmodel.Hold) Hold {
	return Hold{
		HoldID: h.ID, AccountID: h.AccountID, PaymentID: h.PaymentID, Status: HoldStatus(h.Status), Amount: h.Amount, Captured: h.Captured,
		Remaining: h.Remaining, Released: h.Released, Currency: h.Currency, Reference: h.Reference, Reason: h.Reason, Metadata: h.Metadata,
		PlacedAt: h.PlacedAt, ExpiresAt: h.ExpiresAt, UpdatedAt: h.UpdatedAt, Version: h.Version, Position: h.Position,
	}
}

func paymentOf(p *readmodel.Payment) Payment {
	view := Payment{
		PaymentID: p.ID, AccountID: p.AccountID, HoldID: p.HoldID, Status: PaymentStatus(p.Status), Stuck: p.Stuck, StuckReason: p.StuckReason,
		Amount: p.Amount, Currency: p.Currency, Creditor: Creditor{Name: p.Creditor.Name, Account: p.Creditor.Account, Agent: p.Creditor.Agent},
		Reference: p.Reference, GatewayReference: p.GatewayReference, Code: p.Code, Reason: p.Reason, Pushes: p.Pushes, Metadata: p.Metadata,
		RequestedAt: p.RequestedAt, SubmittedAt: p.SubmittedAt, Deadline: p.Deadline, EndedAt: p.EndedAt, UpdatedAt: p.UpdatedAt,
		Version: p.Version, Position: p.Position,
	}
	for _, c := range p.Contradictions {
		view.Contradictions = append(view.Contradictions, Contradiction{
			Outcome: PaymentStatus(c.Outcome), Answer: PaymentStatus(c.Answer), GatewayReference: c.GatewayReference, Code: c.Code, Reason: c.Reason,
		})
	}
	return view
}

// transactionTypes are those of the rows that a transaction has, where they are called otherwise.
var transactionTypes = map[string]TransactionType{
	readmodel.TypeTransferOut: "transfer", readmodel.TypeTransferIn: "transfer", readmodel.TypeHoldCaptured: "hold_capture",
}

func transactionOf(t *readmodel.Transaction, seen []bool) Transaction {
	told := &t.Legs[0] // what both legs of a transfer say alike
	view := Transaction{
		TransactionID: t.ID, Type: TransactionType(told.Type), Amount: amountOf(told), Currency: told.Currency, Legs: make([]Leg, len(t.Legs)),
		HoldID: told.HoldID, PaymentID: told.PaymentID, Reverses: told.ReversesID, ReversedAmount: t.Reversed(told.AccountID), Reversals: undoingsOf(t),
		Reference: told.Reference, Description: told.Description, Detail: told.Detail, Metadata: told.Metadata,
		EffectiveAt: told.EffectiveAt, RecordedAt: told.RecordedAt,
	}
	if kind, other := transactionTypes[told.Type]; other {
		view.Type = kind
	}
	switch {
	case view.Type == "transfer":
		view.Description = "Transfer"
	case view.Type == "hold_capture" && view.PaymentID != nil:
		view.Type = "payment"
	}
	for i := range t.Legs {
		view.Legs[i] = legOf(&t.Legs[i], seen[i])
	}
	return view
}

func transferOf(t *readmodel.Transaction, seen []bool) (Transfer, bool) {
	if len(t.Legs) != 2 || transactionTypes[t.Legs[0].Type] != "transfer" {
		return Transfer{}, false
	}
	source, target := 0, 1
	if t.Legs[0].Type == readmodel.TypeTransferIn {
		source, target = 1, 0
	}
	from := &t.Legs[source]
	return Transfer{
		TransferID: t.ID, TransactionID: t.ID, SourceAccountID: from.AccountID, TargetAccountID: t.Legs[target].AccountID,
		Amount: amountOf(from), Currency: from.Currency, Source: legOf(from, seen[source]), Target: legOf(&t.Legs[target], seen[target]),
		ReversedAmount: t.Reversed(from.AccountID), Reversals: undoingsOf(t), Reference: from.Reference, Metadata: from.Metadata,
		EffectiveAt: from.EffectiveAt, RecordedAt: from.RecordedAt,
	}, true
}

// legOf tells of an account that is not the caller's only which it is.
func legOf(row *readmodel.TimelineRow, seen bool) Leg {
	if !seen {
		return Leg{AccountID: row.AccountID}
	}
	return Leg{
		AccountID: row.AccountID, Direction: LegDirection(row.Direction), Amount: row.Amount, Balance: &row.Balance, Held: &row.Held,
		Version: &row.Version, Position: &row.Position, EventID: &row.EventID,
	}
}

// undoingsOf has a reversal of a transfer once, by its row on the account of the first leg.
func undoingsOf(t *readmodel.Transaction) []Undoing {
	views := []Undoing{}
	for i := range t.Reversals {
		if r := &t.Reversals[i]; r.AccountID == t.Legs[0].AccountID && r.TransactionID != nil {
			views = append(views, Undoing{TransactionID: *r.TransactionID, Amount: amountOf(r), Reason: r.Detail, RecordedAt: r.RecordedAt})
		}
	}
	return views
}

func amountOf(row *readmodel.TimelineRow) int64 {
	if row.Amount == nil {
		return 0
	}
	return *row.Amount
}

// lastPosition is the version of a transaction: it moves on with what undoes it.
func lastPosition(t *readmodel.Transaction) int64 {
	position := t.Legs[len(t.Legs)-1].Position
	if n := len(t.Reversals); n > 0 {
		position = max(position, t.Reversals[n-1].Position)
	}
	return position
}
