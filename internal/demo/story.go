package demo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"passbook/client"
	"passbook/domain/money"
)

// story is the life of one account. Its methods add steps in any order; they are played by day.
type story struct {
	name      string // in ids and keys
	title     string
	ownerID   string
	ownerName string
	currency  money.Currency
	overdraft money.Amount
	steps     []step
}

type step struct {
	day  time.Time
	send send
}

type send func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error)

// inOrder sorts by day and leaves the steps of one day as they were told.
func (s *story) inOrder() []step {
	return slices.SortedStableFunc(slices.Values(s.steps), func(a, b step) int { return cmp.Compare(a.day.Unix(), b.day.Unix()) })
}

func (s *story) add(day time.Time, what send) { s.steps = append(s.steps, step{day, what}) }

// in pays money in.
func (s *story) in(day time.Time, amount, source, reference string) {
	d := client.Deposit{Amount: s.amount(amount), Currency: s.currency.Code(), Reference: reference, EffectiveAt: day, Source: source}
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.Deposit(ctx, key, account, d, o)
	})
}

// out pays money out.
func (s *story) out(day time.Time, amount, channel, reference string) {
	w := client.Withdrawal{Amount: s.amount(amount), Currency: s.currency.Code(), Reference: reference, EffectiveAt: day, Channel: channel}
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.Withdraw(ctx, key, account, w, o)
	})
}

func (s *story) fee(day time.Time, amount, reason string) {
	f := client.Fee{Amount: s.amount(amount), Currency: s.currency.Code(), EffectiveAt: day, Reason: reason}
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.ChargeFee(ctx, key, account, f, o)
	})
}

// interest is penalty interest when the amount is negative.
func (s *story) interest(day time.Time, amount, rate, period string) {
	i := client.Interest{Amount: s.amount(amount), Currency: s.currency.Code(), EffectiveAt: day, Rate: rate, Period: period}
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.PostInterest(ctx, key, account, i, o)
	})
}

func (s *story) freeze(day time.Time, reason string, scope client.FreezeScope) {
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.FreezeAccount(ctx, key, account, client.Freeze{Reason: reason, Scope: scope}, o)
	})
}

func (s *story) unfreeze(day time.Time, reason string) {
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.UnfreezeAccount(ctx, key, account, client.Lifecycle{Reason: reason}, o)
	})
}

func (s *story) close(day time.Time, reason string) {
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.CloseAccount(ctx, key, account, client.Lifecycle{Reason: reason}, o)
	})
}

func (s *story) limit(day time.Time, amount string) {
	limit := s.amount(amount)
	s.add(day, func(ctx context.Context, bank *client.Client, key string, account uuid.UUID, o client.Option) (client.CommandResult, error) {
		return bank.ChangeSettings(ctx, key, account, client.AccountSettings{OverdraftLimit: &limit}, o)
	})
}

// amount reads what stands in the stories; a slip of the pen there is a fault of the program.
func (s *story) amount(decimal string) client.Amount {
	amount, err := money.Parse(decimal, s.currency)
	if err != nil {
		panic("demo: " + s.name + ": " + err.Error())
	}
	return int64(amount)
}

// day is a day of 2026, the year in which the stories play.
func day(month time.Month, of int) time.Time { return time.Date(2026, month, of, 0, 0, 0, 0, time.UTC) }
