package commandapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
	banking "passbook/domain/bank"
	"passbook/domain/money"
	"passbook/httpapi/auth"
)

func TestOpenAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	answer := r.want(r.do("POST", "/v1/accounts",
		`{"owner_id":"owner-17","owner_name":"Ada","currency":"EUR","overdraft_limit":50000,"metadata":{"branch":"Praha 1"}}`), 201, "")
	got := answer.JSON(t)
	id, _ := got["account_id"].(string)
	if uuid.MustParse(id).Version() != 7 {
		t.Errorf("account id %s is not a UUIDv7", id)
	}
	for name, want := range map[string]any{"balance": 0.0, "available": 50000.0, "held": 0.0, "currency": "EUR", "status": "open", "version": 1.0, "position": 1.0} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if _, moved := got["transaction_id"]; moved {
		t.Error("an opening has a transaction id")
	}
	for name, want := range map[string]string{"Location": "/v1/accounts/" + id, "Etag": `"1"`, "Passbook-Position": "1", "Idempotent-Replayed": ""} {
		if h := answer.Header.Get(name); h != want {
			t.Errorf("%s: %q, want %q", name, h, want)
		}
	}
	if answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type %q", answer.Header.Get("Content-Type"))
	}
	want := account.Open{
		AccountID: uuid.MustParse(id), OwnerID: "owner-17", OwnerName: "Ada", Currency: money.MustCurrency("EUR"),
		OverdraftLimit: 50000, Metadata: map[string]string{"branch": "Praha 1"},
	}
	if c := r.bank.last(t).Command; fmt.Sprint(asked(c)) != fmt.Sprint(want) {
		t.Errorf("command is %+v, want %+v", c, want)
	}
}

func TestOpenUnderTheClientsID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := uuid.NewString()
	body := func(id, name string) string {
		return `{"account_id":"` + id + `","owner_id":"o","owner_name":"` + name + `","currency":"EUR"}`
	}
	if answer := r.want(r.do("POST", "/v1/accounts", body(id, "Ada")), 201, ""); answer.Header.Get("Location") != "/v1/accounts/"+id {
		t.Errorf("Location %q", answer.Header.Get("Location"))
	}
	r.want(r.do("POST", "/v1/accounts", body(strings.ToUpper(id), "Ada")), 201, "")
	r.want(r.do("POST", "/v1/accounts", body(id, "Eve")), 409, "account_exists")
	for _, bad := range []string{"", "7", "urn:uuid:" + id, "{" + id + "}", strings.ReplaceAll(id, "-", ""), uuid.Nil.String()} {
		answer := r.want(r.do("POST", "/v1/accounts", body(bad, "Ada")), 400, "invalid_parameter")
		if answer.Problem.Errors[0].Pointer != "/account_id" {
			t.Errorf("%q: errors %+v", bad, answer.Problem.Errors)
		}
	}
}

// TestMovements goes through every operation that moves money, and every field of each.
func TestMovements(t *testing.T) {
	t.Parallel()
	eur := func(amount money.Amount) money.Money {
		return money.Money{Amount: amount, Currency: money.MustCurrency("EUR")}
	}
	meta := map[string]string{"a": "b"}
	for _, c := range []struct {
		operation, body string
		balance         float64
		want            func(uuid.UUID) account.Command
	}{
		{"deposits", `{"amount":500,"currency":"EUR","source":"desk","reference":"R","metadata":{"a":"b"}}`, 1500, func(id uuid.UUID) account.Command {
			return account.Deposit{TransactionID: id, Money: eur(500), Source: "desk", Reference: "R", Metadata: meta}
		}},
		{"withdrawals", `{"amount":500,"currency":"EUR","channel":"atm","reference":"R","metadata":{"a":"b"}}`, 500, func(id uuid.UUID) account.Command {
			return account.Withdraw{TransactionID: id, Money: eur(500), Channel: "atm", Reference: "R", Metadata: meta}
		}},
		{"fees", `{"amount":500,"currency":"EUR","reason":"late","reference":"R","metadata":{"a":"b"}}`, 500, func(id uuid.UUID) account.Command {
			return account.ChargeFee{TransactionID: id, Money: eur(500), Reason: "late", Reference: "R", Metadata: meta}
		}},
		{"interest", `{"amount":-1500,"currency":"EUR","rate":"2 %","period":"Q1","reference":"R","metadata":{"a":"b"}}`, -500, func(id uuid.UUID) account.Command {
			return account.PostInterest{TransactionID: id, Money: eur(-1500), Rate: "2 %", Period: "Q1", Reference: "R", Metadata: meta}
		}},
	} {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			path := r.open("")
			r.want(r.do("POST", path+"/deposits", `{"amount":1000,"currency":"EUR"}`), 201, "")
			answer := r.want(r.do("POST", path+"/"+c.operation, c.body), 201, "").JSON(t)
			id, err := uuid.Parse(answer["transaction_id"].(string))
			if err != nil || id.Version() != 7 || answer["balance"] != c.balance || answer["version"] != 3.0 {
				t.Errorf("answer %v", answer)
			}
			if got := asked(r.bank.last(t).Command); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want(id)) {
				t.Errorf("command %+v, want %+v", got, c.want(id))
			}
		})
	}
}

func TestLifeCycle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	for _, step := range []struct {
		operation, body, status string
		want                    account.Command
	}{
		{"freeze", `{"reason":"why"}`, "frozen", account.Freeze{Reason: "why", Scope: account.FreezeAll}},
		{"freeze", `{"reason":"why","scope":"debit"}`, "frozen", account.Freeze{Reason: "why", Scope: account.FreezeDebit}},
		{"unfreeze", `{"reason":""}`, "open", account.Unfreeze{}},
		{"close", `{"reason":"why"}`, "closed", account.Close{Reason: "why"}},
		{"reopen", `{"reason":"why"}`, "open", account.Reopen{Reason: "why"}},
	} {
		answer := r.want(r.do("POST", path+"/"+step.operation, step.body), 200, "").JSON(t)
		if answer["status"] != step.status || asked(r.bank.last(t).Command) != step.want {
			t.Errorf("%s %s: %v, command %+v", step.operation, step.body, answer, r.bank.last(t).Command)
		}
	}
	r.want(r.do("POST", path+"/freeze", `{"reason":"why","scope":"credit"}`), 400, "invalid_parameter")
	r.want(r.do("POST", path+"/freeze", `{"reason":"why","scope":""}`), 400, "invalid_parameter")
	r.want(r.do("POST", path+"/close", `{"reason":"why","scope":"all"}`), 400, "malformed_request")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open(`,"overdraft_limit":100,"metadata":{"a":"b"}`)
	answer := r.want(r.do("PATCH", path, `{"overdraft_limit":0,"owner_name":"","metadata":{}}`), 200, "")
	if answer.JSON(t)["available"] != 0.0 || answer.Header.Get("Etag") != `"2"` {
		t.Errorf("%v %s", answer.Header, answer.Body)
	}
	c := asked(r.bank.last(t).Command).(account.ChangeSettings)
	if c.OverdraftLimit == nil || *c.OverdraftLimit != 0 || c.OwnerName == nil || *c.OwnerName != "" || c.Metadata == nil || len(*c.Metadata) != 0 {
		t.Errorf("command %+v", c)
	}
	r.want(r.do("PATCH", path, `{"overdraft_limit":7}`), 200, "")
	if c := asked(r.bank.last(t).Command).(account.ChangeSettings); c.OwnerName != nil || c.Metadata != nil || *c.OverdraftLimit != 7 {
		t.Errorf("what was not given is in the command: %+v", c)
	}
	r.want(r.do("PATCH", path, `{}`), 400, "invalid_parameter")
	if p := r.want(r.do("PATCH", path, `{"overdraft_limit":-1}`), 422, "amount_out_of_range").Problem; p.Errors[0].Pointer != "/overdraft_limit" {
		t.Errorf("errors %+v", p.Errors)
	}
}

func TestValueDate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	deposit := func(at string) string { return `{"amount":1,"currency":"EUR","effective_at":"` + at + `"}` }
	r.want(r.do("POST", path+"/deposits", deposit("1993-01-05T00:30:00.1234567+01:00")), 201, "")
	if at := r.bank.last(t).EffectiveAt; !at.Equal(time.Date(1993, 1, 4, 23, 30, 0, 123456000, time.UTC)) || at.Location() != time.UTC {
		t.Errorf("effective at %v", at)
	}
	r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"EUR"}`), 201, "")
	if at := r.bank.last(t).EffectiveAt; !at.IsZero() {
		t.Errorf("effective at %v, want none", at)
	}
	for _, bad := range []string{"", "1993-01-05", "yesterday", "1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00"} {
		answer := r.want(r.do("POST", path+"/deposits", deposit(bad)), 400, "invalid_parameter")
		if answer.Problem.Errors[0].Pointer != "/effective_at" {
			t.Errorf("%q: %s", bad, answer.Body)
		}
	}
}

func TestWhoDidIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	answer := r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"EUR"}`,
		"X-Request-Id", "req-42", "traceparent", trace, "User-Agent", "till/7\x01", "Idempotency-Key", "k-1", "If-Match", `"1"`), 201, "")
	if answer.Header.Get("X-Request-Id") != "req-42" {
		t.Errorf("X-Request-Id %q", answer.Header.Get("X-Request-Id"))
	}
	got := r.bank.last(t)
	if got.RequestID != "req-42" || got.Traceparent != trace || got.Client != "" || got.UserAgent != "till/7" || got.Actor != "teller-1" ||
		got.Key != "k-1" || got.IfVersion != 1 || got.OwnedBy != "" || got.Path != path+"/deposits" ||
		got.Caller != "http://passbook.local/issuer#teller-1" {
		t.Errorf("request %+v", got)
	}
	r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"EUR"}`, "X-Request-Id", "a b", "traceparent", "00-zz"), 201, "")
	if got = r.bank.last(t); uuid.MustParse(got.RequestID).Version() != 7 || got.Traceparent != "" || got.IfVersion != command.NoVersion {
		t.Errorf("request %+v", got)
	}
}

// TestCustomersReachTheirOwnAccountsAlone is the rule of the scope own.
func TestCustomersReachTheirOwnAccountsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open(`,"overdraft_limit":100`)
	owner, other := r.Token(t, "owner-17", auth.Own), r.Token(t, "owner-18", auth.Own)
	const body = `{"amount":1,"currency":"EUR"}`
	r.want(r.as(owner, "POST", path+"/withdrawals", body), 201, "")
	r.want(r.as(other, "POST", path+"/withdrawals", body), 404, "not_found")
	r.want(r.as(owner, "POST", path+"/deposits", body), 403, "insufficient_scope")
	r.want(r.as(r.Token(t, "owner-18", auth.Own, auth.AccountsWrite), "POST", path+"/withdrawals", body), 201, "")
}

// asked is what a command asks of one account.
func asked(c banking.Command) account.Command { return c.(banking.OnAccount).Command }
