package auditor

import (
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"passbook/domain/account"
)

// limits is what an account may spend and has spent, by day and by month of the booking time.
type limits struct {
	perTransaction, perDay, perMonth int64 // 0: none
	days, months                     map[string]int64
}

func newLimits() limits { return limits{days: map[string]int64{}, months: map[string]int64{}} }

func dayAndMonth(at time.Time) (day, month string) {
	day = at.UTC().Format(time.DateOnly)
	return day, day[:len("2006-01")]
}

// set takes over the whole of them and returns the row's form.
func (l *limits) set(to account.Limits) string {
	l.perTransaction, l.perDay, l.perMonth = int64(to.PerTransaction), int64(to.PerDay), int64(to.PerMonth)
	all := map[string]int64{}
	for name, limit := range map[string]int64{"per_transaction": l.perTransaction, "per_day": l.perDay, "per_month": l.perMonth} {
		if limit != 0 {
			all[name] = limit
		}
	}
	return limitsText(all)
}

func limitsText(all map[string]int64) string {
	if len(all) == 0 {
		return "null"
	}
	encoded, err := jsonv2.Marshal(all, jsonv2.Deterministic(true))
	if err != nil {
		panic(err) // numbers under names
	}
	return string(encoded)
}

// canonicalLimits is a stored row's limits in the form that compares.
func canonicalLimits(stored []byte) (string, error) {
	if stored == nil {
		return "null", nil
	}
	var all map[string]int64
	if err := json.Unmarshal(stored, &all); err != nil {
		return "", fmt.Errorf("limits: %w", err)
	}
	if len(all) == 0 {
		return "{}", nil
	}
	return limitsText(all), nil
}

// spend adds up and returns which limit that passes; "" when none.
func (l *limits) spend(at time.Time, amount int64) string {
	day, month := dayAndMonth(at)
	l.days[day], l.months[month] = l.days[day]+amount, l.months[month]+amount
	switch {
	case l.perTransaction != 0 && amount > l.perTransaction:
		return fmt.Sprintf("%d spent at once, the limit is %d", amount, l.perTransaction)
	case l.perDay != 0 && l.days[day] > l.perDay:
		return fmt.Sprintf("%d spent on %s, the limit of a day is %d", l.days[day], day, l.perDay)
	case l.perMonth != 0 && l.months[month] > l.perMonth:
		return fmt.Sprintf("%d spent in %s, the limit of a month is %d", l.months[month], month, l.perMonth)
	}
	return ""
}

// giveBack takes off again what was set aside at a time and not captured.
func (l *limits) giveBack(placed time.Time, amount int64) {
	day, month := dayAndMonth(placed)
	l.days[day], l.months[month] = l.days[day]-amount, l.months[month]-amount
}
