package commandapi_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	const key = "Idempotency-Key"
	first := r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"EUR","metadata":{"a":"1","b":"2"}}`, key, "k"), 201, "")
	for name, body := range map[string]string{
		"the same":          `{"amount":1,"currency":"EUR","metadata":{"a":"1","b":"2"}}`,
		"in another order":  `{"metadata":{"b":"2","a":"1"},"currency":"EUR","amount":1}`,
		"with white space":  " {\n\t\"amount\" : 1 , \"currency\":\"EUR\",\"metadata\":{ \"a\":\"1\",\"b\":\"2\"} } ",
		"otherwise escaped": `{"\u0061mount":1,"currency":"\u0045UR","metadata":{"a":"1","b":"2"}}`,
	} {
		again := r.want(r.do("POST", path+"/deposits", body, key, "k"), 201, "")
		if string(again.Body) != string(first.Body) || again.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %v %s", name, again.Header, again.Body)
		}
		for _, header := range []string{"Etag", "Passbook-Position", "Content-Type"} {
			if again.Header.Get(header) != first.Header.Get(header) {
				t.Errorf("%s: %s is %q, was %q", name, header, again.Header.Get(header), first.Header.Get(header))
			}
		}
	}
	other := r.open("")
	for name, answer := range map[string]func(){
		"another amount": func() {
			r.want(r.do("POST", path+"/deposits", `{"amount":2,"currency":"EUR"}`, key, "k"), 422, "idempotency_key_reused")
		},
		"another operation": func() {
			r.want(r.do("POST", path+"/withdrawals", `{"amount":1,"currency":"EUR"}`, key, "k"), 422, "idempotency_key_reused")
		},
		"another account": func() {
			r.want(r.do("POST", other+"/deposits", `{"amount":1,"currency":"EUR","metadata":{"a":"1","b":"2"}}`, key, "k"), 422, "idempotency_key_reused")
		},
		"a value date more": func() {
			r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"EUR","effective_at":"2026-01-01T00:00:00Z"}`, key, "k"), 422, "idempotency_key_reused")
		},
	} {
		t.Run(name, func(*testing.T) { answer() })
	}
	r.want(r.as(r.Token(t, "teller-2", auth.AccountsWrite), "POST", path+"/deposits", `{"amount":2,"currency":"EUR"}`, key, "k"), 201, "")
}

func TestReplayOfAnOpeningAndOfARefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const key, body = "Idempotency-Key", `{"owner_id":"o","owner_name":"n","currency":"EUR"}`
	first := r.want(r.do("POST", "/v1/accounts", body, key, "open"), 201, "")
	again := r.want(r.do("POST", "/v1/accounts", body, key, "open"), 201, "")
	if again.Header.Get("Location") != first.Header.Get("Location") || string(again.Body) != string(first.Body) {
		t.Errorf("first %v %s, then %v %s", first.Header, first.Body, again.Header, again.Body)
	}
	path := first.Header.Get("Location")
	const much = `{"amount":1,"currency":"EUR"}`
	refused := r.want(r.do("POST", path+"/withdrawals", much, key, "much"), 422, "insufficient_funds")
	r.want(r.do("POST", path+"/deposits", much), 201, "")
	replay := r.want(r.do("POST", path+"/withdrawals", much, key, "much"), 422, "insufficient_funds")
	if string(replay.Body) != string(refused.Body) || replay.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("refused %s, then %v %s", refused.Body, replay.Header, replay.Body)
	}
}

// TestNothingWrongIsKept: a request that is not understood leaves its key free.
func TestNothingWrongIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	const key = "Idempotency-Key"
	before := r.bank.asked()
	r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"EUR","x":1}`, key, "k"), 400, "malformed_request")
	r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"ZZZ"}`, key, "k"), 400, "invalid_parameter")
	r.want(r.as("", "POST", path+"/deposits", `{"amount":1,"currency":"EUR"}`, key, "k"), 401, "unauthenticated")
	if n := r.bank.asked() - before; n != 0 {
		t.Errorf("the bank was asked %d times", n)
	}
	unknown := "/v1/accounts/" + uuid.NewString() + "/deposits"
	r.want(r.do("POST", unknown, `{"amount":1,"currency":"EUR"}`, key, "k"), 404, "not_found")
	r.want(r.do("POST", path+"/deposits", `{"amount":1,"currency":"EUR"}`, key, "k"), 201, "")
}

// TestOrderOfExamination: of several things wrong, the one that is examined first is told.
func TestOrderOfExamination(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	reader := r.Token(t, "s", auth.AccountsRead)
	huge := `{"amount":1,"currency":"EUR","reference":"` + strings.Repeat("x", 64<<10) + `"}`
	const bad = `{"x":1}`
	none := []string{"Idempotency-Key", ""}
	text := []string{"Idempotency-Key", "", "Content-Type", "text/plain"}
	r.want(r.as("", "POST", "/v1/nothing", bad, text...), 404, "not_found")
	if answer := r.want(r.as("", "GET", path+"/deposits", "", text...), 405, "method_not_allowed"); !strings.Contains(answer.Header.Get("Allow"), "POST") {
		t.Errorf("Allow %q", answer.Header.Get("Allow"))
	}
	r.want(r.as("", "POST", path+"/deposits?x=1", huge, text...), 401, "unauthenticated")
	r.want(r.as(reader, "POST", path+"/deposits?x=1", huge, text...), 403, "insufficient_scope")
	r.want(r.do("POST", path+"/deposits?x=1", huge, text...), 400, "invalid_parameter")
	r.want(r.do("POST", path+"/deposits", huge, text...), 415, "unsupported_media_type")
	r.want(r.do("POST", path+"/deposits", huge, none...), 413, "payload_too_large")
	r.want(r.do("POST", path+"/deposits", bad, none...), 400, "malformed_request")
	r.want(r.do("POST", path+"/deposits", `{"amount":-1,"currency":"EUR"}`, none...), 400, "idempotency_key_required")
	r.want(r.do("POST", "/v1/accounts/7/deposits", `{"amount":-1,"currency":"EUR"}`, none...), 400, "idempotency_key_required")
	r.want(r.do("POST", path+"/deposits", `{"amount":-1,"currency":"EUR"}`), 422, "amount_out_of_range")
}
