package commandapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
)

// FuzzDepositBody sends anything as the body of a deposit. Never is that our fault (5xx), always is the answer as documented,
// and what is accepted holds to the schema of the document, which the fast way of reading bodies does not look at.
func FuzzDepositBody(f *testing.F) {
	for _, seed := range []string{
		depositBody, `{}`, `null`, `[]`, `{"amount":1e30,"currency":"EUR"}`, `{"amount":1,"currency":"EUR","metadata":{"a":"b"}}`,
		`{"amount":1,"currency":"EUR","effective_at":"2026-01-01T00:00:00Z"}`, `{"amount":1,"amount":1}`, "{\"\xff\":1}", `{"a":{"b":[1,null]}}`,
		`{"amount":null,"currency":null}`, `{"amount":0,"currency":"EUR","reference":"null"}`, `{"amount":9007199254740992,"currency":"EUR"}`,
		`{"amount":1,"currency":"EUR","effective_at":""}`, `{"amount":1,"currency":"EUR","effective_at":"0000-00-00T00:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	kit := httpapitest.New(f, api.Command)
	bank := newBank()
	server, err := commandapi.New(kit.Config(), commandapi.Limits{}, bank, bank, nil)
	if err != nil {
		f.Fatal(err)
	}
	request := httpapitest.Request{
		Method: "POST", Path: "/v1/accounts", Token: kit.Token(f, "teller", auth.AccountsWrite), Header: map[string]string{"Idempotency-Key": "open"},
		Body: `{"owner_id":"o","owner_name":"n","currency":"EUR"}`,
	}
	request.Path = kit.Do(f, server, request).Header.Get("Location") + "/deposits"
	schema := kit.Spec.Components.Schemas["Deposit"].Value

	f.Fuzz(func(t *testing.T, body []byte) {
		request := request
		request.Body, request.Header = string(body), map[string]string{"Idempotency-Key": uuid.NewString(), "Content-Type": "application/json"}
		answer := kit.Do(t, server, request)
		if answer.Status >= 500 {
			t.Errorf("%q: %d %s", body, answer.Status, answer.Body)
		}
		if strings.Contains(string(answer.Body), "unsupported") || len(answer.Body) > 64<<10 {
			t.Errorf("%q: %s", body, answer.Body)
		}
		if answer.Status != 201 {
			return
		}
		var value any
		if err := json.Unmarshal(body, &value); err != nil {
			t.Fatalf("%q was accepted: %v", body, err)
		}
		if err := schema.VisitJSON(value); err != nil {
			t.Errorf("%q was accepted: %v", body, err)
		}
	})
}

// FuzzBulk sends anything as a bulk, of either form. Never is that our fault (5xx), neither as a whole nor in an item, and every
// item has its result, in its place.
func FuzzBulk(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[{}]`, `[{"path":"/v1/bulk","body":{}}]`, `[{"path":"/v1/accounts","body":{"owner_id":"o","owner_name":"n","currency":"EUR"}}]`, `[[],null,1]`,
		`[{"path":"ACCOUNT/deposits","body":{"amount":1,"currency":"EUR"}},{"path":"ACCOUNT","method":"PATCH","if_match":"\"1\"","body":{"owner_name":"x"}}]`,
		"{\"path\":\"ACCOUNT/deposits\",\"idempotency_key\":\"k\",\"body\":{\"amount\":1,\"currency\":\"EUR\"}}\n\n{\"path\":\"\xff\"}\r\n{", `[{"path":"\ud800"}]`, `[`,
		`[{"path":"ACCOUNT/close","body":{"reason":"r"}} {"path":"ACCOUNT/reopen","body":null}]`, `{"path":"ACCOUNT/fees","method":"GET"}`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	kit := httpapitest.New(f, api.Command)
	server, err := commandapi.New(kit.Config(), commandapi.Limits{}, newBank(), newBank(), nil)
	if err != nil {
		f.Fatal(err)
	}
	token := kit.Token(f, "teller", auth.AccountsWrite)
	request := httpapitest.Request{
		Method: "POST", Path: "/v1/accounts", Token: token, Header: map[string]string{"Idempotency-Key": "open"},
		Body: `{"owner_id":"o","owner_name":"n","currency":"EUR"}`,
	}
	account := kit.Do(f, server, request).Header.Get("Location")

	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		media := "application/json"
		if lines {
			media = "application/x-ndjson"
		}
		answer := kit.Do(t, server, httpapitest.Request{
			Method: "POST", Path: "/v1/bulk", Token: token, Body: strings.ReplaceAll(string(body), "ACCOUNT", account),
			Header: map[string]string{"Idempotency-Key": uuid.NewString(), "Content-Type": media},
		})
		switch answer.Status {
		case 400, 413:
			return
		case 200:
		default:
			t.Fatalf("%q: %d %s", body, answer.Status, answer.Body)
		}
		if !lines && !json.Valid(answer.Body) {
			t.Fatalf("%q: %s", body, answer.Body)
		}
		results := answer.Body
		if lines {
			results = []byte(`{"data":[` + strings.ReplaceAll(strings.TrimSpace(string(results)), "\n", ",") + `]}`)
		}
		var got struct{ Data []result }
		if err := json.Unmarshal(results, &got); err != nil {
			t.Fatalf("%q: %s: %v", body, answer.Body, err)
		}
		for i, one := range got.Data {
			if one.Index != i || one.Status >= 500 || !json.Valid(one.Body) {
				t.Errorf("%q: item %d is answered %d %s", body, i, one.Status, one.Body)
			}
		}
	})
}
