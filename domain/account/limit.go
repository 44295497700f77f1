package account

import (
	"time"

	"passbook/domain/money"
)

// Limits bound what the owner spends: withdrawals, transfers to other accounts and holds, which count when they are placed. Zero
// means no limit. Fees, interest and reversals are not spent by the owner and do not count.
type Limits struct {
	PerTransaction money.Amount `json:"per_transaction,omitempty"`
	PerDay         money.Amount `json:"per_day,omitempty"`   // of the booking date, UTC
	PerMonth       money.Amount `json:"per_month,omitempty"` // likewise
}

func (l Limits) inRange() bool {
	for _, limit := range [...]money.Amount{l.PerTransaction, l.PerDay, l.PerMonth} {
		if limit < 0 || !limit.InRange() {
			return false
		}
	}
	return true
}

// Spent is what counts against the limits of a day and of its month. Of a hold that ends without having been captured, what is
// given back is taken off again within the day and the month of its placing.
type Spent struct {
	Day       int32        `json:"day"` // since 1970-01-01
	Today     money.Amount `json:"today"`
	ThisMonth money.Amount `json:"this_month"`
}

func dayOf(at time.Time) int32 {
	return int32(at.UTC().Truncate(24*time.Hour).Unix() / (24 * 60 * 60)) //nolint:gosec // till the year 5881580
}

func sameMonth(a, b int32) bool {
	year, month, _ := dateOf(a)
	otherYear, otherMonth, _ := dateOf(b)
	return year == otherYear && month == otherMonth
}

func dateOf(day int32) (int, time.Month, int) { return time.Unix(int64(day)*24*60*60, 0).UTC().Date() }

// on is what was spent of the limits that hold at a time.
func (s Spent) on(at time.Time) Spent {
	day := dayOf(at)
	switch {
	case day == s.Day:
		return s
	case sameMonth(day, s.Day):
		return Spent{Day: day, ThisMonth: s.ThisMonth}
	default:
		return Spent{Day: day}
	}
}

// SpentOn returns what the owner has spent on the day of a time, and in its month.
func (s State) SpentOn(at time.Time) Spent { return s.Spent.on(at) }

// spentMax is more than any limit, so a sum that stops there is over every limit, also after something was given back; adding an
// amount to it does not overflow.
const spentMax money.Amount = 1 << 62

// spend adds up. A sum may be larger than an amount can be.
func (s Spent) spend(amount money.Amount, at time.Time) Spent {
	s = s.on(at)
	s.Today = min(s.Today+amount, spentMax)
	s.ThisMonth = min(s.ThisMonth+amount, spentMax)
	return s
}

// giveBack takes off what was placed in a hold and not captured.
func (s Spent) giveBack(amount money.Amount, placed, at time.Time) Spent {
	s = s.on(at)
	if dayOf(placed) == s.Day {
		s.Today = max(0, s.Today-amount)
	}
	if sameMonth(dayOf(placed), s.Day) {
		s.ThisMonth = max(0, s.ThisMonth-amount)
	}
	return s
}

// The names of the limits, as they stand in refusals.
const (
	LimitPerTransaction = "per_transaction"
	LimitPerDay         = "per_day"
	LimitPerMonth       = "per_month"
)

// withinLimits refuses an amount that the owner would spend past one of the limits.
func (s State) withinLimits(amount money.Amount, at time.Time) error {
	if s.Limits == (Limits{}) {
		return nil
	}
	spent := s.Spent.on(at)
	for _, limit := range [...]struct {
		name      string
		max, used money.Amount
	}{
		{LimitPerTransaction, s.Limits.PerTransaction, 0},
		{LimitPerDay, s.Limits.PerDay, spent.Today},
		{LimitPerMonth, s.Limits.PerMonth, spent.ThisMonth},
	} {
		if limit.max != 0 && amount > limit.max-limit.used {
			return LimitExceeded{Limit: limit.name, Max: limit.max, Used: min(limit.used, money.MaxAmount), Requested: amount}
		}
	}
	return nil
}

func checkLimits(limits Limits) error {
	if limits.inRange() {
		return nil
	}
	return InvalidField{"limits", "must be amounts, zero for no limit"}
}
