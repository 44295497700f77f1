package importer_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"passbook/domain/money"
	"passbook/internal/importer"
)

// FuzzRead reads anything as a statement file. What is taken holds to all that sending it relies on, and written down again it is the
// same statement, gzipped or not; what is not taken has its faults listed in bounded length.
func FuzzRead(f *testing.F) {
	const header = "account,booked_on,reference,kind,amount,counterparty_bank,counterparty_account,memo,balance_after\n"
	for _, seed := range []string{
		"", header, header + "a,2026-01-02,r1,credit,1.00,b,c,\"memo, with\nlines\",1.00\n", header + "a,2026-01-02,r1,transfer,1,,,,-1\na,2026-01-01,r2,transfer,1,,,,0\n",
		header + "a,2026-02-30,r,credit,1,,,,1\n", header + "a,2026-01-01,r,credit,-1,,,,1", header + "\"a,2026", strings.ToUpper(header), header + "a,b\n", header + "\xff,2026-01-01,r,credit,1,,,\x00,1\n",
		"\x1f\x8b", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
	} {
		f.Add([]byte(seed))
	}
	for _, kind := range []string{"cash_deposit", "transfer_in", "rounding_credit", "cash_withdrawal", "card_withdrawal", "transfer_out", "rounding_debit", "fee", "interest", "penalty_interest"} {
		f.Add([]byte(header + "DE-1,2026-01-02,r1," + kind + ",12.34,BANK,ACC,memo,12.34\nDE-2,2026-01-03,r2," + kind + ",0.01,,,,-0.01\n"))
	}
	eur := money.MustCurrency("EUR")
	f.Fuzz(func(t *testing.T, file []byte) {
		statement, err := importer.Read(bytes.NewReader(file), eur)
		malformed := &importer.FormatError{}
		if errors.As(err, &malformed) && (len(malformed.Faults) == 0 || len(malformed.Faults) > 20) {
			t.Errorf("%d faults are listed", len(malformed.Faults))
		}
		if err != nil {
			return
		}
		checkStatement(t, statement)
		if bytes.Contains(file, []byte("\r")) {
			return // a line's end in a text is written in one way, whichever it had
		}
		written := write(t, statement)
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = w.Write(written)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, file := range [][]byte{written, zipped.Bytes()} {
			again, err := importer.Read(bytes.NewReader(file), eur)
			if err != nil {
				t.Fatalf("%s\n%v", written, err)
			}
			if twice := write(t, again); !bytes.Equal(twice, written) || again.Rows != statement.Rows || !again.LastDay.Equal(statement.LastDay) {
				t.Errorf("%s\nbecame\n%s", written, twice)
			}
		}
	})
}

func checkStatement(t *testing.T, s *importer.Statement) {
	t.Helper()
	rows, references := 0, map[string]bool{}
	for _, account := range s.Accounts {
		if account.ID != importer.AccountID(account.Number) || len(account.Rows) == 0 {
			t.Errorf("account %q: %s, %d rows", account.Number, account.ID, len(account.Rows))
		}
		var before time.Time
		for _, row := range account.Rows {
			rows++
			if row.Amount <= 0 || !row.Amount.InRange() || !row.BalanceAfter.InRange() || row.BookedOn.Before(before) || row.BookedOn.After(s.LastDay) || references[row.Reference] {
				t.Errorf("taken: %+v", row)
			}
			for _, text := range []string{row.Reference, row.CounterpartyBank, row.CounterpartyAccount, row.Memo} {
				if !utf8.ValidString(text) || strings.Contains(text, "\x00") || utf8.RuneCountInString(text) > 200 {
					t.Errorf("taken: %q", text)
				}
			}
			before, references[row.Reference] = row.BookedOn, true
		}
	}
	if rows != s.Rows {
		t.Errorf("%d rows, %d said", rows, s.Rows)
	}
}

// write writes a statement as a file, account by account.
func write(t *testing.T, s *importer.Statement) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"account", "booked_on", "reference", "kind", "amount", "counterparty_bank", "counterparty_account", "memo", "balance_after"})
	for _, account := range s.Accounts {
		for _, r := range account.Rows {
			_ = w.Write([]string{account.Number, r.BookedOn.Format(time.DateOnly), r.Reference, r.Kind, r.Amount.Format(s.Currency),
				r.CounterpartyBank, r.CounterpartyAccount, r.Memo, r.BalanceAfter.Format(s.Currency)})
		}
	}
	if w.Flush(); w.Error() != nil {
		t.Fatal(strconv.Quote(w.Error().Error()))
	}
	return b.Bytes()
}
