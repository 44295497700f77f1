package queryapi_test

import (
	"context"
	"testing"
	"time"

	"passbook/httpapi/auth"
	"passbook/readmodel"
)

// TrialBalance answers with a transfer's worth of books.
func (b *books) TrialBalance(_ context.Context, at *time.Time) (readmodel.TrialBalance, readmodel.Freshness, error) {
	b.note(at)
	t := readmodel.TrialBalance{At: booked, Position: 9, Currencies: []readmodel.CurrencyTotals{{Currency: "EUR", Accounts: 2, Debits: 12, Credits: 12, Lines: []readmodel.TrialLine{
		{Name: readmodel.LineAccounts, Credit: 7}, {Name: "deposits", Debit: 7, Movements: 1}, {Name: "transfers", Debit: 5, Credit: 5, Movements: 2},
	}}}}
	if b.stale.IsZero() {
		return t, b.at(), b.fail
	}
	t.Currencies[0].Credits = 13
	return t, b.at(), b.fail
}

func TestTrialBalance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := r.want(r.get("/v1/trial-balance?at=2026-11-01T00:00:00Z", "Passbook-Min-Position", "10"), 200, "").JSON(t)
	euro := got["currencies"].([]any)[0].(map[string]any)
	lines := euro["lines"].([]any)
	if got["balanced"] != true || got["position"] != 9.0 || euro["debits"] != 12.0 || len(lines) != 3 || lines[0].(map[string]any)["movements"] != nil || lines[2].(map[string]any)["credit"] != 5.0 {
		t.Errorf("%v", got)
	}
	if at := last[*time.Time](t, r.books); at == nil || !at.Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("asked for %v", at)
	}
	if q := last[waitQuestion](t, r.books); q.Position != 10 || len(q.Projections) != 2 {
		t.Errorf("%+v", q)
	}
	r.want(r.get("/v1/trial-balance"), 200, "")
	if at := last[*time.Time](t, r.books); at != nil {
		t.Errorf("asked for %v", at)
	}
	r.want(r.get("/v1/trial-balance?at=yesterday"), 400, "invalid_parameter")
	r.want(r.as(r.Token(t, "auditor", auth.AuditRead), "/v1/trial-balance"), 200, "")
	r.want(r.as(r.Token(t, "owner-17", auth.Own), "/v1/trial-balance"), 403, "insufficient_scope")

	r.books.stale = booked
	if stale := r.want(r.get("/v1/trial-balance"), 200, "").JSON(t); stale["stale"] != true || stale["balanced"] != false {
		t.Errorf("%v", stale)
	}
	r.want(r.get("/v1/trial-balance", "Passbook-Min-Position", "6"), 409, "read_model_stale")
}
