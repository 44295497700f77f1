package queryapi_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"passbook/httpapi/auth"
	"passbook/httpapi/queryapi"
	"passbook/readmodel"
)

func TestOwners(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, _ := r.account("ada")
	teller, own := r.Token(t, "teller", auth.AccountsRead), r.Token(t, "ada", auth.Own)
	for _, token := range []string{teller, own} {
		o := strictly[queryapi.Owner](t, r.want(r.as(token, "/v1/owners/ada"), 200, "").Body)
		if o.OwnerID != "ada" || len(o.AccountIds) != 1 || o.AccountIds[0] != a.ID || *o.HasMore {
			t.Errorf("%+v", o)
		}
	}
	r.want(r.as(own, "/v1/owners/bob"), 404, "not_found")
	r.want(r.as(teller, "/v1/owners/bob"), 404, "not_found")
	page := strictly[queryapi.OwnerPage](t, r.want(r.as(teller, "/v1/owners?q=ada&limit=1"), 200, "").Body)
	if len(page.Data) != 1 || !page.HasMore {
		t.Errorf("%+v", page)
	}
	r.want(r.as(teller, "/v1/owners?q=ada&limit=1&cursor="+page.NextCursor), 200, "")
	if asked := last[readmodel.OwnerFilter](t, r.books); asked != (readmodel.OwnerFilter{Words: "ada", Limit: 1, After: "owner-1"}) {
		t.Errorf("%+v", asked)
	}
	r.want(r.as(own, "/v1/owners"), 200, "")
	if asked := last[readmodel.OwnerFilter](t, r.books); asked.Only != "ada" {
		t.Errorf("a customer looks for others: %+v", asked)
	}
	r.want(r.as(teller, "/v1/owners?q=other&cursor="+page.NextCursor), 400, "invalid_cursor")
	r.want(r.as(own, "/v1/owners?q=ada&cursor="+page.NextCursor), 400, "invalid_cursor")
	r.want(r.as(teller, "/v1/owners?cursor=AQEabc"), 400, "invalid_cursor")
	r.want(r.as(teller, "/v1/owners?q=%26"), 400, "invalid_parameter")
}

// Owner knows the owners of the accounts.
func (b *books) Owner(_ context.Context, id string) (readmodel.Owner, readmodel.Freshness, error) {
	o := readmodel.Owner{ID: id}
	for _, a := range b.accounts {
		if a.OwnerID == id {
			o.Name, o.Accounts = a.OwnerName, append(o.Accounts, a.ID)
		}
	}
	if len(o.Accounts) == 0 {
		return o, b.fresh(), fmt.Errorf("owner: %w", readmodel.ErrNotFound)
	}
	return o, b.fresh(), b.fail
}

// Owners notes the question and answers with one owner, behind which there is more.
func (b *books) Owners(_ context.Context, f readmodel.OwnerFilter) ([]readmodel.Owner, bool, readmodel.Freshness, error) {
	b.note(f)
	if !strings.ContainsFunc(f.Words, func(r rune) bool { return r >= 'a' && r <= 'z' }) && f.Words != "" {
		return nil, false, b.fresh(), readmodel.ErrNoWords
	}
	return []readmodel.Owner{{ID: "owner-1", Name: "Ada"}}, true, b.fresh(), b.fail
}

// No owner has a name that the database cannot hold, and it is not asked.
func TestOwnersThatCannotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, id := range []string{"\xff\xfe", "a\x00"} {
		r.books.accounts = append(r.books.accounts, readmodel.Account{OwnerID: id})
		r.want(r.get("/v1/owners/"+url.PathEscape(id)), 404, "not_found")
		page := r.get("/v1/owners").JSON(t)
		made := append(must(base64.RawURLEncoding.DecodeString(page["next_cursor"].(string))), id...)
		r.want(r.get("/v1/owners?cursor="+base64.RawURLEncoding.EncodeToString(made)), 400, "invalid_cursor")
	}
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}
