package queryapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/internal/denials"
)

// A read that is not granted leaves a denial: nobody known, not allowed, another's.
func TestDeniedReadsAreNoted(t *testing.T) {
	t.Parallel()
	kit, books, trail := httpapitest.New(t, api.Query), newBooks(), &httpapitest.Trail{}
	cfg := kit.Config()
	cfg.Trail = trail
	server, err := queryapi.New(cfg, books, queryapi.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	adaAccount := readmodelAccount()
	books.accounts = append(books.accounts, adaAccount)
	path := "/v1/accounts/" + adaAccount.ID.String()
	for _, c := range []struct {
		token, path, actor, code, route string
	}{
		{"", path, "", "unauthenticated", "/v1/accounts/{account_id}"},
		{kit.Token(t, "clerk", auth.AccountsRead), path + "/events", "clerk", "insufficient_scope", "/v1/accounts/{account_id}/events"},
		{kit.Token(t, "mallory", auth.Own), path, "mallory", "not_found", "/v1/accounts/{account_id}"},
		{kit.Token(t, "mallory", auth.Own), path + "/timeline", "mallory", "not_found", "/v1/accounts/{account_id}/timeline"},
	} {
		kit.Do(t, server, httpapitest.Request{Method: "GET", Path: c.path, Token: c.token})
		noted := trail.Take()
		if len(noted) != 1 || noted[0].Actor != c.actor || noted[0].Code != c.code || noted[0].Route != c.route || noted[0].About != adaAccount.ID {
			t.Errorf("%s by %q: %+v", c.path, c.actor, noted)
		}
	}
	kit.Do(t, server, httpapitest.Request{Method: "GET", Path: path, Token: kit.Token(t, adaAccount.OwnerID, auth.Own)})
	if noted := trail.Take(); len(noted) > 0 {
		t.Errorf("what was granted is noted: %+v", noted)
	}
}

func TestListDenials(t *testing.T) {
	t.Parallel()
	kit, books := httpapitest.New(t, api.Query), newBooks()
	server, err := queryapi.New(kit.Config(), books, queryapi.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	account, at := uuid.New(), time.Date(2026, 11, 21, 9, 41, 0, 250_001_000, time.UTC)
	books.denials = []denials.Row{
		{ID: uuid.New(), Times: 3, Denial: denials.Denial{At: at, API: "query", Code: denials.Omitted}},
		{ID: uuid.New(), Times: 1, Denial: denials.Denial{At: at, API: "command", Code: "not_found", Status: 404, Method: "POST", Route: "/v1/transfers", About: account,
			Issuer: "i", Actor: "mallory", Client: "app", UserAgent: "curl", Address: "::1", RequestID: "r"}},
	}
	token := kit.Token(t, "auditor", auth.AuditRead)
	get := func(query string) *httpapitest.Response {
		return kit.Do(t, server, httpapitest.Request{Method: "GET", Path: "/v1/audit/denials" + query, Token: token})
	}
	const filters = "?limit=1&actor=mallory&code=not_found&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"
	first := get(filters).JSON(t)
	second := get(filters + "&cursor=" + first["next_cursor"].(string)).JSON(t)
	row := second["data"].([]any)[0].(map[string]any)
	if first["has_more"] != true || second["has_more"] != false || row["actor"] != "mallory" || row["about"] != account.String() || row["at"] != "2026-11-21T09:41:00.250001Z" {
		t.Errorf("%v\n%v", first, second)
	}
	asked, ok := books.asked[len(books.asked)-1].(denials.Filter)
	if !ok || asked.Actor != "mallory" || asked.Code != "not_found" || asked.From == nil || asked.To == nil || !asked.Before.At.Equal(at) || asked.Before.ID != books.denials[0].ID {
		t.Errorf("asked %+v", asked)
	}
	for query, code := range map[string]string{
		"?cursor=" + fmt.Sprint(first["next_cursor"]): "invalid_cursor", // of other filters
		"?cursor=AAAA": "invalid_cursor", "?from=yesterday": "invalid_parameter", "?from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z": "invalid_parameter",
		"?code=NOT": "invalid_parameter", "?limit=201": "invalid_parameter", "?actor=%00": "invalid_parameter", "?actor=": "invalid_parameter", "?who=me": "invalid_parameter",
	} {
		if answer := get(query); answer.Status != 400 || answer.Problem.Code != code {
			t.Errorf("%s: %d %s", query, answer.Status, answer.Problem.Code)
		}
	}
}
