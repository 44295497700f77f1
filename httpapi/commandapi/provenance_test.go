package commandapi_test

import (
	"net/netip"
	"testing"

	"passbook/api"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/internal/localissuer"
)

// Who asks, through which program, from where: the same of a request by itself and of one that is an item of a bulk.
func TestACommandSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	kit, bank := httpapitest.New(t, api.Command), newBank()
	cfg := kit.Config()
	cfg.Proxies = httpapi.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}} // of which httptest's requests come
	server, err := commandapi.New(cfg, commandapi.Limits{}, bank, bank, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := kit.Sign(t, localissuer.TokenRequest{Subject: "teller-1", Client: "till", Scopes: []string{string(auth.AccountsWrite)}})
	header := map[string]string{"Idempotency-Key": "k", "User-Agent": "till-software/7\x01", "X-Forwarded-For": "1.1.1.1, 198.51.100.7"}
	opening := `{"owner_id":"ada","owner_name":"Ada","currency":"EUR"}`
	kit.Do(t, server, httpapitest.Request{Method: "POST", Path: "/v1/accounts", Token: token, Body: opening, Header: header})
	kit.Do(t, server, httpapitest.Request{Method: "POST", Path: "/v1/bulk", Token: token, Body: "[" + item("/v1/accounts", opening) + "]", Header: header})
	if len(bank.requests) != 2 {
		t.Fatalf("%d requests", len(bank.requests))
	}
	for _, r := range bank.requests {
		if r.Actor != "teller-1" || r.Client != "till" || r.UserAgent != "till-software/7" || r.Address != "198.51.100.7" {
			t.Errorf("by %q, client %q, agent %q, from %q", r.Actor, r.Client, r.UserAgent, r.Address)
		}
	}
}
