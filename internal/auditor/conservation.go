package auditor

import (
	"maps"
	"slices"

	"github.com/google/uuid"
)

// conservation is what all movements of the bank come to, by currency.
type conservation map[string]*totals

// totals are sums of one currency. What one account's book says of the other's is what transfers add to it.
type totals struct {
	between  int64 // transfers and their reversals: zero, as each is on two accounts
	through  int64 // all other movements: what has come into the bank less what has left it
	balances int64 // of all accounts, as their last events say
}

func (c conservation) of(currency string) *totals {
	if c[currency] == nil {
		c[currency] = &totals{}
	}
	return c[currency]
}

// add enters a movement.
func (c conservation) add(row *timelineRow) {
	t := c.of(row.Currency)
	if row.Counterparty != uuid.Nil {
		t.between += row.Amount
	} else {
		t.through += row.Amount
	}
}

// check is for when all accounts have been added.
func (c conservation) check(found *differences) {
	for _, currency := range slices.Sorted(maps.Keys(c)) {
		t := c[currency]
		if t.between != 0 {
			found.add(CheckConservation, uuid.Nil, 0, "transfers of %s, and what was undone of them, sum up to %d", currency, t.between)
		}
		if t.balances != t.through {
			found.add(CheckConservation, uuid.Nil, 0, "balances of %s sum up to %d, what came in less what went out to %d", currency, t.balances, t.through)
		}
	}
}
