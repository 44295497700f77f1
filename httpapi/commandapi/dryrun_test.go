package commandapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
)

// dry is the answer to a dry run.
type dry struct {
	DryRun bool `json:"dry_run"`
	Status int
	Events []struct {
		StreamType string `json:"stream_type"`
		StreamID   string `json:"stream_id"`
		Version    int64
		Type       string
		Schema     int
		Data       map[string]any
	}
	Result map[string]any
}

func (r *rig) dry(method, path, body string, header ...string) (d dry) {
	r.t.Helper()
	answer := r.want(r.do(method, path+"?dry_run=true", body, header...), 200, "")
	if err := json.Unmarshal(answer.Body, &d); err != nil || !d.DryRun {
		r.t.Fatalf("%s: %v", answer.Body, err)
	}
	for _, name := range []string{"Etag", "Passbook-Position", "Location", "Idempotent-Replayed"} {
		if answer.Header.Get(name) != "" {
			r.t.Errorf("%s: %s of something that did not happen", name, answer.Header.Get(name))
		}
	}
	return d
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	source, target := r.openFor("ada", "EUR", 100), r.openFor("eve", "EUR", 0)
	position, answers := r.bank.position, len(r.bank.answers)
	got := r.dry("POST", "/v1/transfers", transferBody(source, target, 60, ""), "Idempotency-Key", "")
	if got.Status != 201 || len(got.Events) != 2 || got.Events[0].Type != "transfer.sent" || got.Events[1].Type != "transfer.received" {
		t.Fatalf("%+v", got)
	}
	if e := got.Events[1]; e.StreamType != "account" || e.StreamID != idOf(target) || e.Version != 2 || e.Schema < 1 || e.Data["balance_after"] != 60.0 {
		t.Errorf("%+v", e)
	}
	members(t, got.Result["source"].(map[string]any), map[string]any{"balance": 40, "version": 3})
	members(t, got.Result, map[string]any{"position": position + 2})

	r.want(r.do("POST", "/v1/transfers?dry_run=true", transferBody(source, target, 101, "")), 422, "insufficient_funds")
	r.want(r.do("POST", source+"/deposits?dry_run=true", euroCent, "If-Match", `"1"`), 412, "version_mismatch")
	r.want(r.do("POST", "/v1/accounts/"+uuid.NewString()+"/deposits?dry_run=true", euroCent), 404, "not_found")
	r.want(r.do("POST", source+"/deposits?dry_run=true", `{"amount":1}`), 400, "malformed_request")
	r.want(r.as(r.Token(t, "ada", auth.Own), "POST", source+"/deposits?dry_run=true", euroCent), 403, "insufficient_scope")
	r.want(r.as(r.Token(t, "eve", auth.Own), "POST", source+"/withdrawals?dry_run=true", euroCent), 404, "not_found")
	if r.bank.position != position || len(r.bank.answers) != answers {
		t.Error("something was stored")
	}
	if got = r.dry("POST", source+"/deposits", euroCent, "Idempotency-Key", "k"); len(got.Events) != 1 {
		t.Errorf("%+v", got)
	}
	r.want(r.do("POST", source+"/deposits?dry_run=false", `{"amount":2,"currency":"EUR"}`, "Idempotency-Key", "k"), 201, "")
}

// TestADryRunDecidesAsTheRealThing tries everything first and then does it: status, events and answer are what was foretold, but
// for the ids that are made anew.
func TestADryRunDecidesAsTheRealThing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.openFor("ada", "EUR", 1000), r.openFor("eve", "EUR", 0)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/accounts", `{"owner_id":"o","owner_name":"n","currency":"EUR"}`},
		{"POST", a + "/deposits", euroCent},
		{"POST", a + "/withdrawals", euroCent},
		{"POST", a + "/fees", `{"amount":1,"currency":"EUR","reason":"r"}`},
		{"POST", a + "/interest", `{"amount":-1,"currency":"EUR"}`},
		{"POST", "/v1/transfers", transferBody(a, b, 10, "")},
		{"POST", a + "/holds", `{"amount":5,"currency":"EUR"}`},
		{"POST", "HOLD/extend", `{"expires_at":"2099-01-01T00:00:00Z"}`},
		{"POST", "HOLD/capture", `{"amount":2}`},
		{"POST", "HOLD/release", ``},
		{"POST", "HOLD/release", ``},
		{"POST", "/v1/transactions/LAST/reversals", `{"reason":"r"}`},
		{"POST", "/v1/payments", paymentBody(a, 10, "")},
		{"POST", "PAYMENT/cancel", ""},
		{"POST", "PAYMENT/push", ""},
		{"PATCH", a, `{"limits":{"per_day":1}}`},
		{"POST", a + "/withdrawals", `{"amount":2,"currency":"EUR"}`},
		{"POST", a + "/freeze", `{"reason":"r"}`},
		{"POST", a + "/freeze", `{"reason":"r"}`},
		{"POST", a + "/unfreeze", `{"reason":"r"}`},
		{"POST", a + "/close", `{"reason":"r"}`},
	} {
		path := strings.NewReplacer("HOLD", r.found["hold_id"], "PAYMENT", r.found["payment_id"], "LAST", r.found["transaction_id"]).Replace(c.path)
		token := r.Token(t, "both", auth.AccountsWrite, auth.Operations)
		before := r.bank.position
		tried := r.as(token, c.method, path+"?dry_run=true", c.body)
		if r.bank.position != before {
			t.Fatalf("%s %s: the dry run has moved the log", c.method, path)
		}
		done := r.as(token, c.method, path, c.body)
		if tried.Status >= 400 {
			if tried.Status != done.Status || tried.Problem.Code != done.Problem.Code {
				t.Errorf("%s %s: foretold %s, came to %s", c.method, path, tried.Body, done.Body)
			}
			continue
		}
		var foretold dry
		if err := json.Unmarshal(tried.Body, &foretold); err != nil {
			t.Fatal(err)
		}
		got := done.JSON(t)
		if foretold.Status != done.Status || int64(len(foretold.Events)) != r.bank.position-before || shape(foretold.Result) != shape(got) {
			t.Errorf("%s %s: foretold %s, came to %d %s", c.method, path, tried.Body, done.Status, done.Body)
		}
		for _, name := range []string{"hold_id", "payment_id", "transaction_id"} {
			if id, ok := got[name].(string); ok {
				r.found[name] = map[string]string{"hold_id": "/v1/holds/", "payment_id": "/v1/payments/"}[name] + id
			}
		}
	}
}

// shape is an answer without what differs from one time to the next.
func shape(v any) string {
	if m, ok := v.(map[string]any); ok {
		rest := map[string]string{}
		for name, value := range m {
			switch name {
			case "transaction_id", "transfer_id", "hold_id", "payment_id", "recorded_at", "expires_at", "deadline", "account_id":
				rest[name] = "there"
			default:
				rest[name] = shape(value)
			}
		}
		return fmt.Sprint(rest)
	}
	return fmt.Sprint(v)
}

func TestDryRunOfABulk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.openFor("ada", "EUR", 100)
	position := r.bank.position
	body := "[" + item(path+"/withdrawals", `{"amount":80,"currency":"EUR"}`) + "," + item(path+"/withdrawals", `{"amount":70,"currency":"EUR"}`) + "]"
	answer := r.want(r.do("POST", "/v1/bulk?dry_run=true", body, "Idempotency-Key", ""), 200, "")
	var got struct{ Data []result }
	if err := json.Unmarshal(answer.Body, &got); err != nil || statuses(got.Data) != "[200 200]" {
		t.Fatalf("%s, %v", answer.Body, err) // each by itself is possible
	}
	var second dry
	if err := json.Unmarshal(got.Data[1].Body, &second); err != nil || second.Status != 201 || second.Result["balance"] != 30.0 {
		t.Errorf("%s, %v", got.Data[1].Body, err)
	}
	if r.bank.position != position {
		t.Error("something was stored")
	}
}
