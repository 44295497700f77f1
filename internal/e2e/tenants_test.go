package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// tenants is a bank, without a clearing house that would move money by itself, with two customers: Alice, who has everything a customer can have, and Mallory, who has a token of her own, knows
// all of Alice's ids and wants the rest.
type tenants struct {
	*bank
	teller, alice, mallory string // tokens
	account, own           string // Alice's, Mallory's
	hold, transfer         string // Alice's
	transaction, payment   string
	cursors                map[string]string // of pages that Alice has read
	table                  strings.Builder
}

// reply is what came back, with what cannot be the same in two answers taken out.
type reply struct {
	status int
	header http.Header
	body   string
	data   map[string]any
}

func newTenants(t *testing.T) *tenants {
	t.Helper()
	state := stateDir(t)
	c := &tenants{bank: up(t, state, "--no-clearing"), cursors: map[string]string{}}
	c.teller = output(t, "passbook", "token", "--state", state)
	c.alice = output(t, "passbook", "token", "--state", state, "--sub", "alice", "--scope", "own")
	c.mallory = output(t, "passbook", "token", "--state", state, "--sub", "mallory", "--scope", "own")
	c.account, c.own = c.open("alice", 100_000), c.open("mallory", 1_000)
	second := c.open("alice", 0)
	c.hold = c.done(c.teller, "/v1/accounts/"+c.account+"/holds", `{"amount":500,"currency":"EUR"}`)["hold_id"].(string)
	transferred := c.done(c.alice, "/v1/transfers", transferBody(c.account, second, 700))
	c.transfer, c.transaction = transferred["transfer_id"].(string), transferred["transaction_id"].(string)
	c.payment = c.done(c.alice, "/v1/payments", paymentBody(c.account, 900))["payment_id"].(string)
	caughtUp(t, c.queryURL, state)
	for name, path := range map[string]string{
		"timeline": "/v1/accounts/" + c.account + "/timeline?limit=1", "accounts": "/v1/accounts?limit=1", "all accounts": "/v1/accounts?limit=1",
	} {
		token := c.alice
		if name == "all accounts" {
			token = c.teller
		}
		page := c.send(token, http.MethodGet, path, "", nil)
		c.cursors[name], _ = page.data["next_cursor"].(string)
		if c.cursors[name] == "" {
			t.Fatalf("%s has no second page: %d %s", path, page.status, page.body)
		}
	}
	return c
}

func transferBody(source, target string, amount int) string {
	return fmt.Sprintf(`{"source_account_id":%q,"target_account_id":%q,"amount":%d,"currency":"EUR"}`, source, target, amount)
}

func paymentBody(account string, amount int) string {
	return fmt.Sprintf(`{"account_id":%q,"amount":%d,"currency":"EUR","creditor":{"name":"Shop","account":"DE02120300000000202051"}}`, account, amount)
}

func (c *tenants) open(owner string, balance int) (account string) {
	c.t.Helper()
	account = c.done(c.teller, "/v1/accounts", fmt.Sprintf(`{"owner_id":%q,"owner_name":"Owner %s","currency":"EUR"}`, owner, owner))["account_id"].(string)
	if balance > 0 {
		c.done(c.teller, "/v1/accounts/"+account+"/deposits", fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, balance))
	}
	return account
}

// done sends a command that must be accepted.
func (c *tenants) done(token, path, body string) map[string]any {
	c.t.Helper()
	r := c.send(token, http.MethodPost, path, body, nil)
	if r.status >= 300 {
		c.t.Fatalf("%s %s: %d %s", path, body, r.status, r.body)
	}
	return r.data
}

// send sends a request, a command under a key of its own unless the header has one.
func (c *tenants) send(token, method, path, body string, header http.Header) reply {
	c.t.Helper()
	base := c.queryURL
	if method != http.MethodGet {
		base = c.commandURL
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + token}, "X-Request-Id": {"same"}}
	if method != http.MethodGet {
		req.Header["Content-Type"], req.Header["Idempotency-Key"] = []string{"application/json"}, []string{uuid.NewString()}
	}
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
	_ = json.Unmarshal(text, &r.data) // an answer without JSON has no data
	return r
}

// probe is a request about something of Alice's, with ALICE in the place of an id, and what kind of id it is.
type probe struct {
	name, method, path, body string
	header                   http.Header
	id                       string
	scope                    bool // a scope is missing, whatever it is about
}

func (c *tenants) probes() []probe {
	get, post := http.MethodGet, http.MethodPost
	a := c.account
	period := "?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z"
	withdrawal, transfer, payment := `{"amount":1,"currency":"EUR"}`, transferBody("ALICE", c.own, 1), paymentBody("ALICE", 1)
	item := func(path, body string) string {
		return fmt.Sprintf(`[{"path":%q,"idempotency_key":"k-%s","body":%s}]`, path, uuid.NewString(), body)
	}
	return []probe{
		{"read the account", get, "/v1/accounts/ALICE", "", nil, a, false},
		{"read it if changed", get, "/v1/accounts/ALICE", "", http.Header{"If-None-Match": {"*"}}, a, false},
		{"read it as of a position", get, "/v1/accounts/ALICE", "", http.Header{"Passbook-Min-Position": {"1"}}, a, false},
		{"read the balance", get, "/v1/accounts/ALICE/balance", "", nil, a, false},
		{"read the balances", get, "/v1/accounts/ALICE/balances" + period, "", nil, a, false},
		{"read the timeline", get, "/v1/accounts/ALICE/timeline", "", nil, a, false},
		{"read the holds", get, "/v1/accounts/ALICE/holds", "", nil, a, false},
		{"explain the balance", get, "/v1/accounts/ALICE/explain", "", nil, a, false},
		{"read the events", get, "/v1/accounts/ALICE/events", "", nil, a, true},
		{"read the owner", get, "/v1/owners/ALICE", "", nil, "alice", false},
		{"read a hold", get, "/v1/holds/ALICE", "", nil, c.hold, false},
		{"read a transfer", get, "/v1/transfers/ALICE", "", nil, c.transfer, false},
		{"read a transaction", get, "/v1/transactions/ALICE", "", nil, c.transaction, false},
		{"read a payment", get, "/v1/payments/ALICE", "", nil, c.payment, false},
		{"withdraw", post, "/v1/accounts/ALICE/withdrawals", withdrawal, nil, a, false},
		{"withdraw, dry", post, "/v1/accounts/ALICE/withdrawals?dry_run=true", withdrawal, nil, a, false},
		{"withdraw at a version", post, "/v1/accounts/ALICE/withdrawals", withdrawal, http.Header{"If-Match": {`"99"`}}, a, false},
		{"withdraw more than there is", post, "/v1/accounts/ALICE/withdrawals", `{"amount":99999999,"currency":"EUR"}`, nil, a, false},
		{"withdraw in another currency", post, "/v1/accounts/ALICE/withdrawals", `{"amount":1,"currency":"USD"}`, nil, a, false},
		{"transfer to oneself", post, "/v1/transfers", transfer, nil, a, false},
		{"transfer to oneself, dry", post, "/v1/transfers?dry_run=true", transfer, nil, a, false},
		{"transfer from it to itself", post, "/v1/transfers", transferBody("ALICE", "ALICE", 1), nil, a, false},
		{"pay", post, "/v1/payments", payment, nil, a, false},
		{"pay, dry", post, "/v1/payments?dry_run=true", payment, nil, a, false},
		{"withdraw in a bulk", post, "/v1/bulk", item("/v1/accounts/ALICE/withdrawals", withdrawal), nil, a, false},
		{"transfer in a bulk", post, "/v1/bulk", item("/v1/transfers", transfer), nil, a, false},
		{"pay in a bulk", post, "/v1/bulk", item("/v1/payments", payment), nil, a, false},
		{"withdraw in a bulk, atomic", post, "/v1/bulk?mode=atomic", item("/v1/accounts/ALICE/withdrawals", withdrawal), nil, a, false},
		{"transfer in a bulk, dry", post, "/v1/bulk?dry_run=true", item("/v1/transfers", transfer), nil, a, false},
		{"deposit", post, "/v1/accounts/ALICE/deposits", withdrawal, nil, a, true},
		{"deposit in a bulk", post, "/v1/bulk", item("/v1/accounts/ALICE/deposits", withdrawal), nil, a, true},
		{"hold", post, "/v1/accounts/ALICE/holds", withdrawal, nil, a, true},
		{"capture a hold", post, "/v1/holds/ALICE/capture", "", nil, c.hold, true},
		{"release a hold", post, "/v1/holds/ALICE/release", "", nil, c.hold, true},
		{"reverse", post, "/v1/transactions/ALICE/reversals", `{"reason":"mine"}`, nil, c.transaction, true},
		{"cancel a payment", post, "/v1/payments/ALICE/cancel", `{"reason":"mine"}`, nil, c.payment, true},
		{"freeze", post, "/v1/accounts/ALICE/freeze", `{"reason":"mine"}`, nil, a, true},
		{"raise the limit", http.MethodPatch, "/v1/accounts/ALICE", `{"overdraft_limit":100000}`, nil, a, true},
	}
}

// TestAnotherTenantsThingsDoNotExist: whatever Mallory asks about Alice's, she is told, to the byte, what she is told about things that
// never were, and no money moves.
func TestAnotherTenantsThingsDoNotExist(t *testing.T) {
	t.Parallel()
	c := newTenants(t)
	before := c.send(c.alice, http.MethodGet, "/v1/accounts/"+c.account, "", nil)
	for _, p := range c.probes() {
		c.try(p)
	}
	c.lists()
	c.keys()
	c.times()
	t.Logf("\n%s", c.table.String())
	caughtUp(t, c.queryURL, c.state)
	if after := c.send(c.alice, http.MethodGet, "/v1/accounts/"+c.account, "", nil); after.body != before.body {
		t.Errorf("Alice's account was\n%s\nand is\n%s", before.body, after.body)
	}
	c.stop()
	audit(t, c.state)
}

// try sends the probe about Alice's thing and about one that never was, and compares all that is told.
func (c *tenants) try(p probe) {
	c.t.Helper()
	ask := func(id string) reply {
		return c.send(c.mallory, p.method, strings.ReplaceAll(p.path, "ALICE", id), strings.ReplaceAll(p.body, "ALICE", id), p.header)
	}
	never := uuid.NewString()
	hers, nothing := ask(p.id), ask(never)
	fmt.Fprintf(&c.table, "%-32s %s %-52s Alice's: %d, never was: %d\n", p.name, p.method, p.path, hers.status, nothing.status)
	same := strings.ReplaceAll(hers.body, p.id, "ID") == strings.ReplaceAll(nothing.body, never, "ID")
	if hers.status != nothing.status || !same || !slices.Equal(names(hers.header), names(nothing.header)) {
		c.t.Errorf("%s: Alice's is answered\n%d %v %s\nand what never was\n%d %v %s", p.name, hers.status, names(hers.header), hers.body, nothing.status, names(nothing.header), nothing.body)
	}
	inBulk := strings.HasPrefix(p.path, "/v1/bulk") && hers.status == http.StatusOK
	if want := map[bool]int{false: http.StatusNotFound, true: http.StatusForbidden}[p.scope]; hers.status != want && !inBulk {
		c.t.Errorf("%s: %d, want %d", p.name, hers.status, want)
	}
	if inBulk && !strings.Contains(hers.body, `"status":404`) && !strings.Contains(hers.body, `"status":403`) {
		c.t.Errorf("%s: %s", p.name, hers.body)
	}
}

func names(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }

// lists asks lists for Alice's, and goes on where others were.
func (c *tenants) lists() {
	c.t.Helper()
	for name, ask := range map[string]struct {
		path   string
		status int
	}{
		"list her accounts":                 {"/v1/accounts?owner_id=alice", 200},
		"list all accounts":                 {"/v1/accounts?limit=200", 200},
		"list all owners":                   {"/v1/owners", 200},
		"look for her by name":              {"/v1/owners?q=alice", 200},
		"list her payments":                 {"/v1/payments?account_id=" + c.account, 200},
		"go on where Alice was":             {"/v1/accounts?limit=1&cursor=" + c.cursors["accounts"], 400},
		"go on where a teller was":          {"/v1/accounts?limit=1&cursor=" + c.cursors["all accounts"], 400},
		"go on in her timeline":             {"/v1/accounts/" + c.account + "/timeline?limit=1&cursor=" + c.cursors["timeline"], 404},
		"her cursor on one's own timeline":  {"/v1/accounts/" + c.own + "/timeline?limit=1&cursor=" + c.cursors["timeline"], 400},
		"her cursor, changed in one letter": {"/v1/accounts?limit=1&cursor=B" + c.cursors["accounts"][1:], 400},
	} {
		r := c.send(c.mallory, http.MethodGet, ask.path, "", nil)
		fmt.Fprintf(&c.table, "%-32s GET %-52.52s %d\n", name, ask.path, r.status)
		if r.status != ask.status && !strings.Contains(ask.path, "owner_id=alice") && !strings.Contains(ask.path, "account_id=") {
			c.t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		for _, secret := range []string{"Owner alice", c.payment, `"account_id":"` + c.account} {
			if strings.Contains(r.body, secret) {
				c.t.Errorf("%s: %s", name, r.body)
			}
		}
	}
}

// keys uses Alice's idempotency key: a key is its caller's, so Mallory neither gets Alice's answer nor learns that there is one.
func (c *tenants) keys() {
	c.t.Helper()
	key := http.Header{"Idempotency-Key": {"alices-key"}}
	hers, refused := "/v1/accounts/"+c.account+"/withdrawals", `{"amount":999999999,"currency":"EUR"}`
	if r := c.send(c.alice, http.MethodPost, hers, refused, key); r.status != http.StatusUnprocessableEntity { // which is stored
		c.t.Fatalf("Alice's own: %d %s", r.status, r.body)
	}
	for _, ask := range []struct {
		name, path, body string
		status           int
	}{
		{"one's own request under her key", "/v1/accounts/" + c.own + "/withdrawals", `{"amount":1,"currency":"EUR"}`, http.StatusCreated},
		{"another one under it", "/v1/accounts/" + c.own + "/withdrawals", `{"amount":2,"currency":"EUR"}`, http.StatusUnprocessableEntity},
		{"her request under her key", hers, refused, http.StatusUnprocessableEntity},
	} {
		r := c.send(c.mallory, http.MethodPost, ask.path, ask.body, key)
		fmt.Fprintf(&c.table, "%-32s POST %-51.51s %d %v\n", ask.name, ask.path, r.status, r.data["code"])
		if r.status != ask.status || r.header.Get("Idempotent-Replayed") != "" || r.status == http.StatusUnprocessableEntity && r.data["code"] != "idempotency_key_reused" {
			c.t.Errorf("%s: %d %s", ask.name, r.status, r.body)
		}
	}
	fresh := http.Header{"Idempotency-Key": {"alices-other-key"}}
	c.send(c.alice, http.MethodPost, hers, refused, fresh)
	if r := c.send(c.mallory, http.MethodPost, hers, refused, fresh); r.status != http.StatusNotFound {
		c.t.Errorf("Alice's request under Alice's key: %d %s", r.status, r.body)
	}
}

// times says how long answers take about what is another's and about what never was.
func (c *tenants) times() {
	c.t.Helper()
	median := func(path func() string) time.Duration {
		var took []time.Duration
		for range 101 {
			at, began := path(), time.Now()
			if r := c.send(c.mallory, http.MethodGet, at, "", nil); r.status != http.StatusNotFound {
				c.t.Fatalf("%s: %d", at, r.status)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	for _, kind := range []string{"/v1/accounts/%s", "/v1/accounts/%s/timeline"} {
		hers := median(func() string { return fmt.Sprintf(kind, c.account) })
		nothing := median(func() string { return fmt.Sprintf(kind, uuid.NewString()) })
		fmt.Fprintf(&c.table, "GET %-28s median Alice's %v, never was %v\n", kind, hers, nothing)
	}
}
