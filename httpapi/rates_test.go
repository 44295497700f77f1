package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/httpapi/ratelimit"
)

// limitedDoors are both APIs with limits of rates: bursts, and next to nothing after them.
func limitedDoors(t *testing.T, r httpapi.Rates, more ...func(*httpapi.Config)) (command, query door) {
	t.Helper()
	commands, queries := httpapitest.New(t, api.Command), httpapitest.New(t, api.Query)
	cfg := commands.Config()
	cfg.Rates = r
	for _, configure := range more {
		configure(&cfg)
	}
	commandServer, err := commandapi.New(cfg, commandapi.Limits{}, closedBank{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg = queries.Config()
	cfg.Rates = r
	for _, configure := range more {
		configure(&cfg)
	}
	queryServer, err := queryapi.New(cfg, emptyBooks{}, queryapi.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	return door{commands, commandServer}, door{queries, queryServer}
}

func refusedBy(t *testing.T, answer *httpapitest.Response, limit string) {
	t.Helper()
	if answer.Status != 429 || answer.Problem.Code != "rate_limited" || answer.Problem.Context["limit"] != limit || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s; want a refusal by %s", answer.Status, answer.Header, answer.Body, limit)
	}
}

// told is a header as a client reads it, whatever the case of its name.
func told(w *httptest.ResponseRecorder, name string) string {
	for given, values := range w.Header() {
		if strings.EqualFold(given, name) {
			return values[0]
		}
	}
	return ""
}

func TestACallerHasARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := tinyServer(t, options{rates: httpapi.Rates{Subject: ratelimit.Policy{PerSecond: 2, Burst: 3}}}, fine)
		for i := range 3 {
			w := call(s, "GET", "/v1/projections")
			if want := fmt.Sprintf(`"rate_per_subject";r=%d;t=%d`, 2-i, i/2+1); w.Code != 200 || told(w, "RateLimit") != want {
				t.Errorf("request %d: %d %v, want %s", i, w.Code, w.Header(), want)
			}
		}
		w := call(s, "GET", "/v1/projections")
		if problemOf(t, w) != "rate_limited" || w.Header().Get("Retry-After") != "1" || told(w, "RateLimit-Policy") != `"rate_per_subject";q=3;w=2` {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		<-time.After(500 * time.Millisecond)
		if w := call(s, "GET", "/v1/projections"); w.Code != 200 {
			t.Errorf("half a second later: %d", w.Code)
		}
	})
}

func TestRatesAreOfTheCallerWhateverItAsks(t *testing.T) {
	t.Parallel()
	_, query := limitedDoors(t, httpapi.Rates{Subject: ratelimit.Policy{PerSecond: 1, Burst: 1000}})
	one, other := query.Token(t, "one", auth.AccountsRead), query.Token(t, "other", auth.AccountsRead)
	statuses := map[int]int{}
	for i := range 1500 {
		paths := []string{"/v1/accounts", "/v1/accounts/" + uuid.NewString(), "/v1/projections", "/v1/accounts?nonsense=1", "/v1/accounts/" + uuid.NewString() + "/events"}
		answer := query.Do(t, query.server, httpapitest.Request{Method: "GET", Path: paths[i%len(paths)], Token: one})
		statuses[answer.Status]++
	}
	if statuses[429] < 300 || statuses[403] == 0 || statuses[400] == 0 {
		t.Errorf("%v: want 1000 let in, refused for other reasons among them", statuses)
	}
	refusedBy(t, query.Do(t, query.server, httpapitest.Request{Method: "GET", Path: "/v1/accounts", Token: query.Token(t, "one", auth.AccountsRead, auth.Operations)}), "rate_per_subject")
	if answer := query.Do(t, query.server, httpapitest.Request{Method: "GET", Path: "/v1/accounts", Token: other}); answer.Status != 200 {
		t.Errorf("another caller: %d", answer.Status)
	}
	if answer := query.Do(t, query.server, httpapitest.Request{Method: "GET", Path: "/openapi.json", Token: one}); answer.Status != 200 {
		t.Errorf("a public route: %d", answer.Status)
	}
}

func TestAnAccountHasARate(t *testing.T) {
	t.Parallel()
	command, query := limitedDoors(t, httpapi.Rates{Account: ratelimit.Policy{PerSecond: 1, Burst: 20}})
	account := uuid.NewString()
	transfer := fmt.Sprintf(`{"source_account_id": %q, "target_account_id": %q, "amount": 1, "currency": "EUR"}`, account, uuid.NewString())
	for name, c := range map[string]struct {
		door
		request httpapitest.Request
		scope   auth.Scope
	}{
		"reads":     {query, httpapitest.Request{Method: "GET", Path: "/v1/accounts/" + account + "/timeline"}, auth.AccountsRead},
		"transfers": {command, httpapitest.Request{Method: "POST", Path: "/v1/transfers", Body: transfer}, auth.AccountsWrite},
	} {
		t.Run(name, func(t *testing.T) {
			var refused *httpapitest.Response
			for i := range 40 { // by many callers
				c.request.Token = c.Token(t, fmt.Sprint("caller-", i), c.scope)
				c.request.Header = map[string]string{"Idempotency-Key": fmt.Sprint("key-", i)}
				if answer := c.Do(t, c.server, c.request); answer.Status == 429 {
					refused = answer
				}
			}
			if refused == nil {
				t.Fatal("forty were let in")
			}
			refusedBy(t, refused, "rate_per_account")
			if header := refused.Header.Get("RateLimit"); !strings.HasPrefix(header, `"rate_per_account";r=0;t=`) {
				t.Errorf("RateLimit: %s", header)
			}
		})
	}
	read := httpapitest.Request{Method: "GET", Path: "/v1/accounts/" + account, Token: query.Token(t, "customer", auth.Own)}
	if answer := query.Do(t, query.server, read); answer.Status != 404 {
		t.Errorf("a caller bound to its own accounts shares the rate of others: %d", answer.Status)
	}
	commands := httpapitest.Request{
		Method: "POST", Path: "/v1/accounts/" + account + "/deposits", Token: command.Token(t, "teller", auth.AccountsWrite), Body: `{"amount": 1, "currency": "EUR"}`,
	}
	refusedBy(t, command.Do(t, command.server, commands), "rate_per_account")
	commands.Path = "/v1/accounts/" + uuid.NewString() + "/deposits"
	if answer := command.Do(t, command.server, commands); answer.Status == 429 {
		t.Error("another account has no rate of its own")
	}
}

// A caller must not use up the rate of an account that it may not see.
func TestStrangersDoNotUseUpAnAccountsRate(t *testing.T) {
	t.Parallel()
	_, query := limitedDoors(t, httpapi.Rates{Account: ratelimit.Policy{PerSecond: 1, Burst: 5}})
	path := "/v1/accounts/" + uuid.NewString()
	stranger := query.Token(t, "stranger", auth.Own)
	last := 0
	for range 20 {
		last = query.Do(t, query.server, httpapitest.Request{Method: "GET", Path: path, Token: stranger}).Status
	}
	if last != 429 {
		t.Errorf("the stranger: %d", last)
	}
	for _, token := range []string{query.Token(t, "owner", auth.Own), query.Token(t, "teller", auth.AccountsRead)} {
		if answer := query.Do(t, query.server, httpapitest.Request{Method: "GET", Path: path, Token: token}); answer.Status != 404 {
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
	}
}

func TestItemsOfABulkCount(t *testing.T) {
	t.Parallel()
	command, _ := limitedDoors(t, httpapi.Rates{Subject: ratelimit.Policy{PerSecond: 1, Burst: 100}})
	token := command.Token(t, "payroll", auth.AccountsWrite)
	item := `{"path": "/v1/accounts/` + uuid.NewString() + `/deposits", "body": {"amount": 1}}`
	bulk := httpapitest.Request{
		Method: "POST", Path: "/v1/bulk?mode=atomic", Token: token, Header: map[string]string{"Idempotency-Key": "b"},
		Body: "[" + strings.Repeat(item+",", 149) + item + "]",
	}
	if answer := command.Do(t, command.server, bulk); answer.Status == 429 {
		t.Fatalf("what is larger than the burst is never let in: %s", answer.Body)
	}
	answer := command.Do(t, command.server, bulk)
	refusedBy(t, answer, "rate_per_subject")
	if wait := answer.Problem.Context["retry_after_seconds"].(float64); wait < 49 || wait > 51 {
		t.Errorf("150 items of a burst of 100 are paid for in %v seconds", wait)
	}
}

func TestItemsOfABulkCountForTheirAccounts(t *testing.T) {
	t.Parallel()
	command, _ := limitedDoors(t, httpapi.Rates{Account: ratelimit.Policy{PerSecond: 1, Burst: 10}})
	item := `{"path": "/v1/accounts/` + uuid.NewString() + `/deposits", "body": {"amount": 1, "currency": "EUR"}}`
	bulk := httpapitest.Request{
		Method: "POST", Path: "/v1/bulk?mode=atomic", Token: command.Token(t, "payroll", auth.AccountsWrite), Header: map[string]string{"Idempotency-Key": "b"},
		Body: "[" + strings.Repeat(item+",", 29) + item + "]",
	}
	answer := command.Do(t, command.server, bulk)
	if answer.Status != 429 || answer.Problem.Context["failed_index"].(float64) < 10 {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
}

func TestWithoutRatesNothingIsTold(t *testing.T) {
	t.Parallel()
	w := call(tinyServer(t, options{}, fine), "GET", "/v1/projections")
	if w.Code != http.StatusOK || told(w, "RateLimit")+told(w, "RateLimit-Policy") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// Whoever tries tokens from an address gets no further than a rate; those who are known, and other addresses, do.
func TestStrangersHaveARatePerAddress(t *testing.T) {
	t.Parallel()
	const burst = 5
	for name, c := range map[string]struct{ address, neighbour, elsewhere string }{
		"IPv4": {"203.0.113.7:1", "203.0.113.7:2", "203.0.113.8:1"},
		"IPv6": {"[2001:db8:1:2::7]:1", "[2001:db8:1:2:ffff::1]:1", "[2001:db8:1:3::7]:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, query := limitedDoors(t, httpapi.Rates{Address: ratelimit.Policy{PerSecond: 1, Burst: burst}})
			from := func(address, token string) *httpapitest.Response {
				r := httptest.NewRequest(http.MethodGet, "/v1/accounts", nil)
				if r.RemoteAddr = address; token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				return query.Send(t, query.server, r)
			}
			known := query.Token(t, "known", auth.AccountsRead)
			if answer := from(c.address, known); answer.Status != 200 {
				t.Fatalf("%d %s", answer.Status, answer.Body)
			}
			statuses := map[int]int{}
			for i := range 40 {
				tried := ""
				if i%2 == 0 {
					tried = fmt.Sprintf("%s%d", known, i) // its signature is another
				}
				statuses[from(c.address, tried).Status]++
			}
			if statuses[401] < burst-1 || statuses[429] < 20 || len(statuses) != 2 {
				t.Errorf("%v", statuses)
			}
			fresh := query.Token(t, "new", auth.AccountsRead)
			refusedBy(t, from(c.neighbour, fresh), "rate_per_address")
			refusedBy(t, from(c.address, ""), "rate_per_address")
			for address, token := range map[string]string{c.address: known, c.neighbour: known, c.elsewhere: fresh} {
				if answer := from(address, token); answer.Status != 200 {
					t.Errorf("from %s: %d %s", address, answer.Status, answer.Body)
				}
			}
		})
	}
}
