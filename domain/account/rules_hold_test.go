package account_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// hold is the id of the nth hold of a story.
func hold(n byte) uuid.UUID { return uuid.UUID{0xB, n} }

var payment = uuid.UUID{0xC, 1}

func after(d time.Duration) time.Time { return noon.Add(d) }

// placed says that an hour's hold was placed, and what is held then.
func placed(n byte, minor, balance, held money.Amount) account.Event {
	return account.HoldPlaced{HoldID: hold(n), Amount: minor, Currency: eur, ExpiresAt: after(time.Hour), BalanceAfter: balance, HeldAfter: held}
}

func expired(n byte, minor, balance, held money.Amount) account.Event {
	return account.HoldExpired{HoldID: hold(n), Amount: minor, Currency: eur, BalanceAfter: balance, HeldAfter: held}
}

func TestPlacingHolds(t *testing.T) {
	place := func(n byte, minor money.Amount) account.PlaceHold {
		return account.PlaceHold{HoldID: hold(n), Money: euros(minor), ExpiresAt: after(time.Hour)}
	}
	many := history(opened(0), holding(1000))
	for n := range account.HoldsMax {
		many = append(many, account.HoldPlaced{HoldID: uuid.UUID{0xD, byte(n), 1}, Amount: 1, Currency: eur, ExpiresAt: after(time.Hour), BalanceAfter: 1000, HeldAfter: money.Amount(n + 1)})
	}
	full := account.PlaceHold{HoldID: hold(1), PaymentID: payment, Money: euros(5), Reference: "hotel", Metadata: map[string]string{"k": "v"}}
	late := place(1, 5)
	late.ExpiresAt = noon
	far := place(1, 5)
	far.ExpiresAt = after(account.HoldTimeMax + 1)
	never := place(1, 5)
	never.ExpiresAt = time.Time{}
	when := account.InvalidField{Field: "expires_at", Detail: "must lie in the future, at most 366 days ahead"}
	checkRules(t, []rule{
		{name: "of a part", given: history(opened(0), holding(100)), when: place(1, 60), then: history(placed(1, 60, 100, 60))},
		{name: "of all", given: history(opened(0), holding(100)), when: place(1, 100), then: history(placed(1, 100, 100, 100))},
		{name: "a second one", given: history(opened(0), holding(100), placed(1, 60, 100, 60)), when: place(2, 40), then: history(placed(2, 40, 100, 100))},
		{name: "of more than is left beside another", given: history(opened(0), holding(100), placed(1, 60, 100, 60)), when: place(2, 41),
			refused: account.InsufficientFunds{Available: 40, Requested: 41}},
		{name: "into the overdraft", given: history(opened(50)), when: place(1, 50), then: history(placed(1, 50, 0, 50))},
		{name: "of the most that can be held", given: history(opened(50), holding(money.MaxAmount), placed(1, 1, money.MaxAmount, 1)), when: place(2, money.MaxAmount-1),
			then: history(placed(2, money.MaxAmount-1, money.MaxAmount, money.MaxAmount))},
		{name: "of more than can be held", given: history(opened(50), holding(money.MaxAmount), placed(1, 1, money.MaxAmount, 1)), when: place(2, money.MaxAmount),
			refused: account.AmountOutOfRange{Amount: money.MaxAmount, Min: 1, Max: money.MaxAmount - 1}},
		{name: "past the overdraft", given: history(opened(50)), when: place(1, 51), refused: account.InsufficientFunds{Available: 50, Requested: 51}},
		{name: "for a payment, for as long as it takes", given: history(opened(0), holding(100)), when: full, then: history(account.HoldPlaced{HoldID: hold(1), PaymentID: payment,
			Amount: 5, Currency: eur, Reference: "hotel", Metadata: map[string]string{"k": "v"}, BalanceAfter: 100, HeldAfter: 5})},
		{name: "for nobody and for ever", given: history(opened(0), holding(100)), when: never, refused: when},
		{name: "until now", given: history(opened(0), holding(100)), when: late, refused: when},
		{name: "for too long", given: history(opened(0), holding(100)), when: far, refused: when},
		{name: "the same again", given: history(opened(0), holding(100), placed(1, 60, 100, 60)), when: place(1, 60)},
		{name: "the same again after it was released", given: history(opened(0), holding(100), placed(1, 60, 100, 60),
			account.HoldReleased{HoldID: hold(1), Amount: 60, Currency: eur, BalanceAfter: 100}), when: place(1, 60)},
		{name: "one too many", given: many, when: place(1, 1), refused: account.TooManyHolds{Max: account.HoldsMax}},
		{name: "of nothing", given: history(opened(0), holding(100)), when: place(1, 0), refused: account.AmountOutOfRange{Amount: 0, Min: 1, Max: most}},
		{name: "of another currency", given: history(opened(0), holding(100)), when: account.PlaceHold{HoldID: hold(1), Money: money.Money{Amount: 1, Currency: usd}, ExpiresAt: after(1)},
			refused: account.CurrencyMismatch{Account: eur, Given: usd}},
		{name: "while debits are frozen", given: history(opened(0), holding(100), frozen(account.FreezeDebit)), when: place(1, 1), refused: account.FrozenAccount{Scope: account.FreezeDebit}},
		{name: "while all is frozen", given: history(opened(0), holding(100), frozen(account.FreezeAll)), when: place(1, 1), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "on a closed account", given: history(opened(0), closed), when: place(1, 1), refused: account.ClosedAccount{}},
		{name: "on no account", when: place(1, 1), refused: account.NotFound{}},
		{name: "when another's time is over", given: history(opened(0), holding(100), placed(1, 100, 100, 100)), at: after(time.Hour),
			when: account.PlaceHold{HoldID: hold(2), Money: euros(100), ExpiresAt: after(2 * time.Hour)}, then: history(expired(1, 100, 100, 0),
				account.HoldPlaced{HoldID: hold(2), Amount: 100, Currency: eur, ExpiresAt: after(2 * time.Hour), BalanceAfter: 100, HeldAfter: 100})},
	})
}

func TestCapturingHolds(t *testing.T) {
	held := history(opened(0), holding(100), placed(1, 60, 100, 60))
	forPayment := history(opened(0), holding(100), account.HoldPlaced{HoldID: hold(1), PaymentID: payment, Amount: 60, Currency: eur, BalanceAfter: 100, HeldAfter: 60})
	capture := func(amount *money.Amount, final bool) account.CaptureHold {
		return account.CaptureHold{TransactionID: tx(2), HoldID: hold(1), Amount: amount, Final: final, Reference: "bill"}
	}
	captured := func(minor, remaining, released, balance, held money.Amount) account.Event {
		return account.HoldCaptured{TransactionID: tx(2), HoldID: hold(1), Amount: minor, Currency: eur, Remaining: remaining, Released: released,
			Reference: "bill", BalanceAfter: balance, HeldAfter: held}
	}
	some := func(minor money.Amount) *money.Amount { return &minor }
	ofPayment := capture(nil, false)
	ofPayment.PaymentID = payment
	first := account.HoldCaptured{TransactionID: tx(3), HoldID: hold(1), Amount: 20, Currency: eur, Remaining: 40, BalanceAfter: 80, HeldAfter: 40}
	checkRules(t, []rule{
		{name: "in full", given: held, when: capture(nil, false), then: history(captured(60, 0, 0, 40, 0))},
		{name: "in part, the rest stays held", given: held, when: capture(some(20), false), then: history(captured(20, 40, 0, 80, 40))},
		{name: "in part, the rest is given back", given: held, when: capture(some(20), true), then: history(captured(20, 0, 40, 80, 0))},
		{name: "a second part", given: append(held, first), when: capture(some(30), false), then: history(captured(30, 10, 0, 50, 10))},
		{name: "all that is left", given: append(held, first), when: capture(nil, false), then: history(captured(40, 0, 0, 40, 0))},
		{name: "more than is held", given: held, when: capture(some(61), false), refused: account.CaptureExceedsHold{Remaining: 60, Requested: 61}},
		{name: "more than is left", given: append(held, first), when: capture(some(41), false), refused: account.CaptureExceedsHold{Remaining: 40, Requested: 41}},
		{name: "of nothing", given: held, when: capture(some(0), false), refused: account.AmountOutOfRange{Amount: 0, Min: 1, Max: 60}},
		{name: "the same again", given: append(held, captured(60, 0, 0, 40, 0)), when: capture(nil, false)},
		{name: "when it is captured already", given: append(held, account.HoldCaptured{TransactionID: tx(3), HoldID: hold(1), Amount: 60, Currency: eur, BalanceAfter: 40}),
			when: capture(nil, false), refused: account.HoldNotActive{How: account.HoldEndCaptured}},
		{name: "when it is released", given: append(held, account.HoldReleased{HoldID: hold(1), Amount: 60, Currency: eur, BalanceAfter: 100}),
			when: capture(nil, false), refused: account.HoldNotActive{How: account.HoldEndReleased}},
		{name: "when its time is over and nobody has noticed", given: held, at: after(time.Hour), when: capture(nil, false), refused: account.ExpiredHold{}},
		{name: "in the last moment", given: held, at: after(time.Hour - 1), when: capture(nil, false), then: history(captured(60, 0, 0, 40, 0))},
		{name: "when it has expired", given: append(held, expired(1, 60, 100, 0)), when: capture(nil, false), refused: account.ExpiredHold{}},
		{name: "when nobody knows it", given: history(opened(0), holding(100)), when: capture(nil, false), refused: account.HoldNotActive{}},
		{name: "of a payment, by somebody else", given: forPayment, when: capture(nil, false), refused: account.HoldOfPayment{PaymentID: payment}},
		{name: "of a payment", given: forPayment, when: ofPayment, then: history(account.HoldCaptured{TransactionID: tx(2), HoldID: hold(1), PaymentID: payment,
			Amount: 60, Currency: eur, Reference: "bill", BalanceAfter: 40})},
		{name: "of a payment, from a frozen account: the money has left", given: append(forPayment, frozen(account.FreezeAll)), when: ofPayment,
			then: history(account.HoldCaptured{TransactionID: tx(2), HoldID: hold(1), PaymentID: payment, Amount: 60, Currency: eur, Reference: "bill", BalanceAfter: 40})},
		{name: "while debits are frozen: it was promised before", given: append(held, frozen(account.FreezeDebit)), when: capture(nil, false), then: history(captured(60, 0, 0, 40, 0))},
		{name: "while all is frozen", given: append(held, frozen(account.FreezeAll)), when: capture(nil, false), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "on no account", when: capture(nil, false), refused: account.NotFound{}},
	})
}

func TestReleasingExtendingAndExpiringHolds(t *testing.T) {
	held := history(opened(0), holding(100), placed(1, 60, 100, 60), placed(2, 10, 100, 70))
	release := account.ReleaseHold{HoldID: hold(1), Reason: "not needed"}
	released := account.HoldReleased{HoldID: hold(1), Amount: 60, Currency: eur, Reason: "not needed", BalanceAfter: 100, HeldAfter: 10}
	extend := func(d time.Duration) account.ExtendHold {
		return account.ExtendHold{HoldID: hold(1), ExpiresAt: after(d)}
	}
	extended := account.HoldExtended{HoldID: hold(1), ExpiresAt: after(2 * time.Hour)}
	checkRules(t, []rule{
		{name: "release", given: held, when: release, then: history(released)},
		{name: "release of what is left", given: append(held, account.HoldCaptured{TransactionID: tx(3), HoldID: hold(1), Amount: 20, Currency: eur, Remaining: 40, BalanceAfter: 80, HeldAfter: 50}),
			when: release, then: history(account.HoldReleased{HoldID: hold(1), Amount: 40, Currency: eur, Reason: "not needed", BalanceAfter: 80, HeldAfter: 10})},
		{name: "release while all is frozen", given: append(held, frozen(account.FreezeAll)), when: release, then: history(released)},
		{name: "release again", given: append(held, released), when: release},
		{name: "release of what is captured", given: append(held, account.HoldCaptured{TransactionID: tx(3), HoldID: hold(1), Amount: 60, Currency: eur, BalanceAfter: 40, HeldAfter: 10}),
			when: release, refused: account.HoldNotActive{How: account.HoldEndCaptured}},
		{name: "release after its time, and the other's", given: held, at: after(time.Hour), when: release, refused: account.ExpiredHold{}},
		{name: "extend", given: held, when: extend(2 * time.Hour), then: history(extended)},
		{name: "extend again", given: append(held, extended), when: extend(2 * time.Hour)},
		{name: "extend to an earlier time", given: held, when: extend(time.Minute), refused: account.InvalidField{Field: "expires_at", Detail: "must not be before the present one"}},
		{name: "extend for too long", given: held, when: extend(account.HoldTimeMax + 1), refused: account.InvalidField{Field: "expires_at", Detail: "must lie in the future, at most 366 days ahead"}},
		{name: "extend after its time", given: held, at: after(time.Hour), when: extend(2 * time.Hour), refused: account.ExpiredHold{}},
		{name: "an extended one lasts", given: append(held, extended), at: after(time.Hour), when: account.ExpireHolds{}, then: history(expired(2, 10, 100, 60))},
		{name: "nothing has expired", given: held, when: account.ExpireHolds{}},
		{name: "all have expired", given: held, at: after(time.Hour), when: account.ExpireHolds{}, then: history(expired(1, 60, 100, 10), expired(2, 10, 100, 0))},
		{name: "holds of no account", when: account.ExpireHolds{}},
		{name: "what has expired can be spent", given: held, at: after(time.Hour), when: account.Withdraw{TransactionID: tx(2), Money: euros(100)},
			then: history(expired(1, 60, 100, 10), expired(2, 10, 100, 0), account.Withdrawn{TransactionID: tx(2), Amount: 100, Currency: eur})},
		{name: "a refusal leaves no expiry behind", given: held, at: after(time.Hour), when: account.Withdraw{TransactionID: tx(2), Money: euros(101)},
			refused: account.InsufficientFunds{Available: 100, Requested: 101}},
		{name: "an account with holds is not closed", given: history(opened(0), placed(1, 60, 0, 60)), when: account.Close{}, refused: account.BalanceNotZero{Held: 60}},
		{name: "after their time it is", given: history(opened(0), placed(1, 60, 0, 60)), at: after(time.Hour), when: account.Close{}, then: history(expired(1, 60, 0, 0), account.Closed{})},
	})
}
