package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	openAccount    = "01977a70-5d5c-7c3a-9d5e-000000000001"
	closedAccount  = "01977a70-5d5c-7c3a-9d5e-000000000002"
	unknownAccount = "01977a70-5d5c-7c3a-9d5e-000000000003"
)

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

type call struct {
	account, key, body, token string
	header                    map[string]string
}

// deposit sends a deposit and returns the answer.
func (b *bank) deposit(t *testing.T, c call) answer {
	t.Helper()
	return b.post(t, "/v1/accounts/"+c.account+"/deposits", c)
}

func (b *bank) post(t *testing.T, path string, c call) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.commandURL+path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.key != "" {
		request.Header.Set("Idempotency-Key", c.key)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range c.header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if err := json.Unmarshal(text, &a.body); err != nil {
		t.Fatalf("%s answers %d %s: %v", path, a.status, text, err)
	}
	return a
}

// Each way to get a deposit wrong is answered with its own status and code, by the real thing.
func TestDepositsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := up(t, stateDir(t))
	token := output(t, "passbook", "token", "--state", b.state)
	expired := output(t, "passbook", "token", "--state", b.state, "--ttl=-1m")
	reader := output(t, "passbook", "token", "--state", b.state, "--scope", "accounts:read")
	for _, id := range []string{openAccount, closedAccount} {
		b.must(t, "/v1/accounts", call{key: "open-" + id, token: token, body: `{"account_id":"` + id + `","owner_id":"ada","owner_name":"Ada","currency":"EUR"}`})
	}
	b.must(t, "/v1/accounts/"+closedAccount+"/close", call{key: "close", token: token, body: `{"reason":"moved"}`})
	const good = `{"amount":100,"currency":"EUR"}`
	first := b.must(t, "/v1/accounts/"+openAccount+"/deposits", call{key: "used", token: token, body: good})

	for name, c := range map[string]struct {
		call
		status int
		code   string
	}{
		"reused key, another body": {call{key: "used", body: `{"amount":101,"currency":"EUR"}`}, 422, "idempotency_key_reused"},
		"no key":                   {call{body: good}, 400, "idempotency_key_required"},
		"unknown field":            {call{body: `{"amount":100,"currency":"EUR","colour":"red"}`}, 400, "malformed_request"},
		"negative amount":          {call{body: `{"amount":-1,"currency":"EUR"}`}, 422, "amount_out_of_range"},
		"zero":                     {call{body: `{"amount":0,"currency":"EUR"}`}, 422, "amount_out_of_range"},
		"2^53":                     {call{body: `{"amount":9007199254740992,"currency":"EUR"}`}, 422, "amount_out_of_range"},
		"a fraction":               {call{body: `{"amount":12.5,"currency":"EUR"}`}, 400, "malformed_request"},
		"trailing garbage":         {call{body: good + ` and more`}, 400, "malformed_request"},
		"wrong currency":           {call{body: `{"amount":100,"currency":"USD"}`}, 422, "currency_mismatch"},
		"closed account":           {call{account: closedAccount, body: good}, 422, "account_closed"},
		"unknown account":          {call{account: unknownAccount, body: good}, 404, "not_found"},
		"stale If-Match":           {call{body: good, header: map[string]string{"If-Match": `"1"`}}, 412, "version_mismatch"},
		"no token":                 {call{body: good, token: "none"}, 401, "unauthenticated"},
		"expired token":            {call{body: good, token: expired}, 401, "unauthenticated"},
		"token of a reader":        {call{body: good, token: reader}, 403, "insufficient_scope"},
		"no JSON":                  {call{body: good, header: map[string]string{"Content-Type": "text/plain"}}, 415, "unsupported_media_type"},
		"too large":                {call{body: `{"amount":100,"currency":"EUR","reference":"` + strings.Repeat("x", 65<<10) + `"}`}, 413, "payload_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			c.call = c.filled(name, token)
			got := b.deposit(t, c.call)
			if got.status != c.status || got.body["code"] != c.code || got.body["status"] != float64(c.status) {
				t.Errorf("answer %d %v, want %d %s", got.status, got.body, c.status, c.code)
			}
			if media := got.header.Get("Content-Type"); media != "application/problem+json" {
				t.Errorf("media type %q", media)
			}
		})
	}
	again := b.must(t, "/v1/accounts/"+openAccount+"/deposits", call{key: "used", token: token, body: ` {"currency":"EUR", "amount":100}`})
	if again.header.Get("Idempotent-Replayed") != "true" || again.body["transaction_id"] != first.body["transaction_id"] {
		t.Errorf("the key again: %v", again)
	}
	b.stop()
	if report := audit(t, b.state); report.Events != 4 {
		t.Errorf("the log has %d events; refused deposits leave none", report.Events)
	}
}

// filled completes a call with what most have in common.
func (c call) filled(name, token string) call {
	if c.account == "" {
		c.account = openAccount
	}
	if c.key == "" && name != "no key" {
		c.key = strings.ReplaceAll(name, " ", "-")
	}
	switch c.token {
	case "":
		c.token = token
	case "none":
		c.token = ""
	}
	return c
}

// must sends a command that has to be accepted.
func (b *bank) must(t *testing.T, path string, c call) answer {
	t.Helper()
	a := b.post(t, path, c)
	if a.status >= 300 {
		t.Fatalf("%s answers %d %v", path, a.status, a.body)
	}
	return a
}
