package readmodel_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/payment"
	"passbook/readmodel"
)

func limitsOf(s account.State) readmodel.Limits {
	return readmodel.Limits{PerTransaction: int64(s.Limits.PerTransaction), PerDay: int64(s.Limits.PerDay), PerMonth: int64(s.Limits.PerMonth)}
}

// holds is how each hold of an account ended, by the events alone: what was captured and given back, and the status.
func (o *oracle) holds(id uuid.UUID) map[uuid.UUID]readmodel.Hold {
	all := map[uuid.UUID]readmodel.Hold{}
	for _, payload := range o.payloads[id] {
		switch p := payload.(type) {
		case account.HoldPlaced:
			all[p.HoldID] = readmodel.Hold{ID: p.HoldID, AccountID: id, Amount: int64(p.Amount), Remaining: int64(p.Amount), Status: "placed"}
		case account.HoldCaptured:
			h := all[p.HoldID]
			h.Captured, h.Released, h.Remaining = h.Captured+int64(p.Amount), h.Released+int64(p.Released), int64(p.Remaining)
			if h.Remaining == 0 {
				h.Status = "captured"
			}
			all[p.HoldID] = h
		case account.HoldReleased:
			h := all[p.HoldID]
			h.Released, h.Remaining, h.Status, h.Reason = h.Released+h.Remaining, 0, "released", p.Reason
			all[p.HoldID] = h
		case account.HoldExpired:
			h := all[p.HoldID]
			h.Released, h.Remaining, h.Status = h.Released+h.Remaining, 0, "expired"
			all[p.HoldID] = h
		}
	}
	return all
}

// Each hold by itself, and those of each account by status, page by page, are what the events say; what is open is what the account's
// own state holds.
func TestHolds(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 60, 3_000)
	seen := map[string]int{}
	for id, states := range o.states {
		want := o.holds(id)
		var open int64
		for _, status := range []string{"", "placed", "captured", "released", "expired"} {
			ids := slices.SortedFunc(maps.Keys(want), func(x, y uuid.UUID) int { return slices.Compare(y[:], x[:]) })
			ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return status != "" && want[id].Status != status })
			f := readmodel.HoldFilter{AccountID: id, Status: status, Limit: 2}
			for more := true; more; {
				var page []readmodel.Hold
				var fresh readmodel.Freshness
				var err error
				if page, more, fresh, err = b.queries.HoldsOf(t.Context(), f); err != nil || fresh.Position != 3_000 || len(page) > len(ids) || more && len(page) != 2 {
					t.Fatalf("page of %q behind %s: %d holds, %+v, %v", status, f.Before, len(page), fresh, err)
				}
				for i, h := range page {
					w := want[ids[i]]
					if h.ID != w.ID || h.Amount != w.Amount || h.Captured != w.Captured || h.Released != w.Released || h.Remaining != w.Remaining || h.Status != w.Status || h.Reason != w.Reason {
						t.Errorf("got  %+v\nwant %+v", h, w)
					}
					f.Before = h.ID
				}
				if ids = ids[len(page):]; !more && len(ids) != 0 {
					t.Errorf("%d holds %q of %s are in no page", len(ids), status, id)
				}
			}
		}
		for holdID, w := range want {
			h, _, err := b.queries.Hold(t.Context(), holdID)
			if err != nil || h.AccountID != id || h.Status != w.Status {
				t.Errorf("%+v, %v", h, err)
			}
			seen[w.Status]++
			open += h.Remaining
		}
		if last := states[len(states)-1]; open != int64(last.Held) {
			t.Errorf("%s: %d is held, the holds have %d left", id, last.Held, open)
		}
	}
	if len(seen) != 4 {
		t.Errorf("of some statuses there is no hold: %v", seen)
	}
	if _, _, err := b.queries.Hold(t.Context(), uuid.New()); !errors.Is(err, readmodel.ErrNotFound) {
		t.Errorf("a hold that is not there: %v", err)
	}
}

// Payments are as the domain's own fold has them, each by itself and in lists by account, owner, status and stuck.
func TestPayments(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 61, 4_000)
	states := b.customers.Payments()
	slices.SortFunc(states, func(x, y payment.State) int { return slices.Compare(y.PaymentID[:], x.PaymentID[:]) })
	for _, s := range states {
		got, fresh, err := b.queries.Payment(t.Context(), s.PaymentID)
		if err != nil || fresh.Position != 4_000 {
			t.Fatal(fresh, err)
		}
		ended := s.EndedAt.IsZero() == (got.EndedAt == nil)
		if got.Status != string(s.Status) || got.Stuck != s.Stuck || got.StuckReason != s.StuckReason || got.AccountID != s.AccountID || got.HoldID != s.HoldID ||
			got.Amount != int64(s.Money.Amount) || got.Creditor != s.Creditor || !got.Deadline.Equal(s.Deadline) || got.Version != s.Version || got.Code != s.Code ||
			got.Reason != s.Reason || got.GatewayReference != s.GatewayReference || !slices.Equal(got.Contradictions, s.Contradictions) || !ended {
			t.Errorf("got  %+v\nwant %+v", got, s)
		}
	}
	accountID := states[0].AccountID
	owner := o.states[accountID][0].OwnerID
	for name, c := range map[string]struct {
		filter readmodel.PaymentFilter
		wanted func(s payment.State) bool
	}{
		"all":               {readmodel.PaymentFilter{}, func(payment.State) bool { return true }},
		"stuck":             {readmodel.PaymentFilter{Stuck: true}, func(s payment.State) bool { return s.Stuck }},
		"settled":           {readmodel.PaymentFilter{Status: "settled"}, func(s payment.State) bool { return s.Status == "settled" }},
		"of an account":     {readmodel.PaymentFilter{AccountID: accountID}, func(s payment.State) bool { return s.AccountID == accountID }},
		"of it, timed out":  {readmodel.PaymentFilter{AccountID: accountID, Status: "timed_out"}, func(s payment.State) bool { return s.AccountID == accountID && s.Status == "timed_out" }},
		"of an owner":       {readmodel.PaymentFilter{OwnerID: owner}, func(s payment.State) bool { return o.states[s.AccountID][0].OwnerID == owner }},
		"of an owner stuck": {readmodel.PaymentFilter{OwnerID: owner, Stuck: true}, func(s payment.State) bool { return o.states[s.AccountID][0].OwnerID == owner && s.Stuck }},
	} {
		var want, got []uuid.UUID
		for _, s := range states {
			if c.wanted(s) {
				want = append(want, s.PaymentID)
			}
		}
		f := c.filter
		f.Limit = 3
		for more := true; more; {
			page, again, _, err := b.queries.Payments(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page {
				got, f.Before = append(got, p.ID), p.ID
			}
			more = again
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %d payments, want %d", name, len(got), len(want))
		}
	}
	if _, _, err := b.queries.Payment(t.Context(), uuid.New()); !errors.Is(err, readmodel.ErrNotFound) {
		t.Errorf("a payment that is not there: %v", err)
	}
}

// A transaction has all its sides, and all that undid it.
func TestTransaction(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 62, 2_000)
	legs, undone := map[uuid.UUID][]readmodel.TimelineRow{}, map[uuid.UUID]map[uuid.UUID]int64{} // by account
	for id := range o.events {
		for _, row := range o.rows(id) {
			if row.TransactionID != nil {
				legs[*row.TransactionID] = append(legs[*row.TransactionID], row)
			}
			if row.ReversesID != nil {
				if undone[*row.ReversesID] == nil {
					undone[*row.ReversesID] = map[uuid.UUID]int64{}
				}
				undone[*row.ReversesID][id] += *row.Amount
			}
		}
	}
	for id, want := range legs {
		got, fresh, err := b.queries.Transaction(t.Context(), id)
		if err != nil || fresh.Position != 2_000 || len(got.Legs) != len(want) {
			t.Fatalf("%s: %d legs, want %d; %+v, %v", id, len(got.Legs), len(want), fresh, err)
		}
		var sum int64
		for _, leg := range got.Legs {
			i := slices.IndexFunc(want, func(w readmodel.TimelineRow) bool { return w.Position == leg.Position })
			if i < 0 || leg.AccountID != want[i].AccountID || *leg.Amount != *want[i].Amount || got.Reversed(leg.AccountID) != undone[id][leg.AccountID] || want[i].ReversedAmount != undone[id][leg.AccountID] {
				t.Errorf("%s: %+v, %d undone", id, leg, got.Reversed(leg.AccountID))
			}
			if sum += *leg.Amount; leg.Direction == "out" {
				sum -= 2 * *leg.Amount
			}
		}
		if len(got.Legs) == 2 && sum != 0 {
			t.Errorf("%s: both sides sum up to %d", id, sum)
		}
	}
	if len(undone) < 5 {
		t.Errorf("only %d transactions were undone", len(undone))
	}
	if _, _, err := b.queries.Transaction(t.Context(), uuid.New()); !errors.Is(err, readmodel.ErrNotFound) {
		t.Errorf("a transaction that is not there: %v", err)
	}
}
