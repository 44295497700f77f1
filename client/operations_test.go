package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"passbook/client"
)

func TestNewRefusesAddresses(t *testing.T) {
	t.Parallel()
	for _, o := range []client.Options{
		{}, {QueryURL: "/x"}, {CommandURL: "localhost:8080"}, {CommandURL: "ftp://x"}, {CommandURL: "http://x", QueryURL: "x"},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	c, err := client.New(client.Options{CommandURL: "http://x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetAccount(t.Context(), account); err == nil {
		t.Error("a read without an address of the query API succeeded")
	}
	if _, err := c.Deposit(t.Context(), "", account, deposit); err == nil || !strings.Contains(err.Error(), "NewKey") {
		t.Errorf("a command without a key: %v", err)
	}
}

// A token is asked for again with each try; without one nothing is sent.
func TestTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank, tokens := &script{steps: []step{problem(503, "overloaded", true), ok()}}, []string{"first", "second"}
		source := func(context.Context) (string, error) {
			if len(tokens) == 0 {
				return "", errors.New("no more tokens")
			}
			token := tokens[0]
			tokens = tokens[1:]
			return token, nil
		}
		c, err := client.New(client.Options{CommandURL: "http://command", Token: source, HTTP: &http.Client{Transport: bank}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Deposit(t.Context(), "k", account, deposit); err != nil || bank.seen[0].Header.Get("Authorization") != "Bearer first" || bank.seen[1].Header.Get("Authorization") != "Bearer second" {
			t.Errorf("%v", err)
		}
		if _, err := c.Deposit(t.Context(), "k", account, deposit); err == nil || !strings.Contains(err.Error(), "no more tokens") || len(bank.seen) != 2 {
			t.Errorf("%v", err)
		}
	})
}

// Without patience a request is sent once.
func TestNoPatience(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{problem(503, "overloaded", true)}}
	c, err := client.New(client.Options{CommandURL: "http://command", Retry: client.Retry{Patience: -1}, HTTP: &http.Client{Transport: bank}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Deposit(t.Context(), "k", account, deposit); !client.IsCode(err, client.ErrorCodeOverloaded) || len(bank.seen) != 1 {
		t.Errorf("%v after %d requests", err, len(bank.seen))
	}
}

// A command that waits for a second person has no result, by itself and in a bulk; a payment that is under way has.
func TestPendingApproval(t *testing.T) {
	t.Parallel()
	const pending = `{"status":"pending_approval","approval_id":"01980a58-20c1-7d10-9b1e-0f2a3c4d5e6f","amount":5,"currency":"EUR"}`
	bank := &script{steps: []step{
		{status: 202, header: map[string]string{"Passbook-Position": "1251"}, body: pending},
		{status: 200, body: `{"data":[{"index":0,"status":202,"body":` + pending + `}]}`},
		{status: 202, body: `{"status":"requested","payment_id":"01980a58-20c1-7d10-9b1e-0f2a3c4d5e6f"}`},
	}}
	c := bank.client(t)
	_, err := c.Deposit(t.Context(), "k", account, deposit)
	var waits *client.PendingApproval
	if !errors.As(err, &waits) || waits.ApprovalID == uuid.Nil || c.Position() != 1251 {
		t.Errorf("deposit: %v", err)
	}
	results, err := c.Bulk(t.Context(), "b", items(1))
	if err != nil || len(results) != 1 || !errors.As(results[0].Into(new(client.CommandResult)), &waits) {
		t.Errorf("bulk: %+v, %v", results, err)
	}
	if p, err := c.RequestPayment(t.Context(), "p", client.PaymentOrder{}); err != nil || p.Status != client.PaymentStatusRequested {
		t.Errorf("payment: %+v, %v", p, err)
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{{status: 200, header: map[string]string{"Passbook-Position": "99"}, body: `{"dry_run":true,"status":201,"events":[{"type":"money.deposited"}],"result":` + accepted + `}`}}}
	c := bank.client(t)
	var dry client.DryRunResult
	if _, err := c.Deposit(t.Context(), "", account, deposit, client.DryRun(&dry)); err != nil || dry.Status != 201 || dry.Events[0].Type != "money.deposited" {
		t.Errorf("%+v, %v", dry, err)
	}
	if r := bank.seen[0]; r.URL.RawQuery != "dry_run=true" || r.Header["Idempotency-Key"] != nil || c.Position() != 0 {
		t.Errorf("asked %s %v, position %d", r.URL, r.Header, c.Position())
	}
}

// The pages of a list are read as far as the loop goes.
func TestPages(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{
		{status: 200, body: `{"data":[{"owner_id":"a"},{"owner_id":"b"}],"has_more":true,"next_cursor":"c/1"}`},
		{status: 200, body: `{"data":[{"owner_id":"c"}],"has_more":true,"next_cursor":"c2"}`},
		problem(403, "insufficient_scope", false),
	}}
	c := bank.client(t)
	var seen []string
	for a, err := range c.Accounts(t.Context(), client.ListAccountsParams{Status: client.AccountStatusOpen, Limit: 2}) {
		if err != nil {
			seen = append(seen, err.Error())
		}
		seen = append(seen, a.OwnerID)
	}
	if got := strings.Join(seen, " "); got != "a b c GET /v1/accounts: 403 insufficient_scope: for a test " {
		t.Errorf("saw %q", got)
	}
	var asked []string
	for _, r := range bank.seen {
		asked = append(asked, r.URL.RawQuery)
	}
	if want := []string{"limit=2&status=open", "cursor=c%2F1&limit=2&status=open", "cursor=c2&limit=2&status=open"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	bank.steps = []step{{status: 200, body: `{"data":[{"owner_id":"a"}],"has_more":true,"next_cursor":"more"}`}}
	for _, err := range c.Accounts(t.Context(), client.ListAccountsParams{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if len(bank.seen) != 4 {
		t.Errorf("%d pages were read", len(bank.seen))
	}
}

// Each kind of parameter as it is sent.
func TestParameters(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{{status: 200, body: `{}`}}}
	c := bank.client(t)
	at := time.Date(2026, 11, 21, 9, 30, 0, 5000, time.FixedZone("CET", 3600))
	_, err := c.ListTimeline(t.Context(), account, client.ListTimelineParams{
		Type: client.TypeFilter{client.TimelineTypeDeposit, client.TimelineTypeFee}, From: at, Direction: client.ListTimelineParamsDirectionIn,
	}, client.MinPosition(7))
	if err != nil {
		t.Fatal(err)
	}
	r := bank.seen[0]
	if want := "/v1/accounts/" + account.String() + "/timeline?direction=in&from=2026-11-21T08%3A30%3A00.000005Z&type=deposit&type=fee"; r.URL.RequestURI() != want {
		t.Errorf("asked %s", r.URL.RequestURI())
	}
	if r.Header.Get("Passbook-Min-Position") != "7" {
		t.Errorf("header %v", r.Header)
	}
	if _, err := c.GetOwner(t.Context(), "a/b c", client.MinPosition(0)); err != nil || bank.seen[1].URL.EscapedPath() != "/v1/owners/a%2Fb%20c" {
		t.Errorf("asked %s, %v", bank.seen[1].URL, err)
	}
}
