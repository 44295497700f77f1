package commandapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
)

// result is one of a bulk.
type result struct {
	Index    int
	Status   int
	Replayed bool `json:"idempotent_replayed"`
	Body     json.RawMessage
}

func (r result) problem(t *testing.T) (p httpapitest.Problem) {
	t.Helper()
	if err := json.Unmarshal(r.Body, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// bulk sends items as a JSON array, and returns the results after it has seen that they add up.
func (r *rig) bulk(token string, items []string, header ...string) []result {
	r.t.Helper()
	answer := r.want(r.as(token, "POST", "/v1/bulk", "["+strings.Join(items, ",")+"]", header...), 200, "")
	var got struct {
		Data              []result
		Succeeded, Failed int
		Position          int64
	}
	if err := json.Unmarshal(answer.Body, &got); err != nil {
		r.t.Fatalf("%s: %v", answer.Body, err)
	}
	succeeded := 0
	for i, one := range got.Data {
		if one.Status < 300 {
			succeeded++
		}
		if one.Index != i {
			r.t.Errorf("result %d has index %d", i, one.Index)
		}
	}
	if len(got.Data) != len(items) || got.Succeeded != succeeded || got.Failed != len(items)-succeeded {
		r.t.Errorf("%d items, %d results, %d said to have succeeded, %d failed", len(items), len(got.Data), got.Succeeded, got.Failed)
	}
	return got.Data
}

func item(path, body string, more ...string) string {
	return fmt.Sprintf(`{"path":%q,"body":%s%s}`, path, body, strings.Join(more, ""))
}

func statuses(results []result) string {
	var all []int
	for _, r := range results {
		all = append(all, r.Status)
	}
	return fmt.Sprint(all)
}

const euroCent = `{"amount":1,"currency":"EUR"}`

// TestBulkIsARunOfRequests: each result is byte for byte what the request by itself would be answered.
func TestBulkIsARunOfRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path, id := r.open(""), uuid.NewString()
	got := r.bulk(r.teller, []string{
		item("/v1/accounts", `{"account_id":"`+id+`","owner_id":"o","owner_name":"n","currency":"EUR"}`),
		item("/v1/accounts/"+id+"/deposits", `{"amount":500,"currency":"EUR"}`),
		item("/v1/accounts/"+id+"/withdrawals", `{"amount":501,"currency":"EUR"}`),
		item("/v1/accounts/"+id, `{"overdraft_limit":10}`, `,"method":"PATCH"`, `,"if_match":"\"2\""`),
		item("/v1/accounts/"+id, `{"overdraft_limit":10}`, `,"method":"PATCH"`, `,"if_match":"\"1\""`),
		item("/v1/accounts/"+uuid.NewString()+"/deposits", euroCent),
		item(path+"/close", `{"reason":"why"}`),
		item(path+"/deposits", euroCent),
	}, "Idempotency-Key", "bulk", "X-Request-Id", "req-1")
	if want := "[201 201 422 200 412 404 200 422]"; statuses(got) != want {
		t.Errorf("got %s, want %s", statuses(got), want)
	}
	counted := map[string]float64{}
	families, err := r.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "passbook_http_bulk_items_total" {
				counted[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if want := "map[accepted:4 failed:0 refused:4]"; fmt.Sprint(counted) != want {
		t.Errorf("counted %v, want %s", counted, want)
	}
	alone := r.want(r.do("POST", "/v1/accounts/"+id+"/withdrawals", `{"amount":501,"currency":"EUR"}`, "Idempotency-Key", "bulk/2"), 422, "insufficient_funds")
	if string(alone.Body) != string(got[2].Body) || alone.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("by itself it is answered %s %v, in the bulk %s", alone.Body, alone.Header, got[2].Body)
	}
	if p := got[7].problem(t); p.Code != "account_closed" || p.Instance != path+"/deposits" || p.RequestID != "req-1" {
		t.Errorf("problem %+v", p)
	}
	if last := r.bank.requests[len(r.bank.requests)-2]; last.Key != "bulk/7" || last.RequestID != "req-1" || last.Actor != "teller-1" || last.Path != path+"/deposits" {
		t.Errorf("request %+v", last)
	}
}

func TestBulkIsReplayedItemByItem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	const key = "Idempotency-Key"
	alone := r.want(r.do("POST", path+"/deposits", euroCent, key, "mine"), 201, "")
	items := []string{
		item(path+"/deposits", euroCent),
		item(path+"/deposits", `{"currency":"EUR", "amount":1}`, `,"idempotency_key":"mine"`),
		item(path+"/withdrawals", `{"amount":100,"currency":"EUR"}`),
	}
	first := r.bulk(r.teller, items, key, "k")
	if first[0].Replayed || !first[1].Replayed || string(first[1].Body) != string(alone.Body) || first[2].Replayed {
		t.Errorf("results %+v", first)
	}
	r.want(r.do("POST", path+"/deposits", euroCent), 201, "")
	again := r.bulk(r.teller, items, key, "k")
	for i := range first {
		if !again[i].Replayed || string(again[i].Body) != string(first[i].Body) || again[i].Status != first[i].Status {
			t.Errorf("item %d: first %s, then %s", i, first[i].Body, again[i].Body)
		}
	}
	items[0], items[1] = items[1], items[0]
	moved := r.bulk(r.teller, items, key, "k")
	if !moved[0].Replayed || moved[1].Replayed || moved[1].Status != 201 { // the one has a key of its own, the other k/1 now
		t.Errorf("moved: %+v", moved)
	}
	other := r.bulk(r.teller, []string{item(path+"/deposits", `{"amount":2,"currency":"EUR"}`)}, key, "k")
	if other[0].Status != 422 || other[0].problem(t).Code != "idempotency_key_reused" {
		t.Errorf("another item under the same key: %s", other[0].Body)
	}
	twice := r.bulk(r.teller, []string{item(path+"/deposits", euroCent, `,"idempotency_key":"two"`), item(path+"/deposits", euroCent, `,"idempotency_key":"two"`)})
	if twice[0].Replayed || !twice[1].Replayed || string(twice[0].Body) != string(twice[1].Body) {
		t.Errorf("the same key twice in a bulk: %+v", twice)
	}
}

func TestBulkOfLines(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	body := strings.Join([]string{
		item(path+"/deposits", euroCent), "", "  ", `{"path":`, item(path+"/deposits", euroCent) + "\r", "7", `{"path":"/v1/x","body":{}} {}`, item(path+"/deposits", euroCent),
	}, "\n")
	answer := r.want(r.do("POST", "/v1/bulk", body, "Content-Type", "application/x-ndjson"), 200, "")
	if answer.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("Content-Type %q", answer.Header.Get("Content-Type"))
	}
	var got []result
	for line := range bytes.Lines(answer.Body) {
		var one result
		if err := json.Unmarshal(line, &one); err != nil || one.Index != len(got) {
			t.Fatalf("%s: %v", line, err)
		}
		got = append(got, one)
	}
	if want := "[201 400 201 400 400 201]"; statuses(got) != want {
		t.Errorf("got %s, want %s", statuses(got), want)
	}
	if p := got[1].problem(t); p.Instance != "/v1/bulk" || p.Code != "malformed_request" || p.Errors[0].Pointer != "/1" || p.Errors[0].Code != "invalid_syntax" {
		t.Errorf("problem %+v", p)
	}
}

// TestBulksThatAreRefusedWhole: nothing of them is done.
func TestBulksThatAreRefusedWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := item(r.open("")+"/deposits", euroCent)
	many := func(n int) string { return "[" + strings.Repeat(good+",", n-1) + good + "]" }
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		code   string
	}{
		"empty":             {body: " ", status: 400, code: "malformed_request"},
		"no items":          {body: "[]", status: 400, code: "malformed_request"},
		"no lines":          {body: "\n \n", header: []string{"Content-Type", "application/x-ndjson"}, status: 400, code: "malformed_request"},
		"not an array":      {body: good, status: 400, code: "malformed_request"},
		"null":              {body: "null", status: 400, code: "malformed_request"},
		"not JSON":          {body: "[" + good + ",x]", status: 400, code: "malformed_request"},
		"comma":             {body: "[" + good + ",]", status: 400, code: "malformed_request"},
		"no comma":          {body: "[" + good + good + "]", status: 400, code: "malformed_request"},
		"cut short":         {body: "[" + good + "," + good, status: 400, code: "malformed_request"},
		"garbage behind":    {body: "[" + good + "] 1", status: 400, code: "malformed_request"},
		"two arrays":        {body: "[" + good + "][]", status: 400, code: "malformed_request"},
		"lines as JSON":     {body: good + "\n" + good, status: 400, code: "malformed_request"},
		"too many":          {body: many(10_001), status: 413, code: "payload_too_large"},
		"too large":         {body: "[" + good + strings.Repeat(" ", 8<<20) + "]", status: 413, code: "payload_too_large"},
		"no key":            {body: many(1), header: []string{"Idempotency-Key", ""}, status: 400, code: "idempotency_key_required"},
		"long key":          {body: many(1), header: []string{"Idempotency-Key", strings.Repeat("k", 251)}, status: 400, code: "idempotency_key_required"},
		"media":             {body: many(1), header: []string{"Content-Type", "application/jsonl"}, status: 415, code: "unsupported_media_type"},
		"charset":           {body: many(1), header: []string{"Content-Type", "application/x-ndjson; charset=latin1"}, status: 415, code: "unsupported_media_type"},
		"encoded":           {body: many(1), header: []string{"Content-Encoding", "gzip"}, status: 415, code: "unsupported_media_type"},
		"no such mode":      {body: many(1), header: []string{"path", "?mode=both"}, status: 400, code: "invalid_parameter"},
		"unknown parameter": {body: many(1), header: []string{"path", "?x=1"}, status: 400, code: "invalid_parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/v1/bulk"
			if len(c.header) > 0 && c.header[0] == "path" {
				path, c.header = path+c.header[1], nil
			}
			before := r.bank.asked()
			answer := r.do("POST", path, c.body, c.header...)
			r.want(answer, c.status, c.code)
			if limit := answer.Problem.Context["limit"]; name == "too many" && limit != "bulk_items" || name == "too large" && limit != "body_bytes" {
				t.Errorf("refused by limit %v", limit)
			}
			if r.bank.asked() != before {
				t.Error("the bank was asked")
			}
		})
	}
}

// TestItemsThatCannotBeRead are refused by themselves, and say where in the bulk the fault is.
func TestItemsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	to := path + "/deposits"
	for _, c := range []struct {
		item           string
		status         int
		code, pointer  string
		instance, says string
	}{
		{item: `7`, status: 400, code: "malformed_request", pointer: "/0", instance: "/v1/bulk"},
		{item: `null`, status: 400, code: "malformed_request", pointer: "/0", instance: "/v1/bulk"},
		{item: `{}`, status: 400, code: "malformed_request", pointer: "/0/path", instance: "/v1/bulk"},
		{item: `{"path":7}`, status: 400, code: "malformed_request", pointer: "/0/path", instance: "/v1/bulk"},
		{item: `{"path":""}`, status: 400, code: "invalid_parameter", pointer: "/0/path", instance: "/v1/bulk"},
		{item: item(to, euroCent, `,"x":1`), status: 400, code: "malformed_request", pointer: "/0/x", instance: "/v1/bulk"},
		{item: item(to, euroCent, `,"path":"`+to+`"`), status: 400, code: "malformed_request", pointer: "/0/path", instance: "/v1/bulk"},
		{item: item(to, "null"), status: 400, code: "malformed_request", pointer: "/0/body", instance: "/v1/bulk"},
		{item: item(to, "[]"), status: 400, code: "malformed_request", pointer: "", instance: to},
		{item: `{"path":"` + to + `"}`, status: 400, code: "malformed_request", pointer: "", instance: to},
		{item: item(to, `{"amount":1,"currency":"EUR","x":1}`), status: 400, code: "malformed_request", pointer: "/x", instance: to},
		{item: item(to, `{"amount":1,"amount":2,"currency":"EUR"}`), status: 400, code: "malformed_request", pointer: "/0/body/amount", instance: "/v1/bulk"},
		{item: item(to, `{"amount":1,"currency":"ZZZ"}`), status: 400, code: "invalid_parameter", pointer: "/currency", instance: to},
		{item: item(to, `{"amount":-1,"currency":"EUR"}`), status: 422, code: "amount_out_of_range", pointer: "/amount", instance: to},
		{item: item(to, euroCent, `,"method":"GET"`), status: 400, code: "invalid_parameter", pointer: "/0/method", instance: "/v1/bulk"},
		{item: item(to, euroCent, `,"method":"post"`), status: 400, code: "invalid_parameter", pointer: "/0/method", instance: "/v1/bulk"},
		{item: item(to, euroCent, `,"method":"PATCH"`), status: 405, code: "method_not_allowed", instance: "/v1/bulk"},
		{item: item("/v1/bulk", "{}"), status: 400, code: "invalid_parameter", pointer: "/0/path", instance: "/v1/bulk"},
		{item: item(to+"?dry_run=true", euroCent), status: 404, code: "not_found", instance: "/v1/bulk"},
		{item: item("/v1/nothing", euroCent), status: 404, code: "not_found", instance: "/v1/bulk"},
		{item: item("/v1/accounts/7/deposits", euroCent), status: 404, code: "not_found", instance: "/v1/accounts/7/deposits"},
		{item: item("/v1/accounts//deposits", euroCent), status: 404, code: "not_found", instance: "/v1/bulk"},
		{item: item("/v1/accounts/a/b/deposits", euroCent), status: 404, code: "not_found", instance: "/v1/bulk"},
		{item: item(to, `{"amount":1,"currency":"EUR","metadata":{"a":"`+strings.Repeat("x", 64<<10)+`"}}`), status: 413, code: "payload_too_large", instance: to},
		{item: item(to, euroCent, `,"idempotency_key":""`), status: 400, code: "idempotency_key_required", instance: to},
		{item: item(to, euroCent, `,"idempotency_key":"a b"`), status: 400, code: "idempotency_key_required", instance: to},
		{item: item(to, euroCent, `,"idempotency_key":"`+strings.Repeat("k", 256)+`"`), status: 400, code: "idempotency_key_required", instance: to},
		{item: item(to, euroCent, `,"if_match":"1"`), status: 400, code: "invalid_parameter", instance: to},
		{item: "{\"path\":\"\xff\"}", status: 400, code: "malformed_request", pointer: "/0", instance: "/v1/bulk"},
	} {
		got := r.bulk(r.teller, []string{c.item, item(to, euroCent)})
		p := got[0].problem(t)
		if got[0].Status != c.status || p.Status != c.status || p.Code != c.code || p.Instance != c.instance || got[1].Status != 201 {
			t.Errorf("%s: %s, want %d %s about %s", c.item, got[0].Body, c.status, c.code, c.instance)
			continue
		}
		if c.pointer != "" && (len(p.Errors) == 0 || p.Errors[0].Pointer != c.pointer) {
			t.Errorf("%s: errors %+v, want one at %s", c.item, p.Errors, c.pointer)
		}
	}
}

// TestItemsAreHeldToTheRulesOfTheirRoutes: a bulk opens no door that is closed to its caller.
func TestItemsAreHeldToTheRulesOfTheirRoutes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, theirs := r.open(`,"overdraft_limit":100`), r.want(r.do("POST", "/v1/accounts", `{"owner_id":"eve","owner_name":"Eve","currency":"EUR"}`), 201, "").Header.Get("Location")
	got := r.bulk(r.Token(t, "owner-17", auth.Own), []string{
		item(mine+"/withdrawals", euroCent), item(mine+"/deposits", euroCent), item(theirs+"/withdrawals", euroCent),
		item("/v1/accounts", `{"owner_id":"owner-17","owner_name":"n","currency":"EUR"}`), item(mine+"/withdrawals", euroCent),
	})
	if want := "[201 403 404 403 201]"; statuses(got) != want {
		t.Errorf("got %s, want %s", statuses(got), want)
	}
	if p := got[1].problem(t); p.Code != "insufficient_scope" || p.Instance != mine+"/deposits" {
		t.Errorf("problem %+v", p)
	}
	r.want(r.as(r.Token(t, "s", auth.AccountsRead), "POST", "/v1/bulk", "[]"), 403, "insufficient_scope")
	r.want(r.as("", "POST", "/v1/bulk", "[]"), 401, "unauthenticated")
}
