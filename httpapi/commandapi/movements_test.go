package commandapi_test

import (
	"context"
	"errors"
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
	"passbook/httpapi/httpapitest"
)

func idOf(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// openFor opens an account of an owner with money on it.
func (r *rig) openFor(owner, currency string, balance int) string {
	r.t.Helper()
	path := r.want(r.do("POST", "/v1/accounts", `{"owner_id":"`+owner+`","owner_name":"n","currency":"`+currency+`"}`), 201, "").Header.Get("Location")
	if balance > 0 {
		r.want(r.do("POST", path+"/deposits", fmt.Sprintf(`{"amount":%d,"currency":%q}`, balance, currency)), 201, "")
	}
	return path
}

func transferBody(source, target string, amount int, more string) string {
	return fmt.Sprintf(`{"source_account_id":%q,"target_account_id":%q,"amount":%d,"currency":"EUR"%s}`, idOf(source), idOf(target), amount, more)
}

// members holds some of an answer's members to what they must be.
func members(t *testing.T, got map[string]any, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			t.Errorf("%s is %v, want %v, in %v", name, got[name], value, got)
		}
	}
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	source, target := r.openFor("ada", "EUR", 1000), r.openFor("eve", "EUR", 5)
	answer := r.want(r.do("POST", "/v1/transfers", transferBody(strings.ToUpper(source), target, 300, `,"reference":"rent","metadata":{"a":"b"}`), "If-Match", `"2"`), 201, "")
	got := answer.JSON(t)
	id := got["transaction_id"].(string)
	members(t, got, map[string]any{"transfer_id": id, "amount": 300, "currency": "EUR", "position": 6})
	members(t, got["source"].(map[string]any), map[string]any{"account_id": idOf(source), "version": 3, "balance": 700, "held": 0, "available": 700, "status": "open"})
	members(t, got["target"].(map[string]any), map[string]any{"account_id": idOf(target), "version": 3, "balance": 305, "held": 0, "available": 305, "status": "open"})
	for name, want := range map[string]string{"Location": "/v1/transfers/" + id, "Etag": `"3"`, "Passbook-Position": "6"} {
		if h := answer.Header.Get(name); h != want {
			t.Errorf("%s: %q, want %q", name, h, want)
		}
	}
	c := r.bank.last(t).Command.(banking.Transfer)
	if c.Reference != "rent" || c.Metadata["a"] != "b" || c.TransactionID.String() != id {
		t.Errorf("command %+v", c)
	}
	r.want(r.do("POST", "/v1/transfers", transferBody(source, target, 1, ""), "If-Match", `"2"`), 412, "version_mismatch")
}

func TestAReplayedTransferHasItsLocation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	source, target := r.openFor("ada", "EUR", 1000), r.openFor("eve", "EUR", 0)
	first := r.want(r.do("POST", "/v1/transfers", transferBody(source, target, 300, ""), "Idempotency-Key", "k"), 201, "")
	again := r.want(r.do("POST", "/v1/transfers", transferBody(strings.ToUpper(source), target, 300, ""), "Idempotency-Key", "k"), 201, "")
	if again.Header.Get("Location") != first.Header.Get("Location") || string(again.Body) != string(first.Body) || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("first %v %s, then %v %s", first.Header, first.Body, again.Header, again.Body)
	}
}

// TestTransfersThatMustNotBe goes through the refusals of both sides, and what is said about each.
func TestTransfersThatMustNotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	source, target, dollars := r.openFor("ada", "EUR", 1000), r.openFor("eve", "EUR", 0), r.openFor("eve", "USD", 0)
	frozen, closed, none := r.openFor("eve", "EUR", 10), r.openFor("eve", "EUR", 0), "/v1/accounts/"+uuid.NewString()
	r.want(r.do("POST", frozen+"/freeze", `{"reason":"why"}`), 200, "")
	r.want(r.do("POST", closed+"/close", `{"reason":"why"}`), 200, "")
	limited := r.openFor("ada", "EUR", 1000)
	r.want(r.do("PATCH", limited, `{"limits":{"per_transaction":100,"per_day":150}}`), 200, "")
	before := r.bank.position
	for name, c := range map[string]struct {
		body          string
		status        int
		code, pointer string
		context       map[string]any
	}{
		"too much":         {transferBody(source, target, 1001, ""), 422, "insufficient_funds", "/amount", map[string]any{"side": "source", "available": 1000, "requested": 1001, "currency": "EUR", "account_version": 2}},
		"same account":     {transferBody(source, source, 1, ""), 422, "same_account", "/target_account_id", nil},
		"unknown source":   {transferBody(none, target, 1, ""), 404, "not_found", "/source_account_id", map[string]any{"side": "source"}},
		"unknown target":   {transferBody(source, none, 1, ""), 404, "not_found", "/target_account_id", map[string]any{"side": "target", "account_id": idOf(none)}},
		"other currency":   {transferBody(source, dollars, 1, ""), 422, "currency_mismatch", "/currency", map[string]any{"side": "target", "account_currency": "USD", "given_currency": "EUR"}},
		"frozen source":    {transferBody(frozen, target, 1, ""), 422, "account_frozen", "", map[string]any{"side": "source", "freeze_scope": "all"}},
		"frozen target":    {transferBody(source, frozen, 1, ""), 422, "account_frozen", "", map[string]any{"side": "target", "freeze_scope": "all", "account_version": 3}},
		"closed source":    {transferBody(closed, target, 1, ""), 422, "account_closed", "", map[string]any{"side": "source"}},
		"closed target":    {transferBody(source, closed, 1, ""), 422, "account_closed", "", map[string]any{"side": "target"}},
		"amount zero":      {transferBody(source, target, 0, ""), 422, "amount_out_of_range", "/amount", map[string]any{"amount": 0, "min": 1}},
		"amount negative":  {transferBody(source, target, -1, ""), 422, "amount_out_of_range", "/amount", nil},
		"past a limit":     {transferBody(limited, target, 101, ""), 422, "limit_exceeded", "/amount", map[string]any{"side": "source", "limit": "per_transaction", "max": 100, "requested": 101}},
		"source no id":     {`{"source_account_id":"7","target_account_id":"` + idOf(target) + `","amount":1,"currency":"EUR"}`, 400, "invalid_parameter", "/source_account_id", nil},
		"target no id":     {`{"source_account_id":"` + idOf(target) + `","target_account_id":"x","amount":1,"currency":"EUR"}`, 400, "invalid_parameter", "/target_account_id", nil},
		"unknown currency": {strings.Replace(transferBody(source, target, 1, ""), "EUR", "ZZZ", 1), 400, "invalid_parameter", "/currency", nil},
		"unknown field":    {transferBody(source, target, 1, `,"effective_at":"2026-01-01T00:00:00Z"`), 400, "malformed_request", "/effective_at", nil},
		"long reference":   {transferBody(source, target, 1, `,"reference":"`+strings.Repeat("x", 201)+`"`), 400, "invalid_parameter", "/reference", nil},
	} {
		t.Run(name, func(t *testing.T) {
			answer := r.want(r.do("POST", "/v1/transfers", c.body), c.status, c.code)
			if c.pointer != "" && (len(answer.Problem.Errors) == 0 || answer.Problem.Errors[0].Pointer != c.pointer) {
				t.Errorf("errors %+v, want one at %s", answer.Problem.Errors, c.pointer)
			}
			members(t, answer.Problem.Context, c.context)
			if r.bank.position != before {
				t.Error("something has happened")
			}
		})
	}
}

// TestCustomersTransferFromTheirOwnAccounts, and learn nothing of others' but whether they take the money.
func TestCustomersTransferFromTheirOwnAccounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, second, theirs := r.openFor("ada", "EUR", 1000), r.openFor("ada", "EUR", 0), r.openFor("eve", "EUR", 500)
	ada := r.Token(t, "ada", auth.Own)
	got := r.want(r.as(ada, "POST", "/v1/transfers", transferBody(mine, theirs, 100, "")), 201, "").JSON(t)
	members(t, got["source"].(map[string]any), map[string]any{"balance": 900})
	if target := got["target"].(map[string]any); len(target) != 1 || target["account_id"] != idOf(theirs) {
		t.Errorf("of another's account the answer says %v", target)
	}
	got = r.want(r.as(ada, "POST", "/v1/transfers", transferBody(mine, second, 100, "")), 201, "").JSON(t)
	members(t, got["target"].(map[string]any), map[string]any{"balance": 100, "status": "open"})

	stolen := r.want(r.as(ada, "POST", "/v1/transfers", transferBody(theirs, mine, 1, "")), 404, "not_found")
	if stolen.Problem.Detail != "no such account" || stolen.Problem.Context != nil {
		t.Errorf("of another's account: %s", stolen.Body)
	}
	r.want(r.do("POST", theirs+"/freeze", `{"reason":"why","scope":"all"}`), 200, "")
	refused := r.want(r.as(ada, "POST", "/v1/transfers", transferBody(mine, theirs, 1, "")), 422, "account_frozen")
	if len(refused.Problem.Context) != 2 || refused.Problem.Context["side"] != "target" {
		t.Errorf("of another's account: %s", refused.Body)
	}
	for _, operation := range []string{"/v1/holds/" + uuid.NewString() + "/capture", mine + "/holds", "/v1/transactions/" + uuid.NewString() + "/reversals"} {
		r.want(r.as(ada, "POST", operation, `{}`), 403, "insufficient_scope")
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.openFor("ada", "EUR", 1000)
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	placed := r.want(r.do("POST", path+"/holds", `{"amount":600,"currency":"EUR","expires_at":"`+in(time.Hour)+`","reference":"R"}`), 201, "")
	got := placed.JSON(t)
	hold := "/v1/holds/" + got["hold_id"].(string)
	members(t, got, map[string]any{"remaining": 600, "expires_at": in(time.Hour), "balance": 1000, "held": 600, "available": 400, "version": 3, "status": "open", "account_id": idOf(path)})
	if placed.Header.Get("Location") != hold || placed.Header.Get("Etag") != `"3"` {
		t.Errorf("headers %v", placed.Header)
	}
	r.want(r.do("POST", path+"/withdrawals", `{"amount":401,"currency":"EUR"}`), 422, "insufficient_funds")

	members(t, r.want(r.do("POST", hold+"/extend", `{"expires_at":"`+in(2*time.Hour)+`"}`), 200, "").JSON(t), map[string]any{"expires_at": in(2 * time.Hour), "remaining": 600})
	got = r.want(r.do("POST", hold+"/capture", `{"amount":200}`), 200, "").JSON(t)
	members(t, got, map[string]any{"remaining": 400, "balance": 800, "held": 400, "available": 400})
	if uuid.MustParse(got["transaction_id"].(string)).Version() != 7 {
		t.Errorf("answer %v", got)
	}
	over := r.want(r.do("POST", hold+"/capture", `{"amount":401}`), 422, "capture_exceeds_hold").Problem
	members(t, over.Context, map[string]any{"remaining": 400, "requested": 401, "currency": "EUR", "account_version": 5})
	if over.Errors[0].Pointer != "/amount" {
		t.Errorf("errors %+v", over.Errors)
	}
	r.want(r.do("POST", hold+"/capture", `{"amount":0}`), 422, "amount_out_of_range")
	got = r.want(r.do("POST", hold+"/capture", `{"amount":100,"final":true}`), 200, "").JSON(t)
	members(t, got, map[string]any{"remaining": 0, "balance": 700, "held": 0, "available": 700})
	if _, there := got["expires_at"]; there {
		t.Errorf("a hold that has ended expires: %v", got)
	}
	ended := r.want(r.do("POST", hold+"/capture", `{}`), 422, "hold_not_active").Problem
	members(t, ended.Context, map[string]any{"ended": "captured"})
	r.want(r.do("POST", hold+"/extend", `{"expires_at":"`+in(3*time.Hour)+`"}`), 422, "hold_not_active")

	another := r.want(r.do("POST", path+"/holds", `{"amount":700,"currency":"EUR"}`), 201, "")
	week := time.Until(asked(r.bank.last(t).Command).(account.PlaceHold).ExpiresAt)
	if week < 167*time.Hour || week > 168*time.Hour {
		t.Errorf("without a time it lasts %v", week)
	}
	for range 2 { // to release is done once, and said twice
		members(t, r.want(r.do("POST", another.Header.Get("Location")+"/release", ""), 200, "").JSON(t), map[string]any{"remaining": 0, "balance": 700, "held": 0})
	}
}

func TestHoldsThatMustNotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.openFor("ada", "EUR", 1000)
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	hold := r.want(r.do("POST", path+"/holds", `{"amount":100,"currency":"EUR","expires_at":"`+future+`"}`), 201, "").Header.Get("Location")
	for name, c := range map[string]struct {
		path, body    string
		status        int
		code, pointer string
	}{
		"too much":         {path + "/holds", `{"amount":901,"currency":"EUR"}`, 422, "insufficient_funds", "/amount"},
		"in the past":      {path + "/holds", `{"amount":1,"currency":"EUR","expires_at":"2020-01-01T00:00:00Z"}`, 400, "invalid_parameter", "/expires_at"},
		"too far ahead":    {path + "/holds", `{"amount":1,"currency":"EUR","expires_at":"2199-01-01T00:00:00Z"}`, 400, "invalid_parameter", "/expires_at"},
		"other currency":   {path + "/holds", `{"amount":1,"currency":"USD"}`, 422, "currency_mismatch", "/currency"},
		"amount zero":      {path + "/holds", `{"amount":0,"currency":"EUR"}`, 422, "amount_out_of_range", "/amount"},
		"unknown account":  {"/v1/accounts/" + uuid.NewString() + "/holds", `{"amount":1,"currency":"EUR"}`, 404, "not_found", ""},
		"extend backwards": {hold + "/extend", `{"expires_at":"2026-01-01T00:00:00Z"}`, 400, "invalid_parameter", "/expires_at"},
		"extend to zero":   {hold + "/extend", `{"expires_at":"0001-01-01T00:00:00Z"}`, 400, "invalid_parameter", "/expires_at"},
		"no such hold":     {"/v1/holds/" + uuid.NewString() + "/capture", `{}`, 404, "not_found", ""},
		"no id":            {"/v1/holds/7/release", `{}`, 404, "not_found", ""},
		"final as a text":  {hold + "/capture", `{"final":"yes"}`, 400, "malformed_request", "/final"},
		"unknown field":    {hold + "/release", `{"amount":1}`, 400, "malformed_request", "/amount"},
		"long reason":      {hold + "/release", `{"reason":"` + strings.Repeat("x", 101) + `"}`, 400, "invalid_parameter", "/reason"},
		"no body":          {path + "/holds", ``, 415, "unsupported_media_type", ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := r.want(r.do("POST", c.path, c.body), c.status, c.code)
			if c.pointer != "" && (len(answer.Problem.Errors) == 0 || answer.Problem.Errors[0].Pointer != c.pointer) {
				t.Errorf("errors %+v, want one at %s", answer.Problem.Errors, c.pointer)
			}
		})
	}
	if detail := r.do("POST", "/v1/holds/"+uuid.NewString()+"/capture", `{}`).Problem.Detail; detail != "no such hold" {
		t.Errorf("detail %q", detail)
	}
}

// TestWhatCannotBeFoundNow: that the log cannot be asked does not mean that there is nothing in it.
func TestWhatCannotBeFoundNow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{command.ErrNotFound, 404, "not_found"},
		{errors.New("pq: secret"), 503, "maintenance"},
		{fmt.Errorf("find: %w", context.DeadlineExceeded), 504, "timeout"},
	} {
		r.bank.lost = c.err
		answer := r.want(r.do("POST", "/v1/holds/"+uuid.NewString()+"/release", ""), c.status, c.code)
		if strings.Contains(string(answer.Body), "secret") {
			t.Errorf("told the client: %s", answer.Body)
		}
		if got := r.bulk(r.teller, []string{item("/v1/holds/"+uuid.NewString()+"/release", "{}")}); got[0].Status != c.status {
			t.Errorf("in a bulk: %s", got[0].Body)
		}
	}
}

func TestTooManyHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.openFor("ada", "EUR", 1000)
	for range account.HoldsMax {
		r.want(r.do("POST", path+"/holds", `{"amount":1,"currency":"EUR"}`), 201, "")
	}
	members(t, r.want(r.do("POST", path+"/holds", `{"amount":1,"currency":"EUR"}`), 422, "too_many_holds").Problem.Context, map[string]any{"max": account.HoldsMax})
}

func TestAnExpiredHold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.openFor("ada", "EUR", 1000)
	hold := r.want(r.do("POST", path+"/holds", `{"amount":100,"currency":"EUR"}`), 201, "").Header.Get("Location")
	r.bank.ahead = 8 * 24 * time.Hour
	r.want(r.do("POST", hold+"/capture", `{}`), 422, "hold_expired")
	members(t, r.want(r.do("POST", path+"/deposits", euroCent), 201, "").JSON(t), map[string]any{"held": 0, "available": 1001})
	r.want(r.do("POST", hold+"/release", `{}`), 422, "hold_expired")
}

func TestReversals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	source, target := r.openFor("ada", "EUR", 1000), r.openFor("eve", "EUR", 0)
	deposit := r.want(r.do("POST", source+"/deposits", `{"amount":50,"currency":"EUR"}`), 201, "").JSON(t)["transaction_id"].(string)
	answer := r.want(r.do("POST", "/v1/transactions/"+deposit+"/reversals", `{"reason":"typo"}`), 201, "")
	got := answer.JSON(t)
	members(t, got, map[string]any{"reverses": deposit, "amount": 50, "original_amount": 50, "reversed": 50, "account_id": idOf(source), "balance": 1000})
	if _, there := got["counterparty"]; there || answer.Header.Get("Location") != "/v1/transactions/"+got["transaction_id"].(string) {
		t.Errorf("%v %v", answer.Header, got)
	}
	again := r.want(r.do("POST", "/v1/transactions/"+deposit+"/reversals", `{"reason":"typo"}`), 422, "already_reversed").Problem
	members(t, again.Context, map[string]any{"original": 50})

	transfer := r.want(r.do("POST", "/v1/transfers", transferBody(source, target, 300, "")), 201, "").JSON(t)["transfer_id"].(string)
	got = r.want(r.do("POST", "/v1/transactions/"+transfer+"/reversals", `{"amount":100,"reason":"a part","metadata":{"a":"b"}}`), 201, "").JSON(t)
	members(t, got, map[string]any{"amount": 100, "original_amount": 300, "reversed": 100, "account_id": idOf(source), "balance": 800})
	members(t, got["counterparty"].(map[string]any), map[string]any{"account_id": idOf(target), "balance": 200})
	over := r.want(r.do("POST", "/v1/transactions/"+transfer+"/reversals", `{"amount":201,"reason":"r"}`), 422, "reversal_exceeds_original").Problem
	members(t, over.Context, map[string]any{"original": 300, "reversed": 100, "requested": 201})
	r.want(r.do("POST", "/v1/transactions/"+transfer+"/reversals", `{"amount":0,"reason":"r"}`), 422, "amount_out_of_range")
	reversal := got["transaction_id"].(string)
	r.want(r.do("POST", "/v1/transactions/"+reversal+"/reversals", `{"reason":"r"}`), 422, "not_reversible")
	r.want(r.do("POST", "/v1/transactions/"+uuid.NewString()+"/reversals", `{"reason":"r"}`), 404, "not_found")
	r.want(r.do("POST", target+"/freeze", `{"reason":"why"}`), 200, "")
	frozen := r.do("POST", "/v1/transactions/"+transfer+"/reversals", `{"reason":"r"}`)
	if frozen.Status == 422 {
		members(t, frozen.Problem.Context, map[string]any{"side": "target", "account_id": idOf(target)})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.openFor("ada", "EUR", 1000)
	r.want(r.do("PATCH", path, `{"limits":{"per_transaction":100,"per_day":150,"per_month":160}}`), 200, "")
	if c := asked(r.bank.last(t).Command).(account.ChangeSettings); *c.Limits != (account.Limits{PerTransaction: 100, PerDay: 150, PerMonth: 160}) || c.OverdraftLimit != nil {
		t.Errorf("command %+v", c)
	}
	withdraw := func(amount int) *httpapitest.Response {
		return r.do("POST", path+"/withdrawals", fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, amount))
	}
	over := r.want(withdraw(101), 422, "limit_exceeded").Problem
	members(t, over.Context, map[string]any{"limit": "per_transaction", "max": 100, "used": 0, "requested": 101, "currency": "EUR"})
	if over.Errors[0].Pointer != "/amount" || over.Errors[0].Code != "exceeds_limit" {
		t.Errorf("errors %+v", over.Errors)
	}
	r.want(withdraw(100), 201, "")
	members(t, r.want(withdraw(51), 422, "limit_exceeded").Problem.Context, map[string]any{"limit": "per_day", "used": 100})
	r.want(r.do("PATCH", path, `{"limits":{}}`), 200, "")
	if c := asked(r.bank.last(t).Command).(account.ChangeSettings); *c.Limits != (account.Limits{}) {
		t.Errorf("command %+v", c)
	}
	r.want(withdraw(101), 201, "")
	r.want(r.do("PATCH", path, `{"limits":null}`), 400, "malformed_request")
	r.want(r.do("PATCH", path, `{"limits":{"per_week":1}}`), 400, "malformed_request")
	negative := r.do("PATCH", path, `{"limits":{"per_day":-1}}`)
	if negative.Status >= 500 || negative.Status < 400 || !strings.HasPrefix(negative.Problem.Errors[0].Pointer, "/limits") {
		t.Errorf("%d %s", negative.Status, negative.Body)
	}
	if most := int64(money.MaxAmount); most != 9007199254740991 {
		t.Errorf("the document says another bound than %d", most)
	}
}
