package readmodel_test

import (
	"context"
	"testing"
	"time"

	"passbook/domain/account"
	"passbook/readmodel"
)

// benchmarkBank has a log of some events over many accounts.
func benchmarkBank(b *testing.B, events, accounts int) *bank {
	b.Helper()
	bank := newBank(b, 42)
	bank.customers.AccountsMax, bank.customers.Batch = accounts, 2_000
	bank.write(events)
	bank.exec(`VACUUM ANALYZE events`)
	return bank
}

// BenchmarkApply is what the engine applies when the log is there already: read, decode, write, commit.
func BenchmarkApply(b *testing.B) {
	const events = 60_000
	bank := benchmarkBank(b, events, 5_000)
	for _, c := range []struct {
		name       string
		projectors []readmodel.Projector
	}{
		{"balances", readmodel.Projectors()[:1]},
		{"timeline", readmodel.Projectors()[1:2]},
		{"both", readmodel.Projectors()[:2]}, {"all", readmodel.Projectors()},
	} {
		b.Run(c.name, func(b *testing.B) {
			bank.t = b
			config := readmodel.DefaultConfig()
			config.Holder = c.name
			for b.Loop() {
				b.StopTimer()
				bank.exec(`TRUNCATE readmodel.checkpoints, readmodel.balances, readmodel.timeline, readmodel.owners, readmodel.holds, readmodel.payments CASCADE`)
				parts := bank.parts(nil)
				parts.Projectors = c.projectors
				engine := bank.engine(parts, config)
				b.StartTimer()
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); engine.LeadUnfenced(ctx) }()
				for _, p := range c.projectors {
					if _, err := bank.queries.WaitFor(ctx, events, p.Name); err != nil {
						b.Fatal(err)
					}
				}
				cancel()
				<-ended
			}
			b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkQueries is one reader after another, over the pool.
func BenchmarkQueries(b *testing.B) {
	const events = 60_000
	bank := benchmarkBank(b, events, 1_000)
	config := readmodel.DefaultConfig()
	config.Holder = "bench"
	stop := bank.run(bank.engine(bank.parts(nil), config).Run)
	bank.untilApplied(events)
	stop()
	bank.exec(`VACUUM ANALYZE`)
	accounts := bank.customers.Accounts()
	from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	at := from.Add(bank.customers.Head().RecordedAt.Sub(from) / 2)
	queries := bank.queries
	for _, c := range []struct {
		name string
		read func(ctx context.Context, a account.State) error
	}{
		{"account", func(ctx context.Context, a account.State) error { _, _, err := queries.Account(ctx, a.ID); return err }},
		{"accounts", func(ctx context.Context, a account.State) error {
			_, _, _, err := queries.Accounts(ctx, readmodel.AccountFilter{Limit: 25, After: &readmodel.AccountCursor{AccountID: a.ID}})
			return err
		}},
		{"timeline", func(ctx context.Context, a account.State) error {
			_, _, _, err := queries.Timeline(ctx, readmodel.TimelineFilter{AccountID: a.ID, Limit: 25})
			return err
		}},
		{"timeline filtered", func(ctx context.Context, a account.State) error {
			_, _, _, err := queries.Timeline(ctx, readmodel.TimelineFilter{AccountID: a.ID, Limit: 25, Types: []string{"fee"}, From: &from, To: &at})
			return err
		}},
		{"balance recorded", func(ctx context.Context, a account.State) error {
			_, _, err := queries.BalanceAt(ctx, a.ID, bank.customers.Head().RecordedAt, readmodel.BasisRecorded)
			return err
		}},
		{"balance effective", func(ctx context.Context, a account.State) error {
			_, _, err := queries.BalanceAt(ctx, a.ID, at, readmodel.BasisEffective)
			return err
		}},
		{"trial balance", func(ctx context.Context, _ account.State) error {
			_, _, err := queries.TrialBalance(ctx, nil)
			return err
		}},
		{"year of days", func(ctx context.Context, a account.State) error {
			_, _, _, err := queries.DailyBalances(ctx, a.ID, from, from.AddDate(1, 0, 0), readmodel.BasisEffective)
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := c.read(b.Context(), accounts[i%len(accounts)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
