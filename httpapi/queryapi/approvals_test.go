package queryapi_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
	"passbook/readmodel"
)

func approvalBy(maker, status string) readmodel.Approval {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	a := readmodel.Approval{
		ID: uuid.Must(uuid.NewV7()), AccountID: uuid.Must(uuid.NewV7()), Amount: 1_250_000, Currency: "EUR", Kind: "withdrawal", Command: json.RawMessage(`{"amount":1250000,"reference":"h"}`),
		Status: status, Maker: maker, Version: 1, Position: 9, RequestedAt: at, ExpiresAt: at.Add(72 * time.Hour), UpdatedAt: at,
	}
	if status == "approved" {
		a.DecidedBy, a.Reason, a.DecidedAt, a.EffectiveAt, a.Version = "checker", "seen", new(at.Add(time.Hour)), new(at.AddDate(0, -1, 0)), 2
	}
	return a
}

// Who sees which approvals: everybody's, or what one has asked for oneself; of another's there is nothing.
func TestApprovals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tellers, customers := approvalBy("teller-1", "pending"), approvalBy("ada", "approved")
	r.books.waiting = []readmodel.Approval{tellers, customers}
	tokens := map[string]string{
		"checker": r.Token(t, "checker", auth.ApprovalsWrite), "reader": r.reader, "auditor": r.Token(t, "auditor", auth.AuditRead),
		"maker": r.Token(t, "teller-1", auth.AccountsWrite), "other": r.Token(t, "teller-2", auth.AccountsWrite), "ada": r.Token(t, "ada", auth.Own), "eve": r.Token(t, "eve", auth.Own),
	}
	for who, sees := range map[string][2]bool{
		"checker": {true, true}, "reader": {true, true}, "auditor": {true, true}, "maker": {true, false}, "other": {}, "ada": {false, true}, "eve": {},
	} {
		listed := r.want(r.as(tokens[who], "/v1/approvals"), 200, "").JSON(t)["data"].([]any)
		n := 0
		for i, a := range r.books.waiting {
			status, code := 404, "not_found"
			if sees[i] {
				status, code = 200, ""
				n++
			}
			r.want(r.as(tokens[who], "/v1/approvals/"+a.ID.String()), status, code)
		}
		if len(listed) != n {
			t.Errorf("%s: %d are listed, want %d", who, len(listed), n)
		}
	}
	r.want(r.as(r.Token(t, "op", auth.Operations), "/v1/approvals"), 403, "insufficient_scope")
	r.want(r.get("/v1/approvals/no-id"), 404, "not_found")

	one := r.want(r.get("/v1/approvals/"+customers.ID.String()), 200, "")
	said := one.JSON(t)
	if said["requested_by"] != "ada" || said["decided_by"] != "checker" || said["reason"] != "seen" || said["effective_at"] != "2026-10-21T09:00:00Z" ||
		fmt.Sprint(said["command"]) != "map[amount:1.25e+06 reference:h]" || one.Header.Get("ETag") != `"2"` {
		t.Errorf("%s %v", one.Body, one.Header)
	}
	r.want(r.get("/v1/approvals/"+customers.ID.String(), "If-None-Match", `"2"`), 304, "")

	first := r.want(r.get("/v1/approvals?limit=1"), 200, "").JSON(t)
	second := r.want(r.get("/v1/approvals?limit=1&cursor="+first["next_cursor"].(string)), 200, "").JSON(t)
	if second["has_more"] != false || second["data"].([]any)[0].(map[string]any)["approval_id"] != customers.ID.String() {
		t.Errorf("%v", second)
	}
	r.want(r.get("/v1/approvals?status=approved&cursor="+first["next_cursor"].(string)), 400, "invalid_cursor")
	r.want(r.get("/v1/approvals?status=waiting"), 400, "invalid_parameter")
	r.want(r.get("/v1/approvals?account_id=x"), 400, "invalid_parameter")
	of := r.want(r.get("/v1/approvals?status=approved&account_id="+customers.AccountID.String()), 200, "").JSON(t)["data"].([]any)
	none := r.want(r.get("/v1/approvals?status=pending&account_id="+customers.AccountID.String()), 200, "").JSON(t)["data"].([]any)
	if len(of) != 1 || len(none) != 0 {
		t.Errorf("%v, %v", of, none)
	}
}

// An approval that time has ended, which no event says yet, has no entity tag: what its events made of it is something else.
func TestAnExpiryThatNoEventSays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := approvalBy("teller-1", "expired")
	r.books.waiting = []readmodel.Approval{a}
	answer := r.want(r.get("/v1/approvals/"+a.ID.String(), "If-None-Match", `"1"`), 200, "")
	if answer.JSON(t)["status"] != "expired" || answer.Header.Get("ETag") != "" {
		t.Errorf("%s %v", answer.Body, answer.Header)
	}
}
