package commandapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/internal/denials"
	"passbook/internal/localissuer"
)

// Each way in which a command is not granted leaves what there is to know of it, once; what is granted, or asked in the wrong form, leaves
// nothing.
func TestDenialsAreNoted(t *testing.T) {
	t.Parallel()
	kit, bank, trail := httpapitest.New(t, api.Command), newBank(), &httpapitest.Trail{}
	cfg := kit.Config()
	cfg.Trail = trail
	server, err := commandapi.New(cfg, commandapi.Limits{}, bank, bank, nil)
	if err != nil {
		t.Fatal(err)
	}
	teller := kit.Sign(t, localissuer.TokenRequest{Subject: "teller-1", Client: "till", Scopes: []string{string(auth.AccountsWrite)}})
	r := &rig{Kit: kit, t: t, bank: bank, server: server, teller: teller, found: map[string]string{}}
	mallory := kit.Sign(t, localissuer.TokenRequest{Subject: "mallory", Client: "app", Scopes: []string{string(auth.Own)}})
	path, other := r.openFor("ada", "EUR", 100), r.openFor("eve", "EUR", 0)
	account, nobody := strings.TrimPrefix(path, "/v1/accounts/"), uuid.NewString()
	const withdrawals, everything = "/v1/accounts/{account_id}/withdrawals", `{"amount":1000000,"currency":"EUR"}`
	if noted := trail.Take(); len(noted) > 0 {
		t.Errorf("what was granted is noted: %v", noted)
	}
	bulk := func(mode string, items ...string) func() {
		return func() { r.do("POST", "/v1/bulk"+mode, "["+strings.Join(items, ",")+"]", "X-Request-Id", "req-1") }
	}
	req := func(token, path, body string, header ...string) func() {
		return func() { r.as(token, "POST", path, body, append(header, "X-Request-Id", "req-1")...) }
	}
	type want struct{ actor, client, code, route, about string }
	for name, c := range map[string]struct {
		ask  func()
		want []want
	}{
		"no token":          {req("", path+"/withdrawals", euroCent), []want{{"", "", "unauthenticated", withdrawals, account}}},
		"a bad token":       {req(teller+"x", path+"/withdrawals", euroCent), []want{{"", "", "unauthenticated", withdrawals, account}}},
		"without the scope": {req(mallory, path+"/deposits", euroCent), []want{{"mallory", "app", "insufficient_scope", "/v1/accounts/{account_id}/deposits", account}}},
		"another's account": {req(mallory, path+"/withdrawals", euroCent), []want{{"mallory", "app", "not_found", withdrawals, account}}},
		"another's, in the body": {req(mallory, "/v1/transfers", transferBody(path, other, 1, "")),
			[]want{{"mallory", "app", "not_found", "/v1/transfers", account}}},
		"nobody's":                  {req(teller, "/v1/holds/"+nobody+"/release", ""), []want{{"teller-1", "till", "not_found", "/v1/holds/{hold_id}/release", nobody}}},
		"what is no id":             {req(teller, "/v1/holds/eyJhbGciOiJub25lIn0.e30./release", ""), []want{{"teller-1", "till", "not_found", "/v1/holds/{hold_id}/release", ""}}},
		"refused by the rules":      {req(teller, path+"/withdrawals", everything), []want{{"teller-1", "till", "insufficient_funds", withdrawals, account}}},
		"refused, account in body":  {req(teller, "/v1/transfers", transferBody(path, other, 1_000_000, "")), []want{{"teller-1", "till", "insufficient_funds", "/v1/transfers", account}}},
		"asked, not ordered":        {req(teller, path+"/withdrawals?dry_run=true", everything), nil},
		"in the wrong form":         {req(teller, path+"/withdrawals", `{}`), nil},
		"at the wrong version":      {req(teller, path+"/withdrawals", euroCent, "If-Match", `"99"`), nil},
		"a path that nobody has":    {req(teller, "/v1/wp-admin", `{}`), nil},
		"an item of a bulk":         {bulk("", item(path+"/withdrawals", everything), item(path+"/withdrawals", euroCent)), []want{{"teller-1", "till", "insufficient_funds", withdrawals, account}}},
		"an item without the scope": {bulk("", item("/v1/payments/"+nobody+"/cancel", `{}`)), []want{{"teller-1", "till", "insufficient_scope", "/v1/payments/{payment_id}/cancel", nobody}}},
		"the item that undoes all": {bulk("?mode=atomic", item(path+"/withdrawals", euroCent), item(path+"/withdrawals", everything)),
			[]want{{"teller-1", "till", "insufficient_funds", withdrawals, account}}},
		"the item that is not allowed": {bulk("?mode=atomic", item("/v1/payments/"+nobody+"/cancel", `{}`)),
			[]want{{"teller-1", "till", "insufficient_scope", "/v1/payments/{payment_id}/cancel", nobody}}},
	} {
		c.ask()
		noted := trail.Take()
		if len(noted) != len(c.want) {
			t.Errorf("%s: %+v", name, noted)
			continue
		}
		for i, w := range c.want {
			d := noted[i]
			about := ""
			if d.About != uuid.Nil {
				about = d.About.String()
			}
			if got := (want{d.Actor, d.Client, d.Code, d.Route, about}); got != w || d.RequestID != "req-1" || d.Address != "192.0.2.1" || d.Method != "POST" || d.At.IsZero() {
				t.Errorf("%s: %+v\nwant %+v", name, d, w)
			}
			if (d.Actor == "") != (d.Issuer == "") {
				t.Errorf("%s: actor %q of issuer %q", name, d.Actor, d.Issuer)
			}
		}
		holdsNoSecret(t, noted, teller, mallory)
	}
}

// A refusal that is told again is not refused again.
func TestAReplayedRefusalIsNotNoted(t *testing.T) {
	t.Parallel()
	kit, bank, trail := httpapitest.New(t, api.Command), newBank(), &httpapitest.Trail{}
	cfg := kit.Config()
	cfg.Trail = trail
	server, err := commandapi.New(cfg, commandapi.Limits{}, bank, bank, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Kit: kit, t: t, bank: bank, server: server, teller: kit.Token(t, "teller-1", auth.AccountsWrite)}
	path := r.open("")
	for range 3 {
		r.want(r.do("POST", path+"/withdrawals", euroCent, "Idempotency-Key", "k"), 422, "insufficient_funds")
	}
	if noted := trail.Take(); len(noted) != 1 {
		t.Errorf("%d are noted", len(noted))
	}
}

// holdsNoSecret looks for parts of tokens and bodies.
func holdsNoSecret(t *testing.T, noted []denials.Denial, tokens ...string) {
	t.Helper()
	text := fmt.Sprintf("%+v", noted)
	for _, token := range tokens {
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(text, part) {
				t.Errorf("a part of a token is noted: %s", text)
			}
		}
	}
	for _, secret := range []string{"eyJ", "amount", "1000000", "currency", "Bearer"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is noted: %s", secret, text)
		}
	}
}
