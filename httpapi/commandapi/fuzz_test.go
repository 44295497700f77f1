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
	server, err := commandapi.New(kit.Config(), bank)
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
