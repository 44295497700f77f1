package readmodel

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"passbook/readmodel/internal/db"
)

// TrialBalance is the bank's books in double entry at one position of the log: every movement of an account stands against what it
// was for, so that debits equal credits.
type TrialBalance struct {
	At         time.Time // the moment asked for; the position is the last at or before it, of those that are applied
	Position   int64
	Currencies []CurrencyTotals // in the order of their codes
}

// CurrencyTotals are those of one currency, in minor units.
type CurrencyTotals struct {
	Currency        string
	Accounts        int64 // that there were
	Debits, Credits int64
	Lines           []TrialLine
}

// Balanced reports whether debits equal credits, in every currency.
func (t *TrialBalance) Balanced() bool {
	return !slices.ContainsFunc(t.Currencies, func(c CurrencyTotals) bool { return c.Debits != c.Credits })
}

// TrialLine is one of the bank's accounts in the sense of its books. Movements is how many have made it up.
type TrialLine struct {
	Name          string
	Debit, Credit int64
	Movements     int64
}

// LineAccounts is what the bank owes its customers (credit) and they owe it (debit), by the balances that their rows say. The other
// lines are the sums of what moved, by what it was for.
const LineAccounts = "customer_accounts"

// trialLines are the lines of movements by the types of their rows.
var trialLines = map[string]string{
	TypeDeposit: "deposits", TypeWithdrawal: "withdrawals", TypeFee: "fees", TypeInterest: "interest", TypeHoldCaptured: "captures",
	TypeTransferOut: "transfers", TypeTransferIn: "transfers", // one's debit is the other's credit: nothing is ever in transit
}

const linePayments = "payments"

// TrialBalance adds up the books as they stood at a moment; nil is now. It walks through the whole timeline, half a second a million
// movements on two cores, so one is made at a time: others wait for their turn, or until ctx is done. What parked accounts lack is not
// there: the position lies in front of the first event that is missing.
func (q *Queries) TrialBalance(ctx context.Context, at *time.Time) (TrialBalance, Freshness, error) {
	select {
	case q.trial <- struct{}{}:
		defer func() { <-q.trial }()
	case <-ctx.Done():
		return TrialBalance{}, Freshness{}, ctx.Err()
	}
	statements, stamp := q.stamp(Balances, Timeline)
	moment := time.Now().UTC().Truncate(time.Microsecond) // which is what the log keeps
	if at != nil {
		moment = *at
	}
	position, err := statements.PositionAt(ctx, moment)
	if err != nil {
		return TrialBalance{}, stamp.freshness, fmt.Errorf("find the position of %s: %w", moment, err)
	}
	fresh := stamp.unknown()
	if position = min(position, fresh.Position); at == nil {
		position = fresh.Position
	}
	t := TrialBalance{At: moment, Position: position}
	accounts, err := statements.TrialBalanceAccounts(ctx, position)
	if err != nil {
		return TrialBalance{}, fresh, fmt.Errorf("add up the accounts at %d: %w", position, err)
	}
	moved, err := statements.TrialBalanceMovements(ctx, position)
	if err != nil {
		return TrialBalance{}, fresh, fmt.Errorf("add up what moved up to %d: %w", position, err)
	}
	for _, row := range accounts {
		t.of(row.Currency).Accounts = row.Accounts
		t.add(row.Currency, TrialLine{Name: LineAccounts, Debit: row.Overdrawn, Credit: row.Owed})
	}
	for _, row := range moved {
		t.add(row.Currency, TrialLine{Name: lineOf(row), Debit: row.Came, Credit: row.Went, Movements: row.Movements})
	}
	return t, fresh, nil
}

func lineOf(row db.TrialBalanceMovementsRow) string {
	if row.Type == TypeHoldCaptured && row.OfPayment {
		return linePayments
	}
	return trialLines[row.Type]
}

func (t *TrialBalance) of(currency string) *CurrencyTotals {
	i, there := slices.BinarySearchFunc(t.Currencies, currency, func(c CurrencyTotals, code string) int { return strings.Compare(c.Currency, code) })
	if !there {
		t.Currencies = slices.Insert(t.Currencies, i, CurrencyTotals{Currency: currency})
	}
	return &t.Currencies[i]
}

// add enters a line, or adds to it.
func (t *TrialBalance) add(currency string, l TrialLine) {
	c := t.of(currency)
	c.Debits, c.Credits = c.Debits+l.Debit, c.Credits+l.Credit
	i := slices.IndexFunc(c.Lines, func(other TrialLine) bool { return other.Name == l.Name })
	if i < 0 {
		c.Lines = append(c.Lines, l)
		return
	}
	line := &c.Lines[i]
	line.Debit, line.Credit, line.Movements = line.Debit+l.Debit, line.Credit+l.Credit, line.Movements+l.Movements
}
