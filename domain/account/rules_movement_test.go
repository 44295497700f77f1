package account_test

import (
	"testing"

	"passbook/domain/account"
	"passbook/domain/money"
)

const most = money.MaxAmount

func TestDeposits(t *testing.T) {
	deposit := func(minor money.Amount) account.Deposit {
		return account.Deposit{TransactionID: tx(2), Money: euros(minor), Source: "cash", Reference: "slip 1", Metadata: map[string]string{"k": "v"}}
	}
	deposited := func(minor, balance, held money.Amount) []account.Event {
		return history(account.Deposited{TransactionID: tx(2), Amount: minor, Currency: eur, Source: "cash", Reference: "slip 1",
			Metadata: map[string]string{"k": "v"}, BalanceAfter: balance, HeldAfter: held})
	}
	checkRules(t, []rule{
		{name: "the first deposit is the balance", given: history(opened(0)), when: deposit(500), then: deposited(500, 500, 0)},
		{name: "a deposit adds to the balance", given: history(opened(0), holding(100)), when: deposit(500), then: deposited(500, 600, 0)},
		{name: "what is held stays held", given: history(opened(0), holdingOf(100, 30)), when: deposit(500), then: deposited(500, 600, 30)},
		{name: "a deposit pays back an overdraft", given: history(opened(50), holding(-100)), when: deposit(500), then: deposited(500, 400, 0)},
		{name: "a deposit without texts", given: history(opened(0)), when: account.Deposit{TransactionID: tx(2), Money: euros(1), Metadata: map[string]string{}},
			then: history(account.Deposited{TransactionID: tx(2), Amount: 1, Currency: eur, Source: account.SourceUnspecified, BalanceAfter: 1})},
		{name: "the largest amount", given: history(opened(0)), when: deposit(most), then: deposited(most, most, 0)},
		{name: "onto a debt the largest amount is still the largest", given: history(opened(0), holding(-5)), when: deposit(most), then: deposited(most, most-5, 0)},
		{name: "to the highest balance", given: history(opened(0), holding(most-1)), when: deposit(1), then: deposited(1, most, 0)},
		{name: "past the highest balance", given: history(opened(0), holding(most-1)), when: deposit(2), refused: account.AmountOutOfRange{Amount: 2, Min: 1, Max: 1}},
		{name: "onto the highest balance", given: history(opened(0), holding(most)), when: deposit(1), refused: account.AmountOutOfRange{Amount: 1, Min: 1, Max: 0}},
		{name: "of nothing", given: history(opened(0)), when: deposit(0), refused: account.AmountOutOfRange{Amount: 0, Min: 1, Max: most}},
		{name: "of less than nothing", given: history(opened(0)), when: deposit(-1), refused: account.AmountOutOfRange{Amount: -1, Min: 1, Max: most}},
		{name: "of more than the largest amount", given: history(opened(0)), when: deposit(most + 1), refused: account.AmountOutOfRange{Amount: most + 1, Min: 1, Max: most}},
		{name: "of another currency", given: history(opened(0)), when: account.Deposit{TransactionID: tx(2), Money: money.Money{Amount: 5, Currency: usd}},
			refused: account.CurrencyMismatch{Account: eur, Given: usd}},
		{name: "of no currency", given: history(opened(0)), when: account.Deposit{TransactionID: tx(2), Money: money.Money{Amount: 5}},
			refused: account.CurrencyMismatch{Account: eur}},
		{name: "while withdrawals are frozen", given: history(opened(0), frozen(account.FreezeDebit)), when: deposit(5), then: deposited(5, 5, 0)},
		{name: "while all is frozen", given: history(opened(0), frozen(account.FreezeAll)), when: deposit(5), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "after a freeze is lifted", given: history(opened(0), frozen(account.FreezeAll), account.Unfrozen{}), when: deposit(5), then: deposited(5, 5, 0)},
		{name: "on a closed account", given: history(opened(0), closed), when: deposit(5), refused: account.ClosedAccount{}},
		{name: "on an account opened again", given: history(opened(0), closed, account.Reopened{}), when: deposit(5), then: deposited(5, 5, 0)},
		{name: "on no account", when: deposit(5), refused: account.NotFound{}},
		{name: "the same again", given: append(history(opened(0)), deposited(5, 5, 0)...), when: deposit(5)},
		{name: "the same again after the account was closed", given: append(append(history(opened(0)), deposited(5, 0, 0)...), closed), when: deposit(5)},
	})
}

func TestWithdrawals(t *testing.T) {
	withdraw := func(minor money.Amount) account.Withdraw {
		return account.Withdraw{TransactionID: tx(2), Money: euros(minor), Channel: "atm", Reference: "card 1", Metadata: map[string]string{"k": "v"}}
	}
	withdrawn := func(minor, balance, held money.Amount) []account.Event {
		return history(account.Withdrawn{TransactionID: tx(2), Amount: minor, Currency: eur, Channel: "atm", Reference: "card 1",
			Metadata: map[string]string{"k": "v"}, BalanceAfter: balance, HeldAfter: held})
	}
	short := func(available, requested money.Amount) account.Refusal {
		return account.InsufficientFunds{Available: available, Requested: requested}
	}
	checkRules(t, []rule{
		{name: "of a part", given: history(opened(0), holding(100)), when: withdraw(60), then: withdrawn(60, 40, 0)},
		{name: "of all", given: history(opened(0), holding(100)), when: withdraw(100), then: withdrawn(100, 0, 0)},
		{name: "of more than all", given: history(opened(0), holding(100)), when: withdraw(101), refused: short(100, 101)},
		{name: "from an empty account", given: history(opened(0)), when: withdraw(1), refused: short(0, 1)},
		{name: "down to the overdraft limit", given: history(opened(50), holding(100)), when: withdraw(150), then: withdrawn(150, -50, 0)},
		{name: "past the overdraft limit", given: history(opened(50), holding(100)), when: withdraw(151), refused: short(150, 151)},
		{name: "beside what is held", given: history(opened(0), holdingOf(100, 30)), when: withdraw(70), then: withdrawn(70, 30, 30)},
		{name: "of what is held", given: history(opened(0), holdingOf(100, 30)), when: withdraw(71), refused: short(70, 71)},
		{name: "with a fee beyond the limit outstanding", given: history(opened(50), holding(-60)), when: withdraw(1), refused: short(-10, 1)},
		{name: "of the largest amount", given: history(opened(0), holding(most)), when: withdraw(most), then: withdrawn(most, 0, 0)},
		{name: "to the lowest balance", given: history(opened(most)), when: withdraw(most), then: withdrawn(most, -most, 0)},
		{name: "past the lowest balance", given: history(opened(most), holding(-1)), when: withdraw(most), refused: short(most-1, most)},
		{name: "with more available than one amount can be", given: history(opened(most), holding(most)), when: withdraw(most), then: withdrawn(most, 0, 0)},
		{name: "of nothing", given: history(opened(0)), when: withdraw(0), refused: account.AmountOutOfRange{Amount: 0, Min: 1, Max: most}},
		{name: "of less than nothing", given: history(opened(0)), when: withdraw(-1), refused: account.AmountOutOfRange{Amount: -1, Min: 1, Max: most}},
		{name: "of more than the largest amount", given: history(opened(0)), when: withdraw(most + 1), refused: account.AmountOutOfRange{Amount: most + 1, Min: 1, Max: most}},
		{name: "of another currency", given: history(opened(0)), when: account.Withdraw{TransactionID: tx(2), Money: money.Money{Amount: 5, Currency: usd}},
			refused: account.CurrencyMismatch{Account: eur, Given: usd}},
		{name: "while withdrawals are frozen", given: history(opened(0), holding(9), frozen(account.FreezeDebit)), when: withdraw(5),
			refused: account.FrozenAccount{Scope: account.FreezeDebit}},
		{name: "while all is frozen", given: history(opened(0), holding(9), frozen(account.FreezeAll)), when: withdraw(5),
			refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "after a freeze is lifted", given: history(opened(0), holding(9), frozen(account.FreezeDebit), account.Unfrozen{}), when: withdraw(5), then: withdrawn(5, 4, 0)},
		{name: "from a closed account", given: history(opened(0), closed), when: withdraw(5), refused: account.ClosedAccount{}},
		{name: "from no account", when: withdraw(5), refused: account.NotFound{}},
		{name: "the same again, though the money is gone", given: append(history(opened(0), holding(5)), withdrawn(5, 0, 0)...), when: withdraw(5)},
	})
}

func TestFees(t *testing.T) {
	charge := func(minor money.Amount) account.ChargeFee {
		return account.ChargeFee{TransactionID: tx(2), Money: euros(minor), Reason: "card", Reference: "2026", Metadata: map[string]string{"k": "v"}}
	}
	charged := func(minor, balance, held money.Amount) []account.Event {
		return history(account.FeeCharged{TransactionID: tx(2), Amount: minor, Currency: eur, Reason: "card", Reference: "2026",
			Metadata: map[string]string{"k": "v"}, BalanceAfter: balance, HeldAfter: held})
	}
	checkRules(t, []rule{
		{name: "from the balance", given: history(opened(0), holding(100)), when: charge(3), then: charged(3, 97, 0)},
		{name: "beside what is held", given: history(opened(0), holdingOf(100, 100)), when: charge(3), then: charged(3, 97, 100)},
		{name: "past the overdraft limit", given: history(opened(50), holding(-49)), when: charge(3), then: charged(3, -52, 0)},
		{name: "to the lowest balance", given: history(opened(0), holding(1-most)), when: charge(1), then: charged(1, -most, 0)},
		{name: "past the lowest balance", given: history(opened(0), holding(1-most)), when: charge(2), refused: account.AmountOutOfRange{Amount: 2, Min: 1, Max: 1}},
		{name: "the largest amount", given: history(opened(0), holding(most)), when: charge(most), then: charged(most, 0, 0)},
		{name: "of nothing", given: history(opened(0)), when: charge(0), refused: account.AmountOutOfRange{Amount: 0, Min: 1, Max: most}},
		{name: "of less than nothing", given: history(opened(0)), when: charge(-1), refused: account.AmountOutOfRange{Amount: -1, Min: 1, Max: most}},
		{name: "of more than the largest amount", given: history(opened(0)), when: charge(most + 1), refused: account.AmountOutOfRange{Amount: most + 1, Min: 1, Max: most}},
		{name: "of another currency", given: history(opened(0)), when: account.ChargeFee{TransactionID: tx(2), Money: money.Money{Amount: 5, Currency: usd}},
			refused: account.CurrencyMismatch{Account: eur, Given: usd}},
		{name: "while withdrawals are frozen", given: history(opened(0), frozen(account.FreezeDebit)), when: charge(5), then: charged(5, -5, 0)},
		{name: "while all is frozen", given: history(opened(0), frozen(account.FreezeAll)), when: charge(5), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "on a closed account", given: history(opened(0), closed), when: charge(5), refused: account.ClosedAccount{}},
		{name: "on no account", when: charge(5), refused: account.NotFound{}},
		{name: "the same again", given: append(history(opened(0)), charged(5, -5, 0)...), when: charge(5)},
	})
}

func TestInterest(t *testing.T) {
	post := func(minor money.Amount) account.PostInterest {
		return account.PostInterest{TransactionID: tx(2), Money: euros(minor), Rate: "2.5 %", Period: "2026-01", Reference: "r", Metadata: map[string]string{"k": "v"}}
	}
	posted := func(minor, balance, held money.Amount) []account.Event {
		credited := account.InterestCredited{TransactionID: tx(2), Amount: minor, Currency: eur, Rate: "2.5 %", Period: "2026-01", Reference: "r",
			Metadata: map[string]string{"k": "v"}, BalanceAfter: balance, HeldAfter: held}
		if minor > 0 {
			return history(credited)
		}
		debited := account.InterestDebited(credited)
		debited.Amount = -minor
		return history(debited)
	}
	checkRules(t, []rule{
		{name: "earned", given: history(opened(0), holding(100)), when: post(3), then: posted(3, 103, 0)},
		{name: "owed", given: history(opened(0), holdingOf(100, 7)), when: post(-3), then: posted(-3, 97, 7)},
		{name: "owed past the overdraft limit", given: history(opened(50), holding(-50)), when: post(-3), then: posted(-3, -53, 0)},
		{name: "to the highest balance", given: history(opened(0), holding(most-3)), when: post(3), then: posted(3, most, 0)},
		{name: "past the highest balance", given: history(opened(0), holding(most-3)), when: post(4), refused: account.AmountOutOfRange{Amount: 4, Min: -most, Max: 3}},
		{name: "to the lowest balance", given: history(opened(0), holding(3-most)), when: post(-3), then: posted(-3, -most, 0)},
		{name: "past the lowest balance", given: history(opened(0), holding(3-most)), when: post(-4), refused: account.AmountOutOfRange{Amount: -4, Min: -3, Max: most}},
		{name: "of nothing", given: history(opened(0)), when: post(0), refused: account.AmountOutOfRange{Amount: 0, Min: -most, Max: most}},
		{name: "of more than the largest amount", given: history(opened(0), holding(-5)), when: post(most + 1), refused: account.AmountOutOfRange{Amount: most + 1, Min: 5 - most, Max: most}},
		{name: "of less than the smallest amount", given: history(opened(0), holding(5)), when: post(-most - 1), refused: account.AmountOutOfRange{Amount: -most - 1, Min: -most, Max: most - 5}},
		{name: "of another currency", given: history(opened(0)), when: account.PostInterest{TransactionID: tx(2), Money: money.Money{Amount: 5, Currency: usd}},
			refused: account.CurrencyMismatch{Account: eur, Given: usd}},
		{name: "while withdrawals are frozen", given: history(opened(0), frozen(account.FreezeDebit)), when: post(-5), then: posted(-5, -5, 0)},
		{name: "while all is frozen", given: history(opened(0), frozen(account.FreezeAll)), when: post(5), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "on a closed account", given: history(opened(0), closed), when: post(5), refused: account.ClosedAccount{}},
		{name: "on no account", when: post(5), refused: account.NotFound{}},
		{name: "the same again", given: append(history(opened(0)), posted(5, 5, 0)...), when: post(5)},
	})
}
