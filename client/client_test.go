package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"passbook/client"
)

var account = uuid.MustParse("01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10")

const accepted = `{"account_id":"01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10","transaction_id":"01980a53-11aa-7000-8000-5d7c1f9b0e21",
	"version":17,"position":1250,"balance":12550,"available":62550,"currency":"EUR","recorded_at":"2026-11-21T09:31:00.5Z","unknown":1}`

// step is what the bank does with one request: answer, or break the connection (status 0).
type step struct {
	status int
	header map[string]string
	body   string
}

func problem(status int, code string, retryable bool, header ...string) step {
	body, _ := json.Marshal(map[string]any{"status": status, "code": code, "retryable": retryable, "detail": "for a test"})
	s := step{status: status, body: string(body), header: map[string]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		s.header[header[i]] = header[i+1]
	}
	return s
}

func ok(header ...string) step {
	s := problem(201, "", false, header...)
	s.body = accepted
	return s
}

// script is a bank without a network, so that time can be a bubble's: it plays its steps and notes what it was asked.
type script struct {
	mu    sync.Mutex
	steps []step
	seen  []*http.Request
	body  []string
	at    []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.seen, s.body, s.at = append(s.seen, r), append(s.body, string(body)), append(s.at, time.Now())
	next := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:] // the last one repeats
	}
	if next.status == 0 {
		return nil, errors.New("connection reset by peer")
	}
	answer := httptest.NewRecorder()
	for name, value := range next.header {
		answer.Header().Set(name, value)
	}
	answer.WriteHeader(next.status)
	answer.Body.WriteString(next.body)
	return answer.Result(), nil
}

func (s *script) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{
		CommandURL: "http://command/", QueryURL: "http://query", Token: client.StaticToken("secret"), HTTP: &http.Client{Transport: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *script) deposit(t *testing.T, options ...client.Option) (client.CommandResult, error) {
	t.Helper()
	return s.client(t).Deposit(t.Context(), "key-1", account, deposit, options...)
}

var deposit = client.Deposit{
	Amount: 12550, Currency: "EUR", Reference: "R", EffectiveAt: time.Date(1993, 1, 3, 0, 0, 0, 0, time.UTC), Source: "cash",
}

func TestCommand(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{ok("Idempotent-Replayed", "true", "X-Request-Id", "req-1", "ETag", `"17"`, "Passbook-Position", "1250")}}
	var receipt client.Receipt
	got, err := bank.deposit(t, client.WithReceipt(&receipt), client.IfVersion(16), client.RequestID("req-1"))
	if err != nil {
		t.Fatal(err)
	}
	if got.AccountID != account || got.Balance != 12550 || got.Position != 1250 || got.Version != 17 {
		t.Errorf("got %+v", got)
	}
	if want := (client.Receipt{Status: 201, RequestID: "req-1", Tries: 1, Replayed: true, Version: 17, Position: 1250}); receipt != want {
		t.Errorf("receipt %+v", receipt)
	}
	r := bank.seen[0]
	if r.Method != "POST" || r.URL.String() != "http://command/v1/accounts/"+account.String()+"/deposits" {
		t.Errorf("asked %s %s", r.Method, r.URL)
	}
	if r.Header.Get("Idempotency-Key") != "key-1" || r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Content-Type") != "application/json" ||
		r.Header.Get("If-Match") != `"16"` || r.Header.Get("X-Request-Id") != "req-1" {
		t.Errorf("header %v", r.Header)
	}
	want := `{"amount":12550,"currency":"EUR","effective_at":"1993-01-03T00:00:00Z","reference":"R","source":"cash"}`
	if bank.body[0] != want {
		t.Errorf("body\n got  %s\n want %s", bank.body[0], want)
	}
}

func TestRetriesUnderTheSameKeyUntilAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := &script{steps: []step{
			{status: 0}, problem(503, "overloaded", true), problem(500, "internal_error", true),
			problem(429, "rate_limited", true), problem(409, "idempotency_in_progress", true), problem(504, "timeout", true),
			{status: 502, body: "<html>bad gateway</html>"}, ok(),
		}}
		if _, err := bank.deposit(t); err != nil {
			t.Fatal(err)
		}
		if len(bank.seen) != 8 {
			t.Fatalf("%d tries, want 8", len(bank.seen))
		}
		for i, r := range bank.seen {
			if r.Header.Get("Idempotency-Key") != "key-1" || bank.body[i] != bank.body[0] {
				t.Errorf("try %d: another request: %v %s", i+1, r.Header, bank.body[i])
			}
		}
	})
}

func TestRefusalsAreNotRetried(t *testing.T) {
	t.Parallel()
	for _, refusal := range []step{
		problem(400, "malformed_request", false), problem(401, "unauthenticated", false), problem(404, "not_found", false),
		problem(409, "account_exists", false), problem(412, "version_mismatch", false), problem(422, "insufficient_funds", false),
	} {
		bank := &script{steps: []step{refusal}}
		_, err := bank.deposit(t)
		got := &client.Problem{}
		if !errors.As(err, &got) || got.Status != refusal.status || got.Detail != "for a test" {
			t.Errorf("%d: got %v", refusal.status, err)
		}
		if len(bank.seen) != 1 {
			t.Errorf("%d: %d tries", refusal.status, len(bank.seen))
		}
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		refusal     step
		least, most time.Duration // of the wait before the second try
	}{
		"Retry-After in seconds":      {problem(503, "overloaded", true, "Retry-After", "3"), 3 * time.Second, 3 * time.Second},
		"Retry-After beyond the cap":  {problem(503, "overloaded", true, "Retry-After", "3600"), 5 * time.Second, 5 * time.Second},
		"Retry-After at once":         {problem(503, "overloaded", true, "Retry-After", "0"), 50 * time.Millisecond, 50 * time.Millisecond},
		"Retry-After as a date":       {problem(503, "overloaded", true, "Retry-After", "Sat, 01 Jan 2000 00:00:02 GMT"), 2 * time.Second, 2 * time.Second},
		"Retry-After that is nothing": {problem(503, "overloaded", true, "Retry-After", "soon"), 25 * time.Millisecond, 50 * time.Millisecond},
		"no Retry-After":              {problem(503, "overloaded", true), 25 * time.Millisecond, 50 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // a bubble begins at midnight of 2000-01-01, UTC
				bank := &script{steps: []step{tt.refusal, ok()}}
				if _, err := bank.deposit(t); err != nil {
					t.Fatal(err)
				}
				if wait := bank.at[1].Sub(bank.at[0]); wait < tt.least || wait > tt.most {
					t.Errorf("waited %v, want %v to %v", wait, tt.least, tt.most)
				}
			})
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := &script{steps: []step{{status: 0}}}
		began := time.Now()
		_, err := bank.deposit(t)
		if !errors.Is(err, client.ErrPatience) || !strings.Contains(err.Error(), "connection reset") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took < 110*time.Second || took > 2*time.Minute {
			t.Errorf("gave up after %v", took)
		}
		if len(bank.seen) > 60 {
			t.Errorf("%d tries in two minutes", len(bank.seen))
		}
	})
}

func TestContextEndsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := &script{steps: []step{problem(503, "overloaded", true, "Retry-After", "5")}}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		_, err := bank.client(t).Deposit(ctx, "k", account, deposit)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReadsIncludeOwnWrites(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{
		{status: 200, body: `{}`}, ok("Passbook-Position", "1250"), ok("Passbook-Position", "9"),
		problem(409, "read_model_stale", true, "Retry-After", "0"), {status: 200, body: `{"balance":12550,"status":"open"}`},
	}}
	c := bank.client(t)
	if _, err := c.GetAccount(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is answered with an older position, as a replay is
		if _, err := c.Deposit(t.Context(), "k", account, deposit); err != nil {
			t.Fatal(err)
		}
	}
	view, err := c.GetAccount(t.Context(), account)
	if err != nil || view.Balance != 12550 || view.Status != "open" {
		t.Fatalf("got %+v, error %v", view, err)
	}
	var demanded []string
	for _, r := range bank.seen {
		demanded = append(demanded, r.Header.Get("Passbook-Min-Position"))
	}
	if want := []string{"", "", "", "1250", "1250"}; !slices.Equal(demanded, want) {
		t.Errorf("demanded %q, want %q", demanded, want)
	}
	if bank.seen[3].Header.Get("Prefer") != "wait=10" {
		t.Errorf("Prefer: %q", bank.seen[3].Header.Get("Prefer"))
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		answer step
		want   string
	}{
		{step{status: 422, body: `{"code":"insufficient_funds","status":200,"detail":"2500 requested","request_id":"r",
			"errors":[{"pointer":"/amount","detail":"exceeds"}]}`}, "422 insufficient_funds: 2500 requested; /amount exceeds (request r)"},
		{step{status: 404, body: "<html>\n not   here</html>"}, "404 Not Found: <html> not here</html>"},
		{step{status: 403, body: strings.Repeat("é", 500)}, "403 Forbidden: " + strings.Repeat("é", 200) + "…"},
	}
	for _, tt := range tests {
		bank := &script{steps: []step{tt.answer}}
		_, err := bank.deposit(t)
		got := &client.Problem{}
		if !errors.As(err, &got) || !strings.HasPrefix(got.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// An answer that cannot be read is no reason to ask again.
func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{{status: 201, body: "no json"}}}
	if _, err := bank.deposit(t); err == nil || !strings.Contains(err.Error(), "unreadable answer with status 201") || len(bank.seen) != 1 {
		t.Errorf("%v after %d requests", err, len(bank.seen))
	}
}
