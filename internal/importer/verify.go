package importer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"passbook/client"
	"passbook/domain/money"
)

// differencesMax is how many differences are kept and listed; the rest are counted.
const differencesMax = 50

// daysMax is the longest interval that one answer may hold.
const daysMax = 3700

// Differences are day-end balances that are not the file's: the first of them, by account and day, and how many in all.
type Differences struct {
	List  []Difference
	Total int
}

// Difference is one day-end balance. Bank is what the bank says: a balance, or why there is none.
type Difference struct {
	Account string
	Date    string
	File    string
	Bank    string
}

func (d Difference) String() string {
	return fmt.Sprintf("account %s, end of %s: file %s, bank %s", d.Account, d.Date, d.File, d.Bank)
}

// verify compares, for every account, every day from its first row to the last day of the file. The bank is asked for
// what includes the last command of this client.
func verify(ctx context.Context, bank *client.Client, statement *Statement, o Options, report *Report) error {
	bar := newProgress(o.Notes, o.Terminal, "accounts verified", len(statement.Accounts))
	found := make([]Differences, len(statement.Accounts))
	var mu sync.Mutex
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(o.Concurrency)
	for i, a := range statement.Accounts {
		workers.Go(func() error {
			days, differences, err := compareAccount(ctx, bank, a, statement)
			if err != nil {
				return fmt.Errorf("account %s: %w", a.Number, err)
			}
			mu.Lock()
			defer mu.Unlock()
			found[i] = differences
			report.Days += days
			bar.add(1)
			return nil
		})
	}
	err := workers.Wait()
	bar.end()
	report.Differences = merge(found)
	return err
}

func merge(found []Differences) Differences {
	var all Differences
	for _, d := range found {
		all.Total += d.Total
		all.List = append(all.List, d.List...)
	}
	all.List = all.List[:min(len(all.List), differencesMax)]
	return all
}

// compareAccount asks for the account's days in pieces of what one answer may hold.
func compareAccount(ctx context.Context, bank *client.Client, a *Account, statement *Statement) (int, Differences, error) {
	var differences Differences
	days := 0
	end := statement.LastDay.AddDate(0, 0, 1)
	for from := a.Rows[0].BookedOn; from.Before(end); {
		to := from.AddDate(0, 0, daysMax)
		if to.After(end) {
			to = end
		}
		series, err := bank.ListBalances(ctx, a.ID, client.ListBalancesParams{
			From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Interval: client.ListBalancesParamsIntervalDay, Basis: client.BasisEffective,
		})
		if err != nil {
			return days, differences, err
		}
		days += differences.compare(a, statement.Currency, from, to, series)
		from = to
	}
	return days, differences, nil
}

// compare walks the days from <= day < to and returns how many there are.
func (d *Differences) compare(a *Account, currency money.Currency, from, to time.Time, series client.BalanceSeries) int {
	bank := map[string]money.Amount{}
	for _, day := range series.Data {
		bank[day.Date.Format(time.DateOnly)] = money.Amount(day.Balance)
	}
	days := 0
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		days++
		date, file := day.Format(time.DateOnly), a.balanceAt(day)
		if balance, there := bank[date]; !there {
			d.add(Difference{a.Number, date, file.Format(currency), "none"})
		} else if balance != file || series.Currency != currency.Code() {
			d.add(Difference{a.Number, date, file.Format(currency), bankText(balance, currency, series.Currency)})
		}
	}
	return days
}

// balanceAt is the file's balance at the end of a day: after the last row up to then. There is one: days before the first
// row are not asked for.
func (a *Account) balanceAt(day time.Time) money.Amount {
	after, _ := slices.BinarySearchFunc(a.Rows, day.AddDate(0, 0, 1), func(r Row, t time.Time) int {
		return cmp.Compare(r.BookedOn.Unix(), t.Unix())
	})
	return a.Rows[after-1].BalanceAfter
}

func bankText(balance money.Amount, currency money.Currency, code string) string {
	if code != currency.Code() {
		return fmt.Sprintf("%d minor units of %q", balance, code)
	}
	return balance.Format(currency)
}

func (d *Differences) add(one Difference) {
	d.Total++
	if len(d.List) < differencesMax {
		d.List = append(d.List, one)
	}
}
