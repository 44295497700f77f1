package readmodel_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/readmodel"
)

// rows is what the timeline of an account should be, newest first.
func (o *oracle) rows(id uuid.UUID) []readmodel.TimelineRow {
	var rows []readmodel.TimelineRow
	for i, e := range o.events[id] {
		after := o.states[id][i]
		row := readmodel.TimelineRow{
			AccountID: id, Position: e.Position, Version: e.Version, EventID: e.ID, Direction: "none", Currency: after.Currency.Code(),
			Balance: int64(after.Balance), Held: int64(after.Held), EffectiveAt: e.EffectiveAt, RecordedAt: e.RecordedAt,
		}
		if amount, moved := signed(o.payloads[id][i]); moved {
			row.Direction, row.TransactionID = "in", &after.LastTransaction
			if amount < 0 {
				row.Direction, amount = "out", -amount
			}
			row.Amount = &amount
		}
		text(&row, o.payloads[id][i])
		link(&row, o.payloads[id][i])
		rows = append(rows, row)
	}
	for i := range rows { // what undid them came later
		for j := range rows {
			if r := &rows[j]; r.ReversesID != nil && rows[i].TransactionID != nil && *r.ReversesID == *rows[i].TransactionID {
				rows[i].ReversedAmount, rows[i].Reversals = rows[i].ReversedAmount+*r.Amount, append(rows[i].Reversals, *r.TransactionID)
			}
		}
		if rows[i].Reversals == nil {
			rows[i].Reversals = []uuid.UUID{}
		}
	}
	slices.Reverse(rows)
	return rows
}

// link says what else a row belongs to.
func link(row *readmodel.TimelineRow, payload account.Event) {
	set := func(to **uuid.UUID, id uuid.UUID) {
		if id != uuid.Nil {
			*to = &id
		}
	}
	held := func(change money.Amount) { row.HeldChange = new(int64(change)) }
	switch p := payload.(type) {
	case account.TransferSent:
		set(&row.CounterpartyID, p.CounterpartyID)
	case account.TransferReceived:
		set(&row.CounterpartyID, p.CounterpartyID)
	case account.ReversalPosted:
		set(&row.CounterpartyID, p.CounterpartyID)
		set(&row.ReversesID, p.Reverses)
	case account.HoldPlaced:
		set(&row.HoldID, p.HoldID)
		set(&row.PaymentID, p.PaymentID)
		held(p.Amount)
	case account.HoldCaptured:
		set(&row.HoldID, p.HoldID)
		set(&row.PaymentID, p.PaymentID)
		held(-p.Amount - p.Released)
	case account.HoldReleased:
		set(&row.HoldID, p.HoldID)
		set(&row.PaymentID, p.PaymentID)
		held(-p.Amount)
	case account.HoldExpired:
		set(&row.HoldID, p.HoldID)
		held(-p.Amount)
	case account.HoldExtended:
		set(&row.HoldID, p.HoldID)
	}
}

func text(row *readmodel.TimelineRow, payload account.Event) {
	title := ""
	switch p := payload.(type) {
	case account.Opened:
		row.Type, title, row.Metadata = "account_opened", "Account opened", p.Metadata
	case account.Deposited:
		row.Type, title, row.Detail, row.Reference, row.Metadata = "deposit", "Deposit", strings.TrimPrefix(p.Source, "unspecified"), p.Reference, p.Metadata
	case account.Withdrawn:
		row.Type, title, row.Detail, row.Reference, row.Metadata = "withdrawal", "Withdrawal", p.Channel, p.Reference, p.Metadata
	case account.FeeCharged:
		row.Type, title, row.Detail, row.Reference, row.Metadata = "fee", "Fee", p.Reason, p.Reference, p.Metadata
	case account.InterestCredited:
		row.Type, title, row.Detail, row.Reference, row.Metadata = "interest", "Interest", strings.TrimSpace(p.Rate+" "+p.Period), p.Reference, p.Metadata
	case account.InterestDebited:
		row.Type, title, row.Detail, row.Reference, row.Metadata = "interest", "Interest", strings.TrimSpace(p.Rate+" "+p.Period), p.Reference, p.Metadata
	case account.Frozen:
		row.Type, title, row.Detail = "account_frozen", "Account frozen", p.Reason
	case account.Unfrozen:
		row.Type, title, row.Detail = "account_unfrozen", "Account unfrozen", p.Reason
	case account.Closed:
		row.Type, title, row.Detail = "account_closed", "Account closed", p.Reason
	case account.Reopened:
		row.Type, title, row.Detail = "account_reopened", "Account reopened", p.Reason
	case account.TermsChanged:
		row.Type, title = "settings_changed", "Settings changed"
		switch {
		case p.OverdraftLimit != nil && p.Metadata != nil:
			row.Detail = "overdraft_limit, metadata"
		case p.OverdraftLimit != nil:
			row.Detail = "overdraft_limit"
		case p.Metadata != nil:
			row.Detail = "metadata"
		case p.Limits != nil:
			row.Detail = "limits"
		default:
			row.Detail = "owner_name"
		}
	case account.TransferSent:
		row.Type, title, row.Reference, row.Metadata = "transfer_out", "Transfer sent", p.Reference, p.Metadata
	case account.TransferReceived:
		row.Type, title, row.Reference, row.Metadata = "transfer_in", "Transfer received", p.Reference, p.Metadata
	case account.ReversalPosted:
		row.Type, title, row.Detail, row.Metadata = "reversal", "Reversal", p.Reason, p.Metadata
	case account.HoldPlaced:
		row.Type, title, row.Reference, row.Metadata = "hold_placed", "Hold placed", p.Reference, p.Metadata
	case account.HoldCaptured:
		row.Type, title, row.Reference, row.Metadata = "hold_captured", "Hold captured", p.Reference, p.Metadata
	case account.HoldReleased:
		row.Type, title, row.Detail = "hold_released", "Hold released", p.Reason
	case account.HoldExpired:
		row.Type, title = "hold_expired", "Hold expired"
	case account.HoldExtended:
		row.Type, title, row.Detail = "hold_extended", "Hold extended", p.ExpiresAt.UTC().Format(time.RFC3339Nano)
	}
	switch p := payload.(type) {
	case account.HoldPlaced:
		if p.PaymentID != uuid.Nil {
			title = "Held for a payment"
		}
	case account.HoldCaptured:
		if p.PaymentID != uuid.Nil {
			title = "Payment"
		}
	case account.HoldReleased:
		if p.PaymentID != uuid.Nil {
			title = "Given back"
		}
	}
	row.Description = title
	if row.Detail != "" {
		row.Description += ": " + row.Detail
	}
}

// Every filter, page by page, is what a walk over the whole history finds.
func TestTimeline(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 30, 1_500)
	middle := b.readLog(700, 1)[0].RecordedAt
	late := b.readLog(1_200, 1)[0].RecordedAt
	for name, f := range map[string]readmodel.TimelineFilter{
		"all":                   {},
		"in":                    {Direction: "in"},
		"out":                   {Direction: "out"},
		"deposits":              {Types: []string{"deposit"}},
		"fees and interest":     {Types: []string{"fee", "interest"}},
		"interest out":          {Types: []string{"interest"}, Direction: "out"},
		"lifecycle":             {Types: []string{"account_opened", "account_frozen", "account_unfrozen", "account_closed", "account_reopened", "settings_changed"}},
		"common and uncommon":   {Types: []string{"withdrawal", "fee"}},
		"from":                  {From: &middle},
		"to":                    {To: &middle},
		"between":               {From: &middle, To: &late},
		"fees between":          {Types: []string{"fee"}, From: &middle, To: &late},
		"transfers":             {Types: []string{"transfer_out", "transfer_in"}},
		"transfers in":          {Types: []string{"transfer_out", "transfer_in"}, Direction: "in"},
		"holds":                 {Types: []string{"hold_placed", "hold_captured", "hold_released", "hold_extended", "hold_expired"}},
		"reversals out":         {Types: []string{"reversal"}, Direction: "out"},
		"backwards in time":     {From: &late, To: &middle},
		"withdrawals from, out": {Types: []string{"withdrawal"}, Direction: "out", From: &middle},
	} {
		for id := range o.events {
			var want []readmodel.TimelineRow
			for _, row := range o.rows(id) {
				if matches(f, row) {
					want = append(want, row)
				}
			}
			f.AccountID = id
			if got := wholeTimeline(t, b, f); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s of %s: got %d rows, want %d\n%+v\n%+v", name, id, len(got), len(want), got, want)
			}
		}
	}
	if rows, more, fresh, err := b.queries.Timeline(t.Context(), readmodel.TimelineFilter{AccountID: uuid.New(), Limit: 5}); err != nil || len(rows) > 0 || more || fresh.Position != 1_500 {
		t.Errorf("timeline of no account: %v, %v, %+v, %v", rows, more, fresh, err)
	}
}

func matches(f readmodel.TimelineFilter, row readmodel.TimelineRow) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, row.Type)) && (f.Direction == "" || f.Direction == row.Direction) &&
		(f.From == nil || !row.RecordedAt.Before(*f.From)) && (f.To == nil || row.RecordedAt.Before(*f.To))
}

func wholeTimeline(t *testing.T, b *bank, f readmodel.TimelineFilter) []readmodel.TimelineRow {
	t.Helper()
	var all []readmodel.TimelineRow
	for f.Limit = 6; ; {
		rows, more, fresh, err := b.queries.Timeline(t.Context(), f)
		if err != nil || len(rows) > 6 || fresh.Position != 1_500 {
			t.Fatalf("%d rows, %+v, %v", len(rows), fresh, err)
		}
		all = append(all, rows...)
		if !more {
			return all
		}
		f.Before = all[len(all)-1].Position
	}
}

// Two bookings of the same microsecond: a time range has both or neither.
func TestTimeRangeIsHalfOpen(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 31, 200)
	for id, events := range o.events {
		at := events[len(events)/2].RecordedAt
		next := at.Add(time.Microsecond)
		want := 0
		for _, e := range events {
			if e.RecordedAt.Equal(at) {
				want++
			}
		}
		rows, _, _, err := b.queries.Timeline(t.Context(), readmodel.TimelineFilter{AccountID: id, Limit: 200, From: &at, To: &next})
		if err != nil || len(rows) != want {
			t.Errorf("%d rows at %s, want %d: %v", len(rows), at, want, err)
		}
		if rows, _, _, err = b.queries.Timeline(t.Context(), readmodel.TimelineFilter{AccountID: id, Limit: 200, From: &at, To: &at}); err != nil || len(rows) != 0 {
			t.Errorf("%d rows in no time: %v", len(rows), err)
		}
	}
}
