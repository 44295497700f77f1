package queryapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/readmodel"
)

func TestConditionalGet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("owner-17")
	for _, same := range []string{`"17"`, `W/"17"`, `*`, ` * `, `"16", "17"`, `"16","17" ,"18"`, `"a,b", W/"x", "17"`, `,, "17"`} {
		answer := r.get(path, "If-None-Match", same)
		if answer.Status != http.StatusNotModified || len(answer.Body) > 0 {
			t.Errorf("%s: %d %s", same, answer.Status, answer.Body)
		}
		for name, want := range map[string]string{"ETag": `"17"`, "Passbook-Position": "10", "Passbook-Lag-Ms": "7", "Content-Type": "", "Cache-Control": "no-store"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", same, name, got, want)
			}
		}
	}
	for _, other := range []string{`"16"`, `17`, `"17`, `17"`, `""`, `"017"`, `"+17"`, `w/"17"`, `"16" "1`, `x, "17"`, `"*"`, `,`} {
		if answer := r.get(path, "If-None-Match", other); answer.Status != http.StatusOK || len(answer.Body) == 0 {
			t.Errorf("%s: %d %s", other, answer.Status, answer.Body)
		}
	}
	// Its position is as fresh as any, and it may be waited for.
	r.books.advance(12)
	if answer := r.get(path, "If-None-Match", `"17"`, "Passbook-Min-Position", "12"); answer.Status != 304 || answer.Header.Get("Passbook-Position") != "12" {
		t.Errorf("%d %v", answer.Status, answer.Header)
	}
	// Nobody learns by it what they may not read.
	r.want(r.as(r.Token(t, "owner-18", auth.Own), path, "If-None-Match", "*"), 404, "not_found")
	r.want(r.get("/v1/accounts/"+uuid.NewString(), "If-None-Match", "*"), 404, "not_found")
	r.books.accounts[0].Version++
	if answer := r.get(path, "If-None-Match", `"17"`); answer.Status != 200 || answer.Header.Get("ETag") != `"18"` {
		t.Errorf("after a change: %d %v", answer.Status, answer.Header)
	}
}

// strictly decodes what a client would, and refuses what the document does not know.
func strictly[T any](t *testing.T, body []byte) T {
	t.Helper()
	var value T
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return value
}

// texts are such as a writer of JSON may stumble over.
var texts = []string{"", "Ada", `a "quoted" \\ back`, "\x01\n\t\u2028", "Žluťoučký kůň 🐎", "</script>", "%s"}

// What is written by hand is what the generated types hold, whatever is in it.
func TestBodiesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := time.Date(2026, 11, 21, 4, 4, 57, 670170000, time.UTC)
	for i, text := range texts {
		a, path := r.account("owner" + text)
		a.OwnerID, a.OwnerName, a.Metadata, a.UpdatedAt = "owner"+text, text, map[string]string{"k" + text: text, "z": ""}, at
		if i%2 == 0 {
			a.Status, a.FreezeScope, a.Metadata = "open", "", nil
		}
		r.books.accounts[i] = a
		want := queryapi.Account{
			AccountID: a.ID, OwnerID: a.OwnerID, OwnerName: a.OwnerName, Currency: "EUR", Balance: -100, Held: 5, Available: 395, OverdraftLimit: 500,
			Status: queryapi.AccountStatus(a.Status), FreezeScope: queryapi.AccountFreezeScope(a.FreezeScope), Metadata: a.Metadata,
			Version: 17, OpenedAt: a.OpenedAt, UpdatedAt: at,
		}
		if got := strictly[queryapi.Account](t, r.want(r.get(path), 200, "").Body); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		page := strictly[queryapi.AccountPage](t, r.want(r.get("/v1/accounts?limit=200"), 200, "").Body)
		if len(page.Data) != i+1 || !reflect.DeepEqual(page.Data[i], want) {
			t.Errorf("in the list: %+v", page)
		}
		row := readmodel.TimelineRow{
			AccountID: a.ID, Position: int64(i + 1), Version: 1, EventID: uuid.New(), Type: "deposit", Direction: "in", Currency: "EUR", Balance: -7,
			Held: 3, Reference: text, Description: text, Detail: text, Metadata: a.Metadata, EffectiveAt: at, RecordedAt: at.Add(time.Nanosecond),
		}
		if i%2 == 0 {
			row.TransactionID, row.Amount = new(uuid.New()), new(int64(0))
		}
		r.books.rows = append(r.books.rows, row)
		lines := strictly[queryapi.TimelinePage](t, r.want(r.get(path+"/timeline"), 200, "").Body)
		if want := timelineRow(row); len(lines.Data) != 1 || !reflect.DeepEqual(lines.Data[0], want) {
			t.Errorf("got  %+v\nwant %+v", lines, want)
		}
	}
}

func timelineRow(r readmodel.TimelineRow) queryapi.TimelineRow {
	return queryapi.TimelineRow{
		AccountID: r.AccountID, EventID: r.EventID, TransactionID: r.TransactionID, Position: r.Position, Version: r.Version,
		Type: queryapi.TimelineType(r.Type), Direction: queryapi.TimelineRowDirection(r.Direction), Amount: r.Amount, Currency: r.Currency,
		Balance: r.Balance, Held: r.Held, Reference: r.Reference, Description: r.Description, Detail: r.Detail, Metadata: r.Metadata,
		EffectiveAt: r.EffectiveAt, RecordedAt: r.RecordedAt,
	}
}

// sink is a ResponseWriter that keeps nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// getting makes a request that can be sent again and again, without network and without database.
func getting(t httpapitest.TB, suffix string, header ...string) (send func() (status int)) {
	t.Helper()
	kit, books := httpapitest.New(t, api.Query), newBooks()
	server, err := queryapi.New(kit.Config(), books, queryapi.Streams{})
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	a := readmodelAccount()
	a.Metadata = nil
	books.accounts = append(books.accounts, a)
	req, err := http.NewRequest("GET", "/v1/accounts/"+a.ID.String()+suffix, nil)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	req.Header.Set("Authorization", "Bearer "+kit.Token(t, "reader", auth.AccountsRead))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := &sink{header: http.Header{}}
	return func() int {
		clear(w.header)
		server.ServeHTTP(w, req)
		return w.status
	}
}

// allocationsMax is the budget of one read, from the parsed request to the written answer. A read is short enough for the
// collector to be felt.
const allocationsMax = 20

func TestReadingAnAccountAllocatesLittle(t *testing.T) {
	send := getting(t, "")
	if n := testing.AllocsPerRun(500, func() { send() }); n > allocationsMax {
		t.Errorf("%.0f allocations", n)
	}
}

// BenchmarkGetAccount is one read from the parsed request to the written answer.
func BenchmarkGetAccount(b *testing.B) {
	for name, header := range map[string][]string{"whole": nil, "unchanged": {"If-None-Match", `"17"`}} {
		b.Run(name, func(b *testing.B) {
			send := getting(b, "", header...)
			b.ReportAllocs()
			for b.Loop() {
				if status := send(); status != http.StatusOK && status != http.StatusNotModified {
					b.Fatal(status)
				}
			}
		})
	}
}
