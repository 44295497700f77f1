package importer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"passbook/domain/money"
	"passbook/internal/importer"
)

const good = "7,2020-02-27,a1,cash_deposit,100.00,,,,100.00\n"

// Each file has one fault; want is how it is told.
func TestMalformedFiles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, want string }{
		"other header":      {"account,booked_on\n", "line 1: the header is "},
		"no header":         {good, "line 1: the header is "},
		"short row":         {header + good + "7,2020-02-28\n", "line 3: 2 columns, not 9"},
		"long row":          {header + "7,2020-02-27,a1,cash_deposit,1.00,,,,1.00,x\n", "line 2: 10 columns, not 9"},
		"broken quote":      {header + "7,2020-02-27,a1,cash_deposit,1.00,,,\"x\"y,1.00\n", "line 2: "},
		"no account":        {header + ",2020-02-27,a1,cash_deposit,1.00,,,,1.00\n", `line 2: account: "" has not`},
		"account in Czech":  {header + "č7,2020-02-27,a1,cash_deposit,1.00,,,,1.00\n", "line 2: account: "},
		"no date":           {header + "7,27.2.2020,a1,cash_deposit,1.00,,,,1.00\n", `line 2: booked_on: "27.2.2020" is no date`},
		"no such day":       {header + "7,2021-02-29,a1,cash_deposit,1.00,,,,1.00\n", "line 2: booked_on: "},
		"going back":        {header + good + "7,2020-02-26,a2,cash_deposit,1.00,,,,101.00\n", "line 3: booked_on goes back from 2020-02-27 to 2020-02-26"},
		"no reference":      {header + "7,2020-02-27,,cash_deposit,1.00,,,,1.00\n", "line 2: reference: "},
		"spaced reference":  {header + "7,2020-02-27,a 1,cash_deposit,1.00,,,,1.00\n", "line 2: reference: "},
		"same reference":    {header + good + "8,2020-02-27,a1,cash_deposit,1.00,,,,1.00\n", `line 3: reference "a1" stands on line 2 already`},
		"unknown kind":      {header + "7,2020-02-27,a1,gift,1.00,,,,1.00\n", `line 2: kind: "gift" is unknown`},
		"too precise":       {header + "7,2020-02-27,a1,cash_deposit,1.001,,,,1.00\n", "line 2: amount: "},
		"no amount":         {header + "7,2020-02-27,a1,cash_deposit,,,,,1.00\n", "line 2: amount: "},
		"zero":              {header + "7,2020-02-27,a1,cash_deposit,0.00,,,,1.00\n", "line 2: amount: 0.00 is not positive"},
		"negative":          {header + "7,2020-02-27,a1,fee,-1.00,,,,1.00\n", "line 2: amount: -1.00 is not positive"},
		"too large":         {header + "7,2020-02-27,a1,fee,90071992547409.92,,,,1.00\n", "line 2: amount: "},
		"no balance":        {header + "7,2020-02-27,a1,cash_deposit,1.00,,,,\n", "line 2: balance_after: "},
		"memo without end":  {header + "7,2020-02-27,a1,cash_deposit,1.00,,," + strings.Repeat("x", 201) + ",1.00\n", "line 2: memo: longer than 200"},
		"memo not in UTF-8": {header + "7,2020-02-27,a1,cash_deposit,1.00,,,\xff,1.00\n", "line 2: memo: not UTF-8"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := importer.Read(strings.NewReader(tt.file), money.MustCurrency("CZK"))
			faults := &importer.FormatError{}
			if !errors.As(err, &faults) || len(faults.Faults) != 1 || !strings.HasPrefix(faults.Faults[0], tt.want) {
				t.Errorf("got %v, want %q alone", err, tt.want)
			}
		})
	}
}

func TestNothingOfAMalformedFileIsSent(t *testing.T) {
	t.Parallel()
	bank := newFakeBank(t)
	got := bank.run(t.Context(), small+"7,2020-03-04,a5,gift,1.00,,,,68.80\n")
	faults := &importer.FormatError{}
	if !errors.As(got.err, &faults) || !strings.Contains(got.err.Error(), "statement.csv: malformed") || bank.requests != 0 {
		t.Errorf("error %v, %d requests", got.err, bank.requests)
	}
}

func TestFaultsAreListedUpToABound(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString(header)
	for i := range 30 {
		fmt.Fprintf(&file, "7,2020-02-27,a%d,gift,1.00,,,,1.00\n", i)
	}
	_, err := importer.Read(strings.NewReader(file.String()), money.MustCurrency("CZK"))
	faults := &importer.FormatError{}
	if !errors.As(err, &faults) || len(faults.Faults) != 20 || faults.More != 10 || !strings.HasSuffix(err.Error(), "\n  and 10 more") {
		t.Errorf("got %v", err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	whole := gzipped(t, small)
	for name, file := range map[string]string{
		"empty":             "",
		"gzip header alone": whole[:5],
		"gzip cut short":    whole[:len(whole)-20],
		"gzip damaged":      whole[:len(whole)-6] + "xxxxxx",
	} {
		if _, err := importer.Read(strings.NewReader(file), money.MustCurrency("CZK")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A small file may unzip to any size.
func TestFilesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"plain": small, "gzip": gzipped(t, small)} {
		if _, err := importer.ReadUpTo(int64(len(small))-1, strings.NewReader(file), money.MustCurrency("CZK")); !errors.Is(err, importer.ErrTooLarge) {
			t.Errorf("%s, a byte too long: %v", name, err)
		}
		if _, err := importer.ReadUpTo(int64(len(small)), strings.NewReader(file), money.MustCurrency("CZK")); err != nil {
			t.Errorf("%s, as long as may be: %v", name, err)
		}
	}
	bomb := gzipped(t, small+strings.Repeat(" ", 1<<20))
	if _, err := importer.ReadUpTo(1<<16, strings.NewReader(bomb), money.MustCurrency("CZK")); !errors.Is(err, importer.ErrTooLarge) {
		t.Errorf("%d bytes that unzip to a megabyte: %v", len(bomb), err)
	}
}

// Yen have no decimals, dinars three: the file's decimals are read exactly in its own currency.
func TestOtherCurrencies(t *testing.T) {
	t.Parallel()
	for currency, tt := range map[string]struct {
		amount string
		want   money.Amount
	}{"JPY": {"100", 100}, "KWD": {"1.005", 1005}, "EUR": {"0.1", 10}} {
		file := header + "7,2020-02-27,a1,cash_deposit," + tt.amount + ",,,," + tt.amount + "\n"
		statement, err := importer.Read(strings.NewReader(file), money.MustCurrency(currency))
		if err != nil || statement.Accounts[0].Rows[0].Amount != tt.want {
			t.Errorf("%s: %+v, error %v", currency, statement, err)
		}
	}
}
