package queryapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
	"passbook/readmodel"
)

func TestAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, path := r.account("owner-17")
	answer := r.want(r.get(path), 200, "")
	want := fmt.Sprintf(`{"account_id":"%s","owner_id":"owner-17","owner_name":"Ada","currency":"EUR","balance":-100,"held":5,"available":395,`+
		`"overdraft_limit":500,"status":"frozen","version":17,"opened_at":"2026-11-01T09:00:00Z","updated_at":"2026-11-01T10:00:00Z",`+
		`"freeze_scope":"debit","metadata":{"a":"1","b":"2"}}`, a.ID)
	if string(answer.Body) != want {
		t.Errorf("got  %s\nwant %s", answer.Body, want)
	}
	for name, want := range map[string]string{"ETag": `"17"`, "Passbook-Position": "10", "Passbook-Lag-Ms": "7", "Content-Type": "application/json"} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, unknown := range []string{uuid.NewString(), "7", "x", strings.ReplaceAll(a.ID.String(), "-", ""), uuid.Nil.String(), "%00"} {
		r.want(r.get("/v1/accounts/"+unknown), 404, "not_found")
	}
}

// pages reads a list to its end, page by page.
func (r *rig) pages(path string) (rows []map[string]any, n int) {
	r.t.Helper()
	for cursor := ""; n < 100; n++ {
		var page struct {
			Data       []map[string]any
			HasMore    bool   `json:"has_more"`
			NextCursor string `json:"next_cursor"`
		}
		answer := r.want(r.get(path+cursor), 200, "")
		if err := json.Unmarshal(answer.Body, &page); err != nil {
			r.t.Fatal(err)
		}
		rows = append(rows, page.Data...)
		if page.HasMore != (page.NextCursor != "") {
			r.t.Errorf("has_more %v with cursor %q", page.HasMore, page.NextCursor)
		}
		if !page.HasMore {
			return rows, n + 1
		}
		cursor = "&cursor=" + url.QueryEscape(page.NextCursor)
	}
	r.t.Fatal("the list has no end")
	return nil, 0
}

func TestListAccounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 7 {
		r.account("owner-" + strconv.Itoa(i%2))
	}
	if rows, pages := r.pages("/v1/accounts?limit=2"); len(rows) != 7 || pages != 4 {
		t.Errorf("%d accounts on %d pages, want 7 on 4", len(rows), pages)
	}
	if rows, pages := r.pages("/v1/accounts?limit=2&owner_id=owner-0&status=frozen&currency=EUR"); len(rows) != 4 || pages != 2 {
		t.Errorf("%d accounts on %d pages, want 4 on 2", len(rows), pages)
	}
	if answer := r.want(r.get("/v1/accounts?status=closed"), 200, ""); string(answer.Body) != `{"data":[],"has_more":false}` {
		t.Errorf("none: %s", answer.Body)
	}
	if f := last[readmodel.AccountFilter](t, r.books); f.Limit != 25 {
		t.Errorf("limit without a parameter is %d, want 25", f.Limit)
	}
}

func TestCustomersSeeTheirOwnAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, mine := r.account("owner-17")
	_, others := r.account("owner-18")
	customer := r.Token(t, "owner-17", auth.Own)
	for _, what := range []string{"", "/balance", "/balance?basis=effective", "/balances", "/timeline"} {
		r.want(r.as(customer, mine+what), 200, "")
		denied := r.want(r.as(customer, others+what), 404, "not_found")
		unknown := r.want(r.as(customer, "/v1/accounts/"+uuid.NewString()+what), 404, "not_found")
		if denied.Problem.Detail != unknown.Problem.Detail || len(denied.Problem.Context) > 0 {
			t.Errorf("%s of another: %s; of none: %s", what, denied.Body, unknown.Body)
		}
	}
	for path, want := range map[string]int{"/v1/accounts": 1, "/v1/accounts?owner_id=owner-17": 1, "/v1/accounts?owner_id=owner-18": 0} {
		data := r.want(r.as(customer, path), 200, "").JSON(t)["data"].([]any)
		if len(data) != want || want == 1 && data[0].(map[string]any)["owner_id"] != "owner-17" {
			t.Errorf("%s lists %v", path, data)
		}
	}
	r.want(r.as(customer, mine+"/events"), 403, "insufficient_scope")
	r.want(r.as(customer, "/v1/projections"), 403, "insufficient_scope")
	r.want(r.as(r.Token(t, "owner-18", auth.Own, auth.AccountsRead), mine), 200, "")
}

func TestBalance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, path := r.account("o")
	now := r.want(r.get(path+"/balance"), 200, "").JSON(t)
	if now["balance"] != -100.0 || now["held"] != 5.0 || now["basis"] != "recorded" || now["version"] != 17.0 ||
		now["available"] != float64(a.Available) {
		t.Errorf("now: %v", now)
	}
	then := r.want(r.get(path+"/balance?at=2026-10-31T23:59:59.1234567%2B01:00"), 200, "").JSON(t)
	q := last[balanceQuestion](t, r.books)
	if want := time.Date(2026, 10, 31, 22, 59, 59, 123456000, time.UTC); !q.At.Equal(want) || q.Basis != readmodel.BasisRecorded {
		t.Errorf("asked for %+v, want %v", q, want)
	}
	if then["balance"] != 5.0 || then["at"] != "2026-10-31T22:59:59.123456Z" || then["version"] != 3.0 || then["account_id"] != a.ID.String() {
		t.Errorf("then: %v", then)
	}
	if available, has := then["available"]; has {
		t.Errorf("what was available then is not known, and said to be %v", available)
	}
	valued := r.want(r.get(path+"/balance?basis=effective"), 200, "").JSON(t)
	if _, has := valued["version"]; has || valued["basis"] != "effective" || last[balanceQuestion](t, r.books).Basis != readmodel.BasisEffective {
		t.Errorf("by value date: %v", valued)
	}
	r.want(r.get(path+"/balance?at=1980-01-01T00:00:00Z"), 404, "not_found")
	r.want(r.get(path+"/balance?at=9998-12-31T00:00:00Z"), 200, "")
	for _, at := range []string{"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00%2B01:00"} {
		r.want(r.get(path+"/balance?at="+at), 400, "invalid_parameter")
		r.want(r.get(path+"/timeline?from="+at), 400, "invalid_parameter")
		r.want(r.get(path+"/balances?to="+at), 400, "invalid_parameter")
	}
}

// TestBalanceNowIsNotBehindAnothersClock: an account changed by a clock ahead of ours is read as it is now.
func TestBalanceNowIsNotBehindAnothersClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("o")
	ahead := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	r.books.accounts[0].UpdatedAt = ahead
	r.want(r.get(path+"/balance?basis=effective"), 200, "")
	if q := last[balanceQuestion](t, r.books); !q.At.Equal(ahead) {
		t.Errorf("asked for %v, want %v", q.At, ahead)
	}
}

func TestDailyBalances(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("o")
	date := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	tomorrow := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	for query, want := range map[string]daysQuestion{
		"?from=2026-10-01&to=2026-11-01&interval=day":                         {date(2026, 10, 1), date(2026, 11, 1), "recorded"},
		"?from=2026-10-01T15:00:00Z&to=2026-10-31T00:00:00.5Z&basis=recorded": {date(2026, 10, 1), date(2026, 11, 1), "recorded"},
		"?from=2026-10-01T01:00:00%2B02:00&to=2026-11-01T00:00:00Z":           {date(2026, 9, 30), date(2026, 11, 1), "recorded"},
		"?to=2026-11-01&basis=effective":                                      {date(2026, 10, 2), date(2026, 11, 1), "effective"},
		"":                                                                    {tomorrow.AddDate(0, 0, -30), tomorrow, "recorded"},
	} {
		series := r.want(r.get(path+"/balances"+query), 200, "").JSON(t)
		if got := last[daysQuestion](t, r.books); got != want {
			t.Errorf("%s asked for %v, want %v", query, got, want)
		}
		day := series["data"].([]any)[0].(map[string]any)
		if series["from"] != want.From.Format(time.DateOnly) || series["to"] != want.To.Format(time.DateOnly) || series["currency"] != "EUR" ||
			day["date"] != series["from"] || day["balance"] != -5.0 || day["in"] != 1.0 || day["out"] != 6.0 || day["movements"] != 2.0 {
			t.Errorf("%s: %v", query, series)
		}
	}
	r.want(r.get(path+"/balances?from=2016-01-01&to=2026-02-17"), 200, "") // 3,700 days
	for _, query := range []string{"?from=2016-01-01&to=2026-02-18", "?from=2026-01-01&to=2026-01-01", "?from=2026-01-02&to=2026-01-01",
		"?from=yesterday", "?to=2026-13-01", "?interval=month", "?basis=booked"} {
		r.want(r.get(path+"/balances"+query), 400, "invalid_parameter")
	}
}

func (r *rig) timeline(a readmodel.Account, n int) {
	for i := range n {
		row := readmodel.TimelineRow{
			AccountID: a.ID, Position: int64(100 - i), Version: int64(n - i), EventID: uuid.New(), Type: "account_frozen", Direction: "none",
			Currency: "EUR", Balance: int64(i), EffectiveAt: time.Now(), RecordedAt: time.Now(),
		}
		if i%2 == 0 {
			row.Type, row.Direction, row.TransactionID, row.Amount = "deposit", "in", new(uuid.New()), new(int64(50))
			row.Reference, row.Description, row.Detail, row.Metadata = "R", "Deposit: desk", "desk", map[string]string{"a": "b"}
		}
		r.books.rows = append(r.books.rows, row)
	}
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, path := r.account("o")
	r.timeline(a, 7)
	rows, pages := r.pages(path + "/timeline?limit=3")
	if len(rows) != 7 || pages != 3 || rows[0]["amount"] != 50.0 || rows[0]["detail"] != "desk" || rows[0]["transaction_id"] == nil {
		t.Errorf("%d rows on %d pages: %v", len(rows), pages, rows[0])
	}
	for _, name := range []string{"amount", "transaction_id", "reference", "metadata", "detail", "description"} {
		if _, has := rows[1][name]; has {
			t.Errorf("a row without money has %s: %v", name, rows[1])
		}
	}
	if rows, _ := r.pages(path + "/timeline?type=deposit&type=fee&limit=1"); len(rows) != 4 {
		t.Errorf("%d deposits and fees, want 4", len(rows))
	}
	r.want(r.get("/v1/accounts/"+uuid.NewString()+"/timeline"), 404, "not_found")
	if _, none := r.account("o"); string(r.want(r.get(none+"/timeline"), 200, "").Body) != `{"data":[],"has_more":false}` {
		t.Error("an account without rows has an empty page")
	}
	r.want(r.get(path+"/timeline?direction=out&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"), 200, "")
	f := last[readmodel.TimelineFilter](t, r.books)
	if f.Direction != "out" || !f.From.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || !f.To.Equal(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("filter %+v", f)
	}
	for _, query := range []string{"?type=transfer", "?type=", "?direction=none", "?from=2026-01-01", "?from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
		"?limit=0", "?limit=201", "?limit=-1", "?limit=1.5", "?limit=x", "?limit=", "?limit=1&limit=2", "?limit=99999999999999999999"} {
		r.want(r.get(path+"/timeline"+query), 400, "invalid_parameter")
	}
}

func TestCursorsBelongToTheirFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, path := r.account("o")
	b, other := r.account("o")
	r.timeline(a, 3)
	r.timeline(b, 3)
	next := func(path string) string {
		return "cursor=" + url.QueryEscape(r.want(r.get(path), 200, "").JSON(t)["next_cursor"].(string))
	}
	accounts, rows := next("/v1/accounts?limit=1"), next(path+"/timeline?limit=1")
	deposits := next(path + "/timeline?limit=1&type=deposit&type=fee")
	r.want(r.get("/v1/accounts?limit=200&"+accounts), 200, "")
	r.want(r.get(path+"/timeline?limit=200&"+rows), 200, "")
	r.want(r.get(path+"/timeline?type=fee&type=deposit&type=fee&"+deposits), 200, "")
	for _, wrong := range []string{
		"/v1/accounts?status=open&" + accounts, "/v1/accounts?owner_id=o&" + accounts, "/v1/accounts?" + rows,
		other + "/timeline?" + rows, path + "/timeline?direction=in&" + rows, path + "/timeline?" + deposits, path + "/timeline?" + accounts,
		path + "/timeline?from=2026-01-01T00:00:00Z&" + rows, path + "/timeline?cursor=abc", path + "/timeline?cursor=!", path + "/timeline?" + rows + "AA",
	} {
		r.want(r.get(wrong), 400, "invalid_cursor")
	}
	r.want(r.as(r.Token(t, "o", auth.Own), "/v1/accounts?"+accounts), 400, "invalid_cursor")
	r.want(r.get("/v1/accounts?cursor="), 400, "invalid_parameter")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, path := r.account("o")
	for i := range 3 {
		r.books.events = append(r.books.events, eventstore.Event{
			Position: int64(20 + i), ID: uuid.New(), StreamType: "account", StreamID: a.ID, Version: int64(i + 1), Type: "money.deposited", Schema: 1,
			Data: json.RawMessage(`{"amount":9007199254740991}`), Metadata: json.RawMessage(`{"actor":"teller-1"}`), EffectiveAt: time.Now(), RecordedAt: time.Now(),
		})
	}
	r.books.events[0].Metadata = nil
	r.reader = r.Token(t, "auditor", auth.AuditRead)
	rows, pages := r.pages(path + "/events?limit=2")
	if len(rows) != 3 || pages != 2 || rows[0]["version"] != 1.0 || rows[2]["metadata"].(map[string]any)["actor"] != "teller-1" {
		t.Errorf("%d events on %d pages: %v", len(rows), pages, rows)
	}
	answer := r.want(r.get(path+"/events", "Passbook-Min-Position", "21"), 200, "")
	if !strings.Contains(string(answer.Body), "9007199254740991") || answer.Header.Get("Passbook-Position") != "22" {
		t.Errorf("%v %s", answer.Header, answer.Body)
	}
	r.want(r.get("/v1/accounts/"+uuid.NewString()+"/events"), 404, "not_found")
	r.want(r.as(r.Token(t, "r", auth.AccountsRead, auth.AccountsWrite, auth.Operations), path+"/events"), 403, "insufficient_scope")
}

func TestReadYourOwnWrite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("o")
	r.want(r.get(path, "Passbook-Min-Position", "10"), 200, "")
	if n := len(r.books.asked); n > 0 {
		t.Errorf("waited for what was there: %v", r.books.asked)
	}
	stale := r.want(r.get(path, "Passbook-Min-Position", "11", "Prefer", "respond-async, Wait=0"), 409, "read_model_stale")
	if stale.Header.Get("Retry-After") == "" || stale.Problem.Context["demanded"] != 11.0 || stale.Problem.Context["position"] != 10.0 || !stale.Problem.Retryable {
		t.Errorf("%v %s", stale.Header, stale.Body)
	}
	if q := last[waitQuestion](t, r.books); q.Position != 11 || len(q.Projections) != 1 || q.Projections[0] != readmodel.Balances {
		t.Errorf("waited for %+v", q)
	}
	r.want(r.get("/v1/accounts/"+uuid.NewString(), "Passbook-Min-Position", "11", "Prefer", "wait=0"), 409, "read_model_stale") // it may be opened there
	done := make(chan *httpapitest.Response)
	go func() { done <- r.get(path+"/timeline", "Passbook-Min-Position", "12", "Prefer", "wait=30") }()
	r.books.advance(12)
	if answer := <-done; answer.Status != 200 || answer.Header.Get("Passbook-Position") != "12" {
		t.Errorf("after the wait: %d %s", answer.Status, answer.Body)
	}
	opened := make(chan *httpapitest.Response)
	go func() { opened <- r.get(path, "Passbook-Min-Position", "13", "Prefer", "wait=30") }()
	r.books.advance(13)
	if answer := <-opened; answer.Status != 200 || answer.Header.Get("Passbook-Position") != "13" {
		t.Errorf("after the wait: %d %s", answer.Status, answer.Body)
	}
	for _, bad := range []string{"x", "-1", "1.5", "007", "99999999999999999999"} {
		r.want(r.get(path, "Passbook-Min-Position", bad), 400, "invalid_parameter")
	}
}

func TestTooManyReads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("o")
	r.books.fail = fmt.Errorf("read account: %w", readmodel.ErrOverloaded)
	answer := r.want(r.get(path), 503, "overloaded")
	if answer.Header.Get("Retry-After") == "" || !answer.Problem.Retryable {
		t.Errorf("%v %s", answer.Header, answer.Body)
	}
}

func TestErrorsOfTheReadModels(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("o")
	r.books.fail = errors.New("dial tcp 10.0.0.7: password authentication failed")
	r.reader = r.Token(t, "r", auth.AccountsRead, auth.AuditRead, auth.Operations)
	r.books.events = []eventstore.Event{{StreamID: r.books.accounts[0].ID, Version: 1}}
	for _, p := range []string{"/v1/accounts", path, path + "/balance", path + "/balances", path + "/timeline", path + "/events", "/v1/projections"} {
		if answer := r.want(r.get(p), 500, "internal_error"); strings.Contains(string(answer.Body), "10.0.0.7") {
			t.Errorf("told the client: %s", answer.Body)
		}
	}
}

func TestParametersAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("o")
	for p, name := range map[string]string{
		path + "?at=2026-01-01T00:00:00Z": "at", "/v1/accounts?owner=o": "owner", "/v1/accounts?status=OPEN": "status", "/v1/accounts?currency=eur": "currency",
		"/v1/accounts?owner_id=": "owner_id", "/v1/accounts?owner_id=%00": "owner_id", "/v1/accounts?owner_id=%ff": "owner_id",
		"/v1/accounts?owner_id=" + strings.Repeat("o", 129): "owner_id", path + "/balance?at=now": "at", "/v1/projections?x=1": "x",
	} {
		answer := r.want(r.as(r.Token(t, "r", auth.AccountsRead), p), 400, "invalid_parameter")
		if answer.Problem.Errors[0].Parameter != name {
			t.Errorf("%s: %+v", p, answer.Problem.Errors)
		}
	}
	r.want(r.get("/v1/accounts?a=%zz"), 400, "invalid_parameter")
	r.want(r.get("/v1/accounts?a=1;b=2"), 400, "invalid_parameter")
	r.want(r.get("/"), 404, "not_found")
}
