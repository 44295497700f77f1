package commandapi_test

import (
	"context"
	"encoding/json"
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
	"passbook/domain/payment"
	"passbook/domain/reversal"
	"passbook/domain/transfer"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/internal/localissuer"
)

// TestADepositThatMustNotBe is a deposit with one thing wrong with it, each answered with its own status and code.
func TestADepositThatMustNotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	closed := r.open("")
	r.want(r.do("POST", closed+"/close", `{"reason":"r"}`), 200, "")
	const good = `{"amount":1,"currency":"EUR"}`
	r.want(r.do("POST", path+"/deposits", good, "Idempotency-Key", "used"), 201, "")
	expired := r.Sign(t, localissuer.TokenRequest{Subject: "teller-1", Scopes: []string{"accounts:write"}, TTL: -time.Second})

	for name, c := range map[string]struct {
		path, body, token, code, pointer string
		header                           []string
		status                           int
	}{
		"key reused with another body": {body: `{"amount":2,"currency":"EUR"}`, header: []string{"Idempotency-Key", "used"}, status: 422, code: "idempotency_key_reused"},
		"no key":                       {header: []string{"Idempotency-Key", ""}, status: 400, code: "idempotency_key_required"},
		"key with a space":             {header: []string{"Idempotency-Key", "a b"}, status: 400, code: "idempotency_key_required"},
		"key beyond ASCII":             {header: []string{"Idempotency-Key", "clé"}, status: 400, code: "idempotency_key_required"},
		"key of 256 characters":        {header: []string{"Idempotency-Key", strings.Repeat("k", 256)}, status: 400, code: "idempotency_key_required"},
		"unknown field":                {body: `{"amount":1,"currency":"EUR","amout":1}`, status: 400, code: "malformed_request", pointer: "/amout"},
		"unknown field by case":        {body: `{"Amount":1,"currency":"EUR"}`, status: 400, code: "malformed_request", pointer: "/Amount"},
		"negative amount":              {body: `{"amount":-5,"currency":"EUR"}`, status: 422, code: "amount_out_of_range", pointer: "/amount"},
		"zero":                         {body: `{"amount":0,"currency":"EUR"}`, status: 422, code: "amount_out_of_range", pointer: "/amount"},
		"2^53":                         {body: `{"amount":9007199254740992,"currency":"EUR"}`, status: 422, code: "amount_out_of_range", pointer: "/amount"},
		"2^63":                         {body: `{"amount":9223372036854775808,"currency":"EUR"}`, status: 422, code: "amount_out_of_range", pointer: "/amount"},
		"1e30":                         {body: `{"amount":1e30,"currency":"EUR"}`, status: 422, code: "amount_out_of_range", pointer: "/amount"},
		"-1e400":                       {body: `{"amount":-1e400,"currency":"EUR"}`, status: 422, code: "amount_out_of_range", pointer: "/amount"},
		"amount with a fraction":       {body: `{"amount":12.5,"currency":"EUR"}`, status: 400, code: "malformed_request", pointer: "/amount"},
		"amount with an exponent":      {body: `{"amount":1e2,"currency":"EUR"}`, status: 400, code: "malformed_request", pointer: "/amount"},
		"amount as a text":             {body: `{"amount":"1","currency":"EUR"}`, status: 400, code: "malformed_request", pointer: "/amount"},
		"amount null":                  {body: `{"amount":null,"currency":"EUR"}`, status: 400, code: "malformed_request", pointer: "/amount"},
		"no amount":                    {body: `{"currency":"EUR"}`, status: 400, code: "malformed_request", pointer: "/amount"},
		"other currency":               {body: `{"amount":1,"currency":"USD"}`, status: 422, code: "currency_mismatch", pointer: "/currency"},
		"unknown currency":             {body: `{"amount":1,"currency":"ZZZ"}`, status: 400, code: "invalid_parameter", pointer: "/currency"},
		"currency in lower case":       {body: `{"amount":1,"currency":"eur"}`, status: 400, code: "invalid_parameter", pointer: "/currency"},
		"currency empty":               {body: `{"amount":1,"currency":""}`, status: 400, code: "invalid_parameter", pointer: "/currency"},
		"reference null":               {body: `{"amount":1,"currency":"EUR","reference":null}`, status: 400, code: "malformed_request", pointer: "/reference"},
		"reference too long":           {body: `{"amount":1,"currency":"EUR","reference":"` + strings.Repeat("é", 201) + `"}`, status: 400, code: "invalid_parameter", pointer: "/reference"},
		"reference with NUL":           {body: `{"amount":1,"currency":"EUR","reference":"a\u0000b"}`, status: 400, code: "invalid_parameter", pointer: "/reference"},
		"metadata not of texts":        {body: `{"amount":1,"currency":"EUR","metadata":{"a":1}}`, status: 400, code: "malformed_request", pointer: "/metadata/a"},
		"too much metadata":            {body: `{"amount":1,"currency":"EUR","metadata":{` + entries(21) + `}}`, status: 400, code: "invalid_parameter", pointer: "/metadata"},
		"closed account":               {path: closed + "/deposits", status: 422, code: "account_closed"},
		"unknown account":              {path: "/v1/accounts/" + uuid.NewString() + "/deposits", status: 404, code: "not_found"},
		"unknown account, amount zero": {path: "/v1/accounts/" + uuid.NewString() + "/deposits", body: `{"amount":0,"currency":"EUR"}`, status: 404, code: "not_found"},
		"id that is none":              {path: "/v1/accounts/1%20OR%201/deposits", status: 404, code: "not_found"},
		"stale If-Match":               {header: []string{"If-Match", `"1"`}, status: 412, code: "version_mismatch"},
		"If-Match any":                 {header: []string{"If-Match", `*`}, status: 400, code: "invalid_parameter"},
		"If-Match weak":                {header: []string{"If-Match", `W/"2"`}, status: 400, code: "invalid_parameter"},
		"If-Match bare":                {header: []string{"If-Match", `2`}, status: 400, code: "invalid_parameter"},
		"If-Match list":                {header: []string{"If-Match", `"1", "2"`}, status: 400, code: "invalid_parameter"},
		"If-Match negative":            {header: []string{"If-Match", `"-1"`}, status: 400, code: "invalid_parameter"},
		"If-Match too large":           {header: []string{"If-Match", `"99999999999999999999"`}, status: 400, code: "invalid_parameter"},
		"no token":                     {token: "none", status: 401, code: "unauthenticated"},
		"expired token":                {token: expired, status: 401, code: "unauthenticated"},
		"token that is none":           {token: "abc", status: 401, code: "unauthenticated"},
		"wrong scope":                  {token: r.Token(t, "s", auth.AccountsRead, auth.AuditRead, auth.Operations, auth.Own), status: 403, code: "insufficient_scope"},
		"dry run that is no boolean":   {path: path + "/deposits?dry_run=1", status: 400, code: "invalid_parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			before := r.bank.accounts[uuid.MustParse(strings.TrimPrefix(path, "/v1/accounts/"))].Version
			body, at, token := or(c.body, good), or(c.path, path+"/deposits"), or(c.token, r.teller)
			if token == "none" {
				token = ""
			}
			answer := r.want(r.as(token, "POST", at, body, c.header...), c.status, c.code)
			if c.pointer != "" && (len(answer.Problem.Errors) == 0 || answer.Problem.Errors[0].Pointer != c.pointer) {
				t.Errorf("errors %+v, want one at %s", answer.Problem.Errors, c.pointer)
			}
			if after := r.bank.accounts[uuid.MustParse(strings.TrimPrefix(path, "/v1/accounts/"))].Version; after != before {
				t.Error("the account has changed")
			}
		})
	}
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func entries(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"k%d":"v"`, i))
	}
	return strings.Join(all, ",")
}

// TestRefusalsCarryTheirData holds the problem of a refusal to the example in the API's contract.
func TestRefusalsCarryTheirData(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open(`,"overdraft_limit":500`)
	r.want(r.do("POST", path+"/deposits", `{"amount":500,"currency":"EUR"}`), 201, "")
	answer := r.want(r.do("POST", path+"/withdrawals", `{"amount":2500,"currency":"EUR"}`, "X-Request-Id", "req-1"), 422, "insufficient_funds")
	want := `{"type":"https://passbook.dev/errors/insufficient_funds","title":"Insufficient funds","status":422,"code":"insufficient_funds",` +
		`"detail":"2500 requested, 1000 available","instance":"` + path + `/withdrawals","request_id":"req-1","retryable":false,` +
		`"errors":[{"pointer":"/amount","code":"exceeds_available","detail":"2500 requested, 1000 available"}],` +
		`"context":{"available":1000,"requested":2500,"currency":"EUR","account_version":2}}`
	if string(answer.Body) != want {
		t.Errorf("got  %s\nwant %s", answer.Body, want)
	}
}

// everyRefusal lists those of all aggregates, and of the two sides of a transfer.
func everyRefusal() (all []banking.Refusal) {
	for _, refusal := range account.Refusals() {
		all = append(all, refusal, transfer.Refused{Side: transfer.Source, Refusal: refusal}, transfer.Refused{Side: transfer.Target, Refusal: refusal})
	}
	for _, refusal := range payment.Refusals() {
		all = append(all, refusal)
	}
	for _, refusal := range reversal.Refusals() {
		all = append(all, refusal)
	}
	return append(all, banking.NotReversible{})
}

// TestEveryRefusalIsInTheTable walks the closed sets of refusals: each has a status of its own kind and a valid problem, whatever
// command it is an answer to.
func TestEveryRefusalIsInTheTable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	schema := r.Spec.Components.Schemas["Problem"].Value
	for _, refusal := range everyRefusal() {
		for _, c := range []banking.Command{
			banking.OnAccount{Command: account.Open{Currency: money.MustCurrency("EUR")}}, banking.Transfer{}, banking.Reverse{},
			banking.OnPayment{Command: payment.Request{}},
		} {
			status, body := commandapi.Render(command.Request{Path: "/v1/accounts", RequestID: "r", Command: c}, command.Outcome{Refusal: refusal, After: r.bank})
			kind := httpapi.KindOf(refusal.Code())
			if kind.Code != refusal.Code() || status != kind.Status || status >= 500 {
				t.Errorf("%T: status %d, kind %+v: %s", refusal, status, kind, body)
			}
			var problem any
			if err := json.Unmarshal(body, &problem); err != nil || schema.VisitJSON(problem) != nil {
				t.Errorf("%T: %s: %v, %v", refusal, body, err, schema.VisitJSON(problem))
			}
		}
	}
	status, _ := commandapi.Render(command.Request{}, command.Outcome{Refusal: errors.New("of no set")})
	if status != 500 {
		t.Errorf("a refusal without a code has status %d", status)
	}
}

func TestErrorsOfTheExecutor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err        error
		status     int
		code       string
		retryAfter string
	}{
		{command.ErrOverloaded, 503, "overloaded", "1"},
		{command.ErrKeyInProgress, 409, "idempotency_in_progress", "1"},
		{command.ErrKeyReused, 422, "idempotency_key_reused", ""},
		{command.ErrUnavailable, 503, "maintenance", "1"},
		{command.ErrStopping, 503, "maintenance", "1"},
		{&command.VersionMismatch{Expected: 3, Actual: 4}, 412, "version_mismatch", ""},
		{context.DeadlineExceeded, 504, "timeout", "1"},
		{fmt.Errorf("read: %w", context.Canceled), 504, "timeout", "1"},
		{errors.New("pq: password authentication failed for user bob"), 500, "internal_error", ""},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.bank.fail = func(command.Request) error { return c.err }
			answer := r.want(r.do("POST", "/v1/accounts/"+uuid.NewString()+"/deposits", `{"amount":1,"currency":"EUR"}`), c.status, c.code)
			if got := answer.Header.Get("Retry-After"); got != c.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, c.retryAfter)
			}
			if strings.Contains(string(answer.Body), "bob") {
				t.Errorf("told the client: %s", answer.Body)
			}
			if answer.Problem.Retryable != (c.status != 422 && c.status != 412) {
				t.Errorf("retryable is %v", answer.Problem.Retryable)
			}
		})
	}
}

// A bank that has too much to do says so before it looks at what is asked, but not to strangers.
func TestOverloadIsToldBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bank.closed = func(caller string) error {
		if caller == "" {
			t.Error("asked for nobody")
		}
		return command.ErrOverloaded
	}
	path := "/v1/accounts/" + uuid.NewString() + "/deposits"
	answer := r.want(r.do("POST", path, `{"amount":`), 503, "overloaded")
	if answer.Header.Get("Retry-After") != "1" || r.bank.asked() != 0 {
		t.Errorf("%v, %d requests executed", answer.Header, r.bank.asked())
	}
	r.want(r.do("POST", path, `{}`, "Authorization", "Bearer x"), 401, "unauthenticated")
}

func TestAPanicIsAnInternalError(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bank.fail = func(command.Request) error { panic("secret") }
	answer := r.want(r.do("POST", "/v1/accounts/"+uuid.NewString()+"/deposits", `{"amount":1,"currency":"EUR"}`), 500, "internal_error")
	if strings.Contains(string(answer.Body), "secret") {
		t.Errorf("told the client: %s", answer.Body)
	}
}
