package importer_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeBank speaks as much of the two interfaces as an import needs, from memory: idempotency keys, one limit rule, and
// day-end balances by value date.
type fakeBank struct {
	t *testing.T
	*httptest.Server

	mu       sync.Mutex
	accounts map[string]*fakeAccount
	answers  map[string]answer // by idempotency key
	log      []entry
	requests int
	inflight map[string]bool

	// before, when set, may answer in the bank's place (and then returns true), or break the connection.
	before func(w http.ResponseWriter, r *http.Request, request int) bool
	// after, when set, runs when the command stands, before it is answered.
	after func(request int)
	// series, when set, falsifies the day-end balances of an account.
	series func(days []map[string]any) []map[string]any
	// currency is what the day-end balances are said to be in.
	currency string
}

type fakeAccount struct {
	opened  string // the body it was opened with
	balance int64
	limit   int64
	days    map[string]int64
}

// entry is one command that stands.
type entry struct {
	path string
	key  string
	body map[string]any
}

type answer struct {
	status int
	body   string
}

func newFakeBank(t *testing.T) *fakeBank {
	t.Helper()
	b := &fakeBank{t: t, accounts: map[string]*fakeAccount{}, answers: map[string]answer{}, inflight: map[string]bool{}, currency: "CZK"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/accounts", b.open)
	mux.HandleFunc("POST /v1/accounts/{id}/{what}", b.move)
	mux.HandleFunc("GET /v1/accounts/{id}/balances", b.balances)
	b.Server = httptest.NewServer(b.guard(mux))
	t.Cleanup(b.Close)
	return b
}

// guard counts requests, fails the test when two run on one account at once, and lets before do its mischief.
func (b *fakeBank) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" {
			refuse(w, 401, "unauthenticated")
			return
		}
		b.mu.Lock()
		b.requests++
		request, path, before := b.requests, strings.TrimSuffix(r.URL.Path, "/balances"), b.before
		if b.inflight[path] && strings.Count(path, "/") > 2 {
			b.t.Errorf("two requests at once on %s", path)
		}
		b.inflight[path] = true
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.inflight, path)
		}()
		if before == nil || !before(w, r, request) {
			next.ServeHTTP(w, r)
		}
	})
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"status":%d,"code":%q,"detail":"refused for a test"}`, status, code)
}

func (b *fakeBank) open(w http.ResponseWriter, r *http.Request) {
	b.command(w, r, func(body map[string]any, raw string) answer {
		id := body["account_id"].(string)
		if a := b.accounts[id]; a != nil && a.opened != raw {
			return answer{409, `{"status":409,"code":"account_exists","detail":"opened before with other content"}`}
		}
		limit, _ := body["overdraft_limit"].(float64)
		b.accounts[id] = &fakeAccount{opened: raw, limit: int64(limit), days: map[string]int64{}}
		return b.stand(r, id, body, 0)
	})
}

func (b *fakeBank) move(w http.ResponseWriter, r *http.Request) {
	b.command(w, r, func(body map[string]any, _ string) answer {
		a := b.accounts[r.PathValue("id")]
		if a == nil {
			return answer{404, `{"status":404,"code":"not_found"}`}
		}
		amount := int64(body["amount"].(float64))
		switch r.PathValue("what") {
		case "withdrawals":
			if a.balance+a.limit < amount {
				return answer{422, `{"status":422,"code":"insufficient_funds","detail":"too much"}`}
			}
			amount = -amount
		case "fees":
			amount = -amount
		}
		a.balance += amount
		day, err := time.Parse(time.RFC3339, body["effective_at"].(string))
		if err != nil {
			b.t.Errorf("effective_at: %v", err)
		}
		a.days[day.Format(time.DateOnly)] = a.balance
		return b.stand(r, r.PathValue("id"), body, a.balance)
	})
}

// command gives the stored answer to a known key, and otherwise lets decide make one; only 2xx and 422 are stored.
func (b *fakeBank) command(w http.ResponseWriter, r *http.Request, decide func(map[string]any, string) answer) {
	var raw json.RawMessage
	body := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
		b.t.Errorf("body: %v", err)
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		b.t.Errorf("body: %v", err)
	}
	key := r.Header.Get("Idempotency-Key")
	b.mu.Lock()
	given, replayed := b.answers[key]
	if !replayed {
		given = decide(body, string(raw))
		if given.status/100 == 2 || given.status == 422 {
			b.answers[key] = given
		}
	}
	after, request, position := b.after, b.requests, len(b.log)
	b.mu.Unlock()
	if after != nil {
		after(request)
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.Header().Set("Passbook-Position", strconv.Itoa(position))
	w.WriteHeader(given.status)
	fmt.Fprint(w, given.body)
}

func (b *fakeBank) stand(r *http.Request, id string, body map[string]any, balance int64) answer {
	b.log = append(b.log, entry{strings.TrimPrefix(r.URL.Path, "/v1/accounts"), r.Header.Get("Idempotency-Key"), body})
	return answer{201, fmt.Sprintf(`{"account_id":%q,"position":%d,"balance":%d}`, id, len(b.log), balance)}
}

func (b *fakeBank) balances(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := strconv.Itoa(len(b.log)); len(b.log) > 0 && r.Header.Get("Passbook-Min-Position") != want {
		b.t.Errorf("a read demands position %q, the last command's is %s", r.Header.Get("Passbook-Min-Position"), want)
	}
	a := b.accounts[r.PathValue("id")]
	if a == nil {
		refuse(w, 404, "not_found")
		return
	}
	from, to := b.day(r, "from"), b.day(r, "to")
	var balance int64
	for _, day := range slices.Sorted(maps.Keys(a.days)) {
		if day < from.Format(time.DateOnly) {
			balance = a.days[day]
		}
	}
	var days []map[string]any
	for ; from.Before(to); from = from.AddDate(0, 0, 1) {
		if known, ok := a.days[from.Format(time.DateOnly)]; ok {
			balance = known
		}
		days = append(days, map[string]any{"date": from.Format(time.DateOnly), "balance": balance})
	}
	if b.series != nil {
		days = b.series(days)
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"currency": b.currency, "basis": "effective", "data": days}); err != nil {
		b.t.Error(err)
	}
}

func (b *fakeBank) day(r *http.Request, name string) time.Time {
	day, err := time.Parse(time.DateOnly, r.URL.Query().Get(name))
	if err != nil {
		b.t.Errorf("%s: %v", name, err)
	}
	return day
}

// change alters what the bank does, between or during imports.
func (b *fakeBank) change(alter func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	alter()
}

// keys lists the idempotency keys of what stands, in the order in which it came to stand.
func (b *fakeBank) keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := make([]string, len(b.log))
	for i, e := range b.log {
		keys[i] = e.key
	}
	return keys
}
