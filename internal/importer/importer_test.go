package importer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"passbook/client"
	"passbook/domain/money"
	"passbook/internal/importer"
)

// small is a made-up statement: three accounts, every kind of row, a day without movements, a negative balance.
const small = `account,booked_on,reference,kind,amount,counterparty_bank,counterparty_account,memo,balance_after
7,2020-02-27,a1,cash_deposit,100.00,,,,100.00
8,2020-02-28,b1,transfer_in,50.50,XY,12345,pension,50.50
7,2020-02-28,a2,card_withdrawal,30.00,,,,70.00
7,2020-02-28,a3,fee,2.50,,,statement,67.50
9,2020-02-29,c1,rounding_credit,0.10,,,"odd, but so it was",0.10
8,2020-03-01,b2,transfer_out,150.50,XY,999,household,-100.00
8,2020-03-02,b3,penalty_interest,1.25,,,,-101.25
9,2020-03-02,c2,cash_withdrawal,0.05,,,,0.05
9,2020-03-02,c3,rounding_debit,0.05,,,,0.00
7,2020-03-03,a4,interest,0.30,,,,67.80
`

const header = "account,booked_on,reference,kind,amount,counterparty_bank,counterparty_account,memo,balance_after\n"

type outcome struct {
	report importer.Report
	err    error
	out    string
	notes  string
}

// run imports the file with verification; alter changes the options.
func (b *fakeBank) run(ctx context.Context, file string, alter ...func(*importer.Options)) outcome {
	b.t.Helper()
	return b.runAs(ctx, "token", file, alter...)
}

func (b *fakeBank) runAs(ctx context.Context, token, file string, alter ...func(*importer.Options)) outcome {
	b.t.Helper()
	bank, err := client.New(client.Options{
		CommandURL: b.URL, QueryURL: b.URL, Token: client.StaticToken(token),
		Retry: client.Retry{Patience: 200 * time.Millisecond, WaitMin: time.Millisecond},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	var out, notes bytes.Buffer
	o := importer.Options{
		Currency: money.MustCurrency("CZK"), Overdraft: 1_000_000, Concurrency: 3, Verify: true, Out: &out, Notes: &notes,
	}
	for _, f := range alter {
		f(&o)
	}
	path := filepath.Join(b.t.TempDir(), "statement.csv")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		b.t.Fatal(err)
	}
	report, err := importer.Run(ctx, bank, path, o)
	return outcome{report, err, out.String(), notes.String()}
}

func oneAtATime(o *importer.Options) { o.Concurrency = 1 }

func TestImport(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	got := bank.run(t.Context(), small, oneAtATime)
	if got.err != nil {
		t.Fatal(got.err)
	}
	// Accounts take turns; within one the order is the file's.
	want := []string{
		"import.account-7", "import.account-8", "import.account-9",
		"import-a1", "import-b1", "import-c1", "import-a2", "import-b2", "import-c2",
		"import-a3", "import-b3", "import-c3", "import-a4",
	}
	if keys := bank.keys(); !slices.Equal(keys, want) {
		t.Errorf("keys\n got  %q\n want %q", keys, want)
	}
	for _, line := range []string{"10 of 10 rows on 3 accounts in ", ": 10 new, 0 replayed, 0 refused\n", "verified 15 day-end balances of 3 accounts: no difference\n"} {
		if !strings.Contains(got.out, line) {
			t.Errorf("the summary lacks %q:\n%s", line, got.out)
		}
	}
	if !strings.HasPrefix(got.notes, "1 of 10 rows (10 %)\n2 of 10 rows (20 %)\n") {
		t.Errorf("progress:\n%s", got.notes)
	}
}

// What is sent for each kind of row.
func TestCommandsOfRows(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	if got := bank.run(t.Context(), small, oneAtATime); got.err != nil {
		t.Fatal(got.err)
	}
	sent := map[string]entry{}
	for _, e := range bank.log {
		sent[e.key] = e
	}
	seven, eight, nine := importer.AccountID("7").String(), importer.AccountID("8").String(), importer.AccountID("9").String()
	if seven != "407e4770-f65f-5f96-894a-fbc072746eb1" {
		t.Errorf("id of account 7: %s", seven)
	}
	tests := []struct{ key, path, body string }{
		{"import.account-7", "", "map[account_id:" + seven + " currency:CZK metadata:map[account_number:7] overdraft_limit:1e+06 owner_id:owner-7 owner_name:Owner of account 7]"},
		{"import-a1", "/" + seven + "/deposits", "map[amount:10000 currency:CZK effective_at:2020-02-27T00:00:00Z reference:a1 source:cash]"},
		{"import-b1", "/" + eight + "/deposits", "map[amount:5050 currency:CZK effective_at:2020-02-28T00:00:00Z metadata:map[counterparty_account:12345 counterparty_bank:XY memo:pension] reference:b1 source:transfer]"},
		{"import-a2", "/" + seven + "/withdrawals", "map[amount:3000 channel:card currency:CZK effective_at:2020-02-28T00:00:00Z reference:a2]"},
		{"import-a3", "/" + seven + "/fees", "map[amount:250 currency:CZK effective_at:2020-02-28T00:00:00Z metadata:map[memo:statement] reason:statement fee reference:a3]"},
		{"import-c1", "/" + nine + "/deposits", "map[amount:10 currency:CZK effective_at:2020-02-29T00:00:00Z metadata:map[memo:odd, but so it was] reference:c1 source:rounding]"},
		{"import-b2", "/" + eight + "/withdrawals", "map[amount:15050 channel:transfer currency:CZK effective_at:2020-03-01T00:00:00Z metadata:map[counterparty_account:999 counterparty_bank:XY memo:household] reference:b2]"},
		{"import-b3", "/" + eight + "/interest", "map[amount:-125 currency:CZK effective_at:2020-03-02T00:00:00Z reference:b3]"},
		{"import-c2", "/" + nine + "/withdrawals", "map[amount:5 channel:cash currency:CZK effective_at:2020-03-02T00:00:00Z reference:c2]"},
		{"import-c3", "/" + nine + "/withdrawals", "map[amount:5 channel:rounding currency:CZK effective_at:2020-03-02T00:00:00Z reference:c3]"},
		{"import-a4", "/" + seven + "/interest", "map[amount:30 currency:CZK effective_at:2020-03-03T00:00:00Z reference:a4]"},
	}
	for _, tt := range tests {
		got := sent[tt.key]
		if got.path != tt.path || fmt.Sprint(got.body) != tt.body {
			t.Errorf("%s:\n got  %s %v\n want %s %s", tt.key, got.path, got.body, tt.path, tt.body)
		}
	}
}

func TestImportTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	if got := bank.run(t.Context(), small); got.err != nil {
		t.Fatal(got.err)
	}
	before := bank.keys()
	again := bank.run(t.Context(), gzipped(t, small))
	if again.err != nil || again.report.Replayed != 10 || again.report.Sent != 10 {
		t.Errorf("got %+v, error %v", again.report, again.err)
	}
	if !slices.Equal(before, bank.keys()) {
		t.Errorf("the second import changed the bank: %q", bank.keys())
	}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The bank dies with a command committed and not answered, and stays dead until the import has given up.
func TestImportGoesOnAfterTheBankDied(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	die := func() { panic(http.ErrAbortHandler) }
	bank.before = func(_ http.ResponseWriter, _ *http.Request, request int) bool {
		if request > 7 {
			die()
		}
		return false
	}
	bank.after = func(request int) {
		if request == 7 {
			die()
		}
	}
	first := bank.run(t.Context(), small, oneAtATime)
	if !errors.Is(first.err, client.ErrPatience) || !strings.Contains(first.err.Error(), "import stopped after 3 of 10 rows") {
		t.Fatalf("got %v", first.err)
	}
	if !strings.Contains(first.out, "3 of 10 rows") {
		t.Errorf("no summary of what was done: %q", first.out)
	}
	bank.change(func() { bank.before, bank.after = nil, nil })
	second := bank.run(t.Context(), small, oneAtATime)
	if second.err != nil || second.report.Replayed != 4 {
		t.Errorf("got %+v, error %v; want 4 rows replayed: 3 answered and one that was not", second.report, second.err)
	}
	keys := bank.keys()
	slices.Sort(keys)
	if len(slices.Compact(keys)) != 13 || len(bank.log) != 13 {
		t.Errorf("%d commands stand, want each of 13 once: %q", len(bank.log), keys)
	}
}

func TestImportWaitsForABusyBank(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	turnedAway := map[string]bool{}
	bank.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		id := r.Header.Get("Idempotency-Key") + r.URL.RawQuery + r.URL.Path
		bank.mu.Lock()
		again := turnedAway[id]
		turnedAway[id] = true
		bank.mu.Unlock()
		if !again {
			w.Header().Set("Retry-After", "0")
			refuse(w, 503, "overloaded")
		}
		return !again
	}
	if got := bank.run(t.Context(), small); got.err != nil || got.report.Replayed != 0 {
		t.Errorf("got %+v, error %v", got.report, got.err)
	}
}

func TestRefusedRowsAreListedAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	got := bank.run(t.Context(), small, func(o *importer.Options) { o.Overdraft = 0; o.Verify = false })
	if !errors.Is(got.err, importer.ErrRefused) {
		t.Fatalf("got %v", got.err)
	}
	want := importer.Refusal{Account: "8", Line: 7}
	if r := got.report.Refusals; len(r) != 1 || r[0].Account != want.Account || r[0].Line != want.Line || !strings.Contains(r[0].Reason, "insufficient_funds") {
		t.Errorf("refusals: %+v", got.report.Refusals)
	}
	for _, line := range []string{": 9 new, 0 replayed, 1 refused\n", "  refused: line 7, account 8: 422 insufficient_funds: too much\n"} {
		if !strings.Contains(got.out, line) {
			t.Errorf("the summary lacks %q:\n%s", line, got.out)
		}
	}
}

func TestAnAccountThatIsAnotherOne(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	bank.accounts[importer.AccountID("8").String()] = &fakeAccount{opened: "by somebody else", days: map[string]int64{}}
	got := bank.run(t.Context(), small, func(o *importer.Options) { o.Verify = false })
	if !errors.Is(got.err, importer.ErrRefused) || got.report.Sent != 10 || len(bank.log) != 9 {
		t.Fatalf("got %+v, error %v, %d commands", got.report, got.err, len(bank.log))
	}
	if !strings.Contains(got.out, "7 new, 0 replayed, 3 refused") || !strings.Contains(got.out, "account 8: open the account: 409 account_exists") {
		t.Errorf("summary:\n%s", got.out)
	}
}

func TestAFailureOfEveryRowEndsTheImport(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	got := bank.runAs(t.Context(), "another token", small)
	problem := &client.Problem{}
	if !errors.As(got.err, &problem) || problem.Code != "unauthenticated" || len(bank.log) != 0 {
		t.Errorf("got %v", got.err)
	}
}

func TestImportIsCanceled(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	ctx, cancel := context.WithCancel(t.Context())
	bank.after = func(request int) {
		if request == 5 {
			cancel()
		}
	}
	if got := bank.run(ctx, small); !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v", got.err)
	}
}

func TestAFileWithoutRows(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	got := bank.run(t.Context(), header)
	if got.err != nil || got.report.Rows != 0 || bank.requests != 0 {
		t.Errorf("got %+v, error %v, %d requests", got.report, got.err, bank.requests)
	}
}

func TestConcurrencyHasLimits(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	for _, n := range []int{0, -1, 1025} {
		got := bank.run(t.Context(), small, func(o *importer.Options) { o.Concurrency = n })
		if got.err == nil || bank.requests != 0 {
			t.Errorf("%d: error %v, %d requests", n, got.err, bank.requests)
		}
	}
}

func TestABarOnATerminal(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	got := bank.run(t.Context(), small, func(o *importer.Options) { o.Terminal = true })
	if got.err != nil || !strings.Contains(got.notes, "100%") || strings.Contains(got.notes, "of 10 rows (") {
		t.Errorf("error %v, progress %q", got.err, got.notes)
	}
}
