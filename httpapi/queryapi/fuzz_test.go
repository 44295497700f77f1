package queryapi_test

import (
	"net/url"
	"testing"

	"passbook/api"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
)

// FuzzTimelineParameters sends anything as cursor, time, limit and header. Never is that our fault (5xx), and always is the
// answer as documented.
func FuzzTimelineParameters(f *testing.F) {
	f.Add("", "", "", "", "")
	f.Add("AXQ", "2026-01-01T00:00:00Z", "25", "12", "wait=1")
	f.Add("AWFmaHqt-GK9dwGh_D_9c3HisypuGuRfaqs", "9999-12-31T23:59:59.999999999+23:59", "200", "0", "wait=0, x")
	f.Add("\x00", "0000-01-01T00:00:00Z", "-1", "9223372036854775807", "wait=\"")
	kit, books := httpapitest.New(f, api.Query), newBooks()
	server, err := queryapi.New(kit.Config(), books, queryapi.Streams{})
	if err != nil {
		f.Fatal(err)
	}
	a := readmodelAccount()
	books.accounts = append(books.accounts, a)
	token := kit.Token(f, "reader", auth.AccountsRead)

	f.Fuzz(func(t *testing.T, cursor, from, limit, position, prefer string) {
		if len(prefer) > 0 && prefer != "wait=0, x" {
			prefer = "wait=0" // what else is asked for would be waited for
		}
		query := url.Values{"cursor": {cursor}, "from": {from}, "limit": {limit}}
		answer := kit.Do(t, server, httpapitest.Request{
			Method: "GET", Path: "/v1/accounts/" + a.ID.String() + "/timeline?" + query.Encode(), Token: token,
			Header: map[string]string{"Passbook-Min-Position": position, "Prefer": prefer},
		})
		if answer.Status >= 500 {
			t.Errorf("%v, %q, %q: %d %s", query, position, prefer, answer.Status, answer.Body)
		}
	})
}
