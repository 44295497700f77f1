package importer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passbook/internal/importer"
)

func TestVerifyFindsDifferences(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	bank.series = func(days []map[string]any) []map[string]any {
		return slices.DeleteFunc(days, func(day map[string]any) bool {
			if day["date"] == "2020-03-01" {
				day["balance"] = day["balance"].(int64) + 1
			}
			return day["date"] == "2020-03-03"
		})
	}
	got := bank.run(t.Context(), small)
	if !errors.Is(got.err, importer.ErrDifferent) {
		t.Fatalf("got %v", got.err)
	}
	want := `verified 15 day-end balances of 3 accounts: 6 differ
  account 7, end of 2020-03-01: file 67.50, bank 67.51
  account 7, end of 2020-03-03: file 67.80, bank none
  account 8, end of 2020-03-01: file -100.00, bank -99.99
  account 8, end of 2020-03-03: file -101.25, bank none
  account 9, end of 2020-03-01: file 0.10, bank 0.11
  account 9, end of 2020-03-03: file 0.00, bank none
`
	if !strings.HasSuffix(got.out, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got.out, want)
	}
}

// A file that does not add up was imported as it stands; its own balances are then not the bank's.
func TestVerifyFindsWhatDoesNotAddUp(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	got := bank.run(t.Context(), strings.Replace(small, ",67.50\n", ",67.49\n", 1))
	want := []importer.Difference{
		{Account: "7", Date: "2020-02-28", File: "67.49", Bank: "67.50"}, {Account: "7", Date: "2020-02-29", File: "67.49", Bank: "67.50"},
		{Account: "7", Date: "2020-03-01", File: "67.49", Bank: "67.50"}, {Account: "7", Date: "2020-03-02", File: "67.49", Bank: "67.50"},
	}
	if !errors.Is(got.err, importer.ErrDifferent) || !slices.Equal(got.report.Differences.List, want) {
		t.Errorf("error %v, differences %v", got.err, got.report.Differences.List)
	}
}

func TestVerifyNoticesAnotherCurrency(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	bank.currency = "EUR"
	got := bank.run(t.Context(), small)
	if got.report.Differences.Total != 15 || !strings.Contains(got.out, `file 100.00, bank 10000 minor units of "EUR"`) {
		t.Errorf("got %v\n%s", got.err, got.out)
	}
}

// Many differences are listed up to a bound and counted beyond it; a long history is asked for in pieces.
func TestVerifyOverElevenYears(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	bank.series = func(days []map[string]any) []map[string]any {
		if len(days) > 3700 {
			t.Errorf("asked for %d days at once", len(days))
		}
		return days[:len(days)-40]
	}
	last := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC)
	file := header + "1,2000-01-01,a,cash_deposit,1.00,,,,1.00\n" + fmt.Sprintf("1,%s,b,cash_deposit,1.00,,,,2.00\n", last.Format(time.DateOnly))
	got := bank.run(t.Context(), file)
	if d := got.report.Differences; d.Total != 80 || len(d.List) != 50 || got.report.Days != 4019 {
		t.Errorf("%d differences, %d listed, %d days", d.Total, len(d.List), got.report.Days)
	}
	if !strings.HasSuffix(got.out, "\n  and 30 more\n") {
		t.Errorf("summary:\n%s", got.out)
	}
}

func TestVerifyOfAnAccountThatIsGone(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	bank.after = func(request int) {
		if request == 13 { // the last command
			bank.change(func() { clear(bank.accounts) })
		}
	}
	got := bank.run(t.Context(), small, oneAtATime)
	if got.err == nil || !strings.Contains(got.err.Error(), "verify: account 7: ") || !strings.Contains(got.err.Error(), "not_found") {
		t.Errorf("got %v", got.err)
	}
}
