package commandapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"passbook/api"
	"passbook/command"
	"passbook/eventstore"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// newRealRig is a rig over the command processor and a log in Postgres, of which it counts the rows.
func newRealRig(t *testing.T) (r *rig, rows func() (events, answers int64)) {
	t.Helper()
	pool := pgtest.New(t, eventstore.Migrations).Pool(t, "passbook_command")
	store := eventstore.New(pool)
	kit := httpapitest.New(t, api.Command)
	processor, err := command.New(store, command.Config{}, commandapi.Render, nil, slog.New(slog.DiscardHandler), kit.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	finder, err := command.NewFinder(store)
	if err != nil {
		t.Fatal(err)
	}
	server, err := commandapi.New(kit.Config(), commandapi.Limits{}, processor, finder, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- processor.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	rows = func() (events, answers int64) {
		t.Helper()
		err := pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM idempotency_keys)").Scan(&events, &answers)
		if err != nil {
			t.Fatal(err)
		}
		return events, answers
	}
	return &rig{Kit: kit, t: t, server: server, teller: kit.Token(t, "teller-1", auth.AccountsWrite, auth.Operations), found: map[string]string{}}, rows
}

// TestTenThousandItems are all done, in one request and each once, whether it is sent once or again.
func TestTenThousandItems(t *testing.T) {
	t.Parallel()
	r, rows := newRealRig(t)
	const accounts, items = 20, 10_000
	var paths, bulk []string
	for range accounts {
		paths = append(paths, r.openFor("ada", "EUR", 0))
	}
	for i := range items {
		bulk = append(bulk, item(paths[i%accounts]+"/deposits", `{"amount":3,"currency":"EUR"}`))
	}
	before, _ := rows()
	first := r.bulk(r.teller, bulk, "Idempotency-Key", "many")
	for i, one := range first {
		if one.Status != 201 || one.Replayed {
			t.Fatalf("item %d: %s", i, one.Body)
		}
	}
	again := r.bulk(r.teller, bulk, "Idempotency-Key", "many")
	for i, one := range again {
		if !one.Replayed || string(one.Body) != string(first[i].Body) {
			t.Fatalf("item %d: first %s, then %s", i, first[i].Body, one.Body)
		}
	}
	if after, _ := rows(); after != before+items {
		t.Errorf("%d events more, want %d", after-before, items)
	}
	for _, path := range paths {
		members(t, r.want(r.do("POST", path+"/deposits?dry_run=true", euroCent), 200, "").JSON(t)["result"].(map[string]any), map[string]any{"balance": 3*items/accounts + 1})
	}
}

// TestTenThousandItemsOrNone: the last one is refused, and there is nothing; it is mended, and there is everything.
func TestTenThousandItemsOrNone(t *testing.T) {
	t.Parallel()
	r, rows := newRealRig(t)
	a, b := r.openFor("ada", "EUR", 10_000), r.openFor("eve", "EUR", 0)
	var items []string
	for range 9_999 {
		items = append(items, item("/v1/transfers", transferBody(a, b, 1, "")))
	}
	before, answers := rows()
	bad := append(items, item("/v1/transfers", transferBody(a, b, 2, "")))
	refused := r.want(r.atomic(r.teller, bad, "Idempotency-Key", "all"), 422, "insufficient_funds")
	members(t, refused.Problem.Context, map[string]any{"failed_index": 9_999, "items": 10_000})
	if events, kept := rows(); events != before || kept != answers {
		t.Errorf("%d events and %d answers are left of it", events-before, kept-answers)
	}
	good := append(items, item("/v1/transfers", transferBody(a, b, 1, "")))
	r.want(r.atomic(r.teller, good, "Idempotency-Key", "all"), 200, "")
	again := r.want(r.atomic(r.teller, good, "Idempotency-Key", "all"), 200, "")
	if n := strings.Count(string(again.Body), `"idempotent_replayed":true`); n != 10_000 {
		t.Errorf("%d items are replayed", n)
	}
	if events, kept := rows(); events != before+20_000 || kept != answers+10_000 {
		t.Errorf("%d events and %d answers, want 20,000 and 10,000", events-before, kept-answers)
	}
	r.want(r.do("POST", a+"/close", `{"reason":"empty"}`), 200, "")
}

// TestADryRunOfAnAtomicBulkSeesWhatComesBefore, and stores nothing of it.
func TestADryRunOfAnAtomicBulkSeesWhatComesBefore(t *testing.T) {
	t.Parallel()
	r, rows := newRealRig(t)
	a, b := r.openFor("ada", "EUR", 100), r.openFor("eve", "EUR", 0)
	items := []string{item("/v1/transfers", transferBody(a, b, 60, "")), item(b+"/withdrawals", `{"amount":60,"currency":"EUR"}`), item(b+"/close", `{"reason":"r"}`)}
	dry := func(items []string, status int, code string) *httpapitest.Response {
		t.Helper()
		return r.want(r.do("POST", "/v1/bulk?mode=atomic&dry_run=true", "["+strings.Join(items, ",")+"]", "Idempotency-Key", ""), status, code)
	}
	before, answers := rows()
	data := dry(items, 200, "").JSON(t)["data"].([]any)
	for i, want := range []float64{201, 201, 200} {
		if result := data[i].(map[string]any)["body"].(map[string]any); result["dry_run"] != true || result["status"] != want {
			t.Errorf("item %d: %v", i, result)
		}
	}
	members(t, dry(append(items, item(b+"/deposits", euroCent)), 422, "account_closed").Problem.Context, map[string]any{"failed_index": 3})
	if events, kept := rows(); events != before || kept != answers {
		t.Error("something was stored")
	}
}

// TestAnyDryRunDecidesAsTheRealThing gives random commands, each twice: first dry, then in earnest. What was foretold happens: the
// status, the refusal, the answer but for ids and times, and as many events as there were to be.
func TestAnyDryRunDecidesAsTheRealThing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	r, rows := newRealRig(t)
	accounts := []string{r.openFor("ada", "EUR", 500), r.openFor("eve", "EUR", 500), r.openFor("joe", "USD", 500)}
	var holds, transactions, payments []string
	pick := func(from []string) string {
		if len(from) == 0 {
			return "01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10" // of nothing
		}
		return from[random.IntN(len(from))]
	}
	decided := map[int]int{}
	for range 400 {
		amount, a := random.IntN(200), pick(accounts)
		money := fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, amount)
		choices := []struct{ method, path, body string }{
			{"POST", a + "/deposits", money},
			{"POST", a + "/withdrawals", money},
			{"POST", a + "/fees", fmt.Sprintf(`{"amount":%d,"currency":"EUR","reason":"r"}`, amount)},
			{"POST", "/v1/transfers", transferBody(a, pick(accounts), amount, "")},
			{"POST", "/v1/transfers", transferBody(a, pick(accounts), amount, "")},
			{"POST", a + "/holds", money},
			{"POST", "/v1/holds/" + pick(holds) + "/capture", fmt.Sprintf(`{"amount":%d,"final":%v}`, amount, amount%2 == 0)},
			{"POST", "/v1/holds/" + pick(holds) + "/release", ""},
			{"POST", "/v1/transactions/" + pick(transactions) + "/reversals", `{"reason":"r"}`},
			{"POST", "/v1/transactions/" + pick(transactions) + "/reversals", fmt.Sprintf(`{"amount":%d,"reason":"r"}`, amount)},
			{"POST", "/v1/payments", paymentBody(a, amount, "")},
			{"POST", "/v1/payments/" + pick(payments) + "/cancel", ""},
			{"PATCH", a, fmt.Sprintf(`{"overdraft_limit":%d,"limits":{"per_transaction":%d}}`, amount, amount+50)},
			{"POST", a + "/freeze", `{"reason":"r","scope":"debit"}`},
			{"POST", a + "/unfreeze", `{"reason":"r"}`},
			{"POST", a + "/close", `{"reason":"r"}`},
			{"POST", a + "/reopen", `{"reason":"r"}`},
		}
		c := choices[random.IntN(len(choices))]
		before, answers := rows()
		tried := r.do(c.method, c.path+"?dry_run=true", c.body)
		if events, kept := rows(); events != before || kept != answers {
			t.Fatalf("%+v: the dry run has stored something", c)
		}
		done := r.do(c.method, c.path, c.body)
		after, _ := rows()
		decided[done.Status]++
		if tried.Status >= 400 || done.Status >= 400 {
			if tried.Status != done.Status || tried.Problem.Code != done.Problem.Code || fmt.Sprint(tried.Problem.Context) != fmt.Sprint(done.Problem.Context) || after != before {
				t.Fatalf("%+v: foretold %s, came to %s", c, tried.Body, done.Body)
			}
			continue
		}
		foretold, got := tried.JSON(t), done.JSON(t)
		if foretold["status"] != float64(done.Status) || int64(len(foretold["events"].([]any))) != after-before || shape(foretold["result"]) != shape(got) {
			t.Fatalf("%+v: foretold %s, came to %d %s", c, tried.Body, done.Status, done.Body)
		}
		for name, to := range map[string]*[]string{"hold_id": &holds, "transaction_id": &transactions, "payment_id": &payments} {
			if id, ok := got[name].(string); ok {
				*to = append(*to, id)
			}
		}
	}
	if decided[201] < 20 || decided[422] < 20 || decided[200] < 5 {
		t.Errorf("too little was decided: %v", decided)
	}
}

// TestABulkLeavesRoomForOthers: while ten thousand items of one caller are done, another caller's commands go between them. How many
// do depends on the machine; were the bulk put into the queue whole, it would be one.
func TestABulkLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	r, _ := newRealRig(t)
	path, other := r.openFor("ada", "EUR", 0), r.openFor("eve", "EUR", 0)
	var items []string
	for range 10_000 {
		items = append(items, item(path+"/deposits", euroCent))
	}
	done := make(chan []result, 1)
	go func() { done <- r.bulk(r.teller, items) }()
	second := r.Token(t, "teller-2", auth.AccountsWrite)
	for between := 0; ; between++ {
		select {
		case results := <-done:
			if n := strings.Count(statuses(results), "201"); n != len(items) || between < 5 {
				t.Errorf("%d items done, and %d commands of another caller meanwhile", n, between)
			}
			return
		default:
			r.want(r.as(second, "POST", other+"/deposits", euroCent), 201, "")
		}
	}
}
