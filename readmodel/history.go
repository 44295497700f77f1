package readmodel

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel/internal/db"
)

// Basis says by which of an event's two times the past is looked at.
type Basis string

// The two bases.
const (
	BasisRecorded  Basis = "recorded"  // as the log knew it then: by booking time
	BasisEffective Basis = "effective" // as it counts today: by value date
)

// BalanceAt is a balance at a past moment, in minor units.
type BalanceAt struct {
	AccountID     uuid.UUID
	Currency      string
	Balance, Held int64
	At            time.Time
	Basis         Basis
	Version       int64 // of the account at that moment; 0 on the effective basis, which mixes versions
}

// BalanceAt returns the balance including everything at that very moment. On the recorded basis an account that was not open
// yet is ErrNotFound; on the effective basis its balance was zero, or what was dated back.
func (q *Queries) BalanceAt(ctx context.Context, id uuid.UUID, at time.Time, basis Basis) (BalanceAt, Freshness, error) {
	statements, stamp := q.stamp(Timeline)
	answer := BalanceAt{AccountID: id, At: at, Basis: basis}
	switch basis {
	case BasisRecorded:
		row, err := statements.BalanceRecorded(ctx, db.BalanceRecordedParams{AccountID: id, At: at})
		if err != nil {
			return BalanceAt{}, stamp.freshness, notFound("balance of account", id, err)
		}
		answer.Currency, answer.Balance, answer.Held, answer.Version = row.Currency, row.Balance, row.Held, row.Version
	case BasisEffective:
		row, err := statements.BalanceEffective(ctx, db.BalanceEffectiveParams{AccountID: id, At: at})
		if err != nil {
			return BalanceAt{}, stamp.freshness, notFound("balance of account", id, err)
		}
		answer.Currency, answer.Balance, answer.Held = row.Currency, row.Balance, row.Held
	default:
		return BalanceAt{}, Freshness{}, fmt.Errorf("basis %q is none", basis)
	}
	return answer, stamp.of(id), nil
}

// DayBalance is the balance at the end of a UTC day and what moved on it, in minor units.
type DayBalance struct {
	Date      time.Time // midnight UTC, the beginning of the day
	Balance   int64     // at its end
	In, Out   int64     // both positive
	Movements int64
}

// DaysMax is the longest series of days: ten years and a bit.
const DaysMax = 3_700

// ErrTooManyDays means that a series would be longer than DaysMax.
var ErrTooManyDays = fmt.Errorf("more than %d days", DaysMax)

const day = 24 * time.Hour

// DailyBalances returns every day from one date up to another, that one excluded, with the currency. Both are midnights in UTC.
// Days before the account was opened have zeros; days that have not come yet carry the last balance.
func (q *Queries) DailyBalances(ctx context.Context, id uuid.UUID, from, to time.Time, basis Basis) ([]DayBalance, string, Freshness, error) {
	if to.Sub(from) > DaysMax*day {
		return nil, "", Freshness{}, ErrTooManyDays
	}
	statements, stamp := q.stamp(Timeline)
	currency, err := statements.AccountCurrency(ctx, id)
	if err != nil {
		return nil, "", stamp.freshness, notFound("balances of account", id, err)
	}
	moved, err := movedDays(ctx, statements, id, from, to, basis)
	if err != nil {
		return nil, "", stamp.freshness, fmt.Errorf("read daily balances of account %s: %w", id, err)
	}
	return carry(moved, from, to), currency, stamp.of(id), nil
}

// movedDays returns the days with movements, before them one that stands for all the past.
func movedDays(ctx context.Context, q *db.Queries, id uuid.UUID, from, to time.Time, basis Basis) ([]db.DaysRecordedRow, error) {
	switch basis {
	case BasisRecorded:
		return q.DaysRecorded(ctx, db.DaysRecordedParams{AccountID: id, DayBefore: from.Add(-day), FromTime: from, ToTime: to})
	case BasisEffective:
		rows, err := q.DaysEffective(ctx, db.DaysEffectiveParams{AccountID: id, DayBefore: from.Add(-day), ToTime: to})
		moved := make([]db.DaysRecordedRow, len(rows))
		for i, row := range rows {
			moved[i] = db.DaysRecordedRow(row)
		}
		return moved, err
	default:
		return nil, fmt.Errorf("basis %q is none", basis)
	}
}

// carry fills the days between with the balance before them.
func carry(moved []db.DaysRecordedRow, from, to time.Time) []DayBalance {
	var balance int64
	days := make([]DayBalance, 0, max(0, to.Sub(from)/day))
	for len(moved) > 0 && moved[0].Day.Before(from) {
		balance += moved[0].Inflow - moved[0].Outflow
		moved = moved[1:]
	}
	for date := from; date.Before(to); date = date.Add(day) {
		today := DayBalance{Date: date}
		if len(moved) > 0 && moved[0].Day.Equal(date) {
			today.In, today.Out, today.Movements = moved[0].Inflow, moved[0].Outflow, moved[0].Movements
			moved = moved[1:]
		}
		balance += today.In - today.Out
		today.Balance = balance
		days = append(days, today)
	}
	return days
}
