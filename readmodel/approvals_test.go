package readmodel_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel"
)

// What the lists and the single reads say is what the streams fold to, and the filters take what they say.
func TestApprovals(t *testing.T) {
	t.Parallel()
	b, _ := readers(t, 61, 4_000)
	states, now := b.customers.Approvals(), time.Now()
	count := map[string]int{}
	for _, s := range states {
		a, _, err := b.queries.Approval(t.Context(), s.ApprovalID)
		if err != nil {
			t.Fatal(err)
		}
		want := s.StatusAt(now)
		count[string(want)]++
		if a.Status != string(want) || a.Maker != s.Maker || a.DecidedBy != s.DecidedBy || a.Reason != s.Reason || a.Amount != int64(s.Money.Amount) || a.AccountID != s.AccountID ||
			!a.ExpiresAt.Equal(s.ExpiresAt) || a.Version != s.Version || !json.Valid(a.Command) || string(a.Command) != string(s.Command) {
			t.Errorf("%+v\nfolds to %+v", a, s)
		}
	}
	if len(count) < 3 {
		t.Fatalf("only %v: this test has lost its subject", count)
	}
	list := func(f readmodel.ApprovalFilter) (all []readmodel.Approval) {
		t.Helper()
		f.Limit = 7
		for {
			found, more, _, err := b.queries.Approvals(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, found...)
			if !more {
				return all
			}
			f.Before = found[len(found)-1].ID
		}
	}
	if all := list(readmodel.ApprovalFilter{}); len(all) != len(states) {
		t.Errorf("%d of %d are listed", len(all), len(states))
	}
	for status, n := range count {
		if found := list(readmodel.ApprovalFilter{Status: status}); len(found) != n {
			t.Errorf("%s: %d, want %d", status, len(found), n)
		}
	}
	one := states[0]
	for _, f := range []readmodel.ApprovalFilter{{AccountID: one.AccountID}, {Maker: one.Maker}, {AccountID: one.AccountID, Maker: one.Maker, Status: string(one.StatusAt(now))}} {
		for _, a := range list(f) {
			if f.AccountID != uuid.Nil && a.AccountID != f.AccountID || f.Maker != "" && a.Maker != f.Maker {
				t.Errorf("%+v has %+v", f, a)
			}
		}
		if len(list(f)) == 0 {
			t.Errorf("%+v has nothing", f)
		}
	}
}
