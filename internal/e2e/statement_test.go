package e2e

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"passbook/domain/money"
)

var koruna = money.MustCurrency("CZK")

var moneyIn = []string{"cash_deposit", "transfer_in", "interest", "rounding_credit"}
var moneyOut = []string{"cash_withdrawal", "card_withdrawal", "transfer_out", "fee", "penalty_interest", "rounding_debit"}

// statement writes a statement file of our own making: so many accounts with so many rows each, on rising days, every balance
// within the overdraft limit of 10,000.00.
func statement(t *testing.T, name string, accounts, rows int) string {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("statement %s: seed %d", name, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(t.TempDir(), name+".csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(file)
	write := func(record ...string) {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	write("account", "booked_on", "reference", "kind", "amount", "counterparty_bank", "counterparty_account", "memo", "balance_after")
	balances := make([]money.Amount, accounts)
	day := time.Date(2019, 12, 20, 0, 0, 0, 0, time.UTC)
	for i := range accounts * rows {
		account := i % accounts
		if account == 0 && random.IntN(2) == 0 {
			day = day.AddDate(0, 0, random.IntN(9))
		}
		amount := money.Amount(random.IntN(300_000) + 1)
		kind, signed := moneyIn[random.IntN(len(moneyIn))], amount
		if balances[account]-amount >= -1_000_000 && random.IntN(2) == 0 {
			kind, signed = moneyOut[random.IntN(len(moneyOut))], -amount
		}
		balances[account] += signed
		write(fmt.Sprint(name, account), day.Format(time.DateOnly), name+strconv.Itoa(i), kind, amount.Format(koruna), "", "", "", balances[account].Format(koruna))
	}
	w.Flush()
	if err := errors.Join(w.Error(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}
