package commandapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
)

func (r *rig) atomic(token string, items []string, header ...string) *httpapitest.Response {
	r.t.Helper()
	return r.as(token, "POST", "/v1/bulk?mode=atomic", "["+strings.Join(items, ",")+"]", header...)
}

func TestAtomicBulk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	source, target := r.openFor("ada", "EUR", 100), r.openFor("eve", "EUR", 0)
	items := []string{
		item("/v1/transfers", transferBody(source, target, 100, "")),
		item(target+"/withdrawals", `{"amount":100,"currency":"EUR"}`), // possible only behind the first
		item(target+"/close", `{"reason":"why"}`, `,"idempotency_key":"mine"`),
	}
	first := r.want(r.atomic(r.teller, items, "Idempotency-Key", "k"), 200, "")
	if position := first.Header.Get("Passbook-Position"); position != fmt.Sprint(r.bank.position) || first.JSON(t)["position"] != float64(r.bank.position) {
		t.Errorf("position %s, %s", position, first.Body)
	}
	again := r.want(r.atomic(r.teller, items, "Idempotency-Key", "k"), 200, "")
	if want := strings.ReplaceAll(string(first.Body), `"idempotent_replayed":false`, `"idempotent_replayed":true`); string(again.Body) != want {
		t.Errorf("got  %s\nwant %s", again.Body, want)
	}
	alone := r.want(r.do("POST", target+"/close", `{"reason":"why"}`, "Idempotency-Key", "mine"), 200, "")
	if alone.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%v", alone.Header)
	}
	r.want(r.atomic(r.teller, items[1:], "Idempotency-Key", "k"), 422, "idempotency_key_reused")
	lines := r.want(r.as(r.teller, "POST", "/v1/bulk?mode=atomic", strings.Join(items, "\n"), "Idempotency-Key", "k", "Content-Type", "application/x-ndjson"), 200, "")
	if strings.Count(string(lines.Body), "\n") != 3 || lines.Header.Get("Passbook-Position") != first.Header.Get("Passbook-Position") {
		t.Errorf("%v %s", lines.Header, lines.Body)
	}
}

// TestAnAtomicBulkThatIsRefusedLeavesNothing, whatever is wrong with one of its items, and says which and why.
func TestAnAtomicBulkThatIsRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path, theirs := r.openFor("ada", "EUR", 100), r.openFor("eve", "EUR", 0)
	ada := r.Token(t, "ada", auth.Own)
	withdrawal := item(path+"/withdrawals", euroCent)
	for name, c := range map[string]struct {
		item     string
		status   int
		code     string
		instance string
		pointer  string
	}{
		"refused by a rule": {item(path+"/withdrawals", `{"amount":1000,"currency":"EUR"}`), 422, "insufficient_funds", path + "/withdrawals", "/amount"},
		"of another one":    {item(theirs+"/withdrawals", euroCent), 404, "not_found", theirs + "/withdrawals", ""},
		"not permitted":     {item(path+"/deposits", euroCent), 403, "insufficient_scope", path + "/deposits", ""},
		"no such path":      {item("/v1/x", euroCent), 404, "not_found", "/v1/bulk", ""},
		"no such method":    {item(path+"/withdrawals", euroCent, `,"method":"PATCH"`), 405, "method_not_allowed", "/v1/bulk", ""},
		"stale":             {item(path+"/withdrawals", euroCent, `,"if_match":"\"1\""`), 412, "version_mismatch", path + "/withdrawals", ""},
		"body":              {item(path+"/withdrawals", `{"amount":"1","currency":"EUR"}`), 400, "malformed_request", path + "/withdrawals", "/amount"},
		"item":              {`{"paht":"x"}`, 400, "malformed_request", "/v1/bulk", "/2/paht"},
		"not an object":     {`1`, 400, "malformed_request", "/v1/bulk", "/2"},
	} {
		t.Run(name, func(t *testing.T) {
			position, answers := r.bank.position, len(r.bank.answers)
			answer := r.want(r.atomic(ada, []string{withdrawal, withdrawal, c.item, withdrawal}), c.status, c.code)
			members(t, answer.Problem.Context, map[string]any{"failed_index": 2, "items": 4})
			var told struct{ Item httpapitest.Problem }
			if err := json.Unmarshal(answer.Body, &told); err != nil {
				t.Fatal(err)
			}
			if told.Item.Code != c.code || told.Item.Instance != c.instance || told.Item.Status != c.status {
				t.Errorf("item %+v", told.Item)
			}
			if c.pointer != "" && (len(told.Item.Errors) == 0 || told.Item.Errors[0].Pointer != c.pointer) {
				t.Errorf("errors %+v, want one at %s", told.Item.Errors, c.pointer)
			}
			if r.bank.position != position || len(r.bank.answers) != answers {
				t.Error("something was stored")
			}
		})
	}
	r.want(r.as(ada, "POST", "/v1/bulk?mode=atomic", withdrawal+"\n{\n", "Content-Type", "application/x-ndjson"), 400, "malformed_request")
}

func TestErrorsOfAnAtomicBulk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
		index  any
	}{
		{command.ErrOverloaded, 503, "overloaded", nil},
		{command.ErrUnavailable, 503, "maintenance", nil},
		{command.ErrGroupTooLarge, 413, "payload_too_large", nil},
		{&command.Undone{Index: 1, Err: command.ErrKeyInProgress}, 409, "idempotency_in_progress", 1},
		{&command.Undone{Index: 1, Err: errors.New("pq: secret")}, 500, "internal_error", 1},
	} {
		r := newRig(t)
		r.bank.atomic = func() error { return c.err }
		path := "/v1/accounts/" + uuid.NewString() + "/deposits"
		answer := r.want(r.atomic(r.teller, []string{item(path, euroCent), item(path, euroCent)}), c.status, c.code)
		if fmt.Sprint(answer.Problem.Context["failed_index"]) != fmt.Sprint(c.index) || strings.Contains(string(answer.Body), "secret") {
			t.Errorf("%v: %s", c.err, answer.Body)
		}
	}
}
