package account_test

import (
	"testing"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

func TestOpening(t *testing.T) {
	with := func(change func(*account.Open)) account.Open {
		c := account.Open{AccountID: accountID, OwnerID: "owner-1", OwnerName: "Ada", Currency: eur, OverdraftLimit: 50, Metadata: map[string]string{"branch": "7"}}
		if change != nil {
			change(&c)
		}
		return c
	}
	limit := func(l money.Amount) account.Open { return with(func(c *account.Open) { c.OverdraftLimit = l }) }
	other := account.AlreadyOpen{}
	checkRules(t, []rule{
		{name: "an account", when: with(nil), then: history(opened(50))},
		{name: "without a name, a limit or metadata", when: account.Open{AccountID: accountID, OwnerID: "o", Currency: eur, Metadata: map[string]string{}},
			then: history(account.Opened{AccountID: accountID, OwnerID: "o", Currency: eur})},
		{name: "with the highest limit", when: limit(most), then: history(opened(most))},
		{name: "with a limit too high", when: limit(most + 1), refused: account.AmountOutOfRange{Amount: most + 1, Min: 0, Max: most}},
		{name: "with a limit below zero", when: limit(-1), refused: account.AmountOutOfRange{Amount: -1, Min: 0, Max: most}},

		{name: "the same again", given: history(opened(50)), when: with(nil)},
		{name: "the same again after money moved", given: history(opened(50), holding(7)), when: with(nil)},
		{name: "the same again while frozen", given: history(opened(50), frozen(account.FreezeAll)), when: with(nil)},
		{name: "the same again after it was closed", given: history(opened(50), closed), when: with(nil)},
		{name: "again with another owner", given: history(opened(50)), when: with(func(c *account.Open) { c.OwnerID = "owner-2" }), refused: other},
		{name: "again with another name", given: history(opened(50)), when: with(func(c *account.Open) { c.OwnerName = "Bob" }), refused: other},
		{name: "again in another currency", given: history(opened(50)), when: with(func(c *account.Open) { c.Currency = usd }), refused: other},
		{name: "again with another limit", given: history(opened(50)), when: limit(51), refused: other},
		{name: "again with other metadata", given: history(opened(50)), when: with(func(c *account.Open) { c.Metadata = nil }), refused: other},
		{name: "again under another id", given: history(opened(50)), when: with(func(c *account.Open) { c.AccountID = uuid.UUID{0xB} }), refused: other},
		{name: "again as it was before its settings changed", given: history(opened(50), account.TermsChanged{OverdraftLimit: new(money.Amount(60))}), when: with(nil), refused: other},
		{name: "again with other content on a closed account", given: history(opened(50), closed), when: limit(51), refused: other},
	})
}

func TestFreezing(t *testing.T) {
	freeze := func(scope account.FreezeScope) account.Freeze {
		return account.Freeze{Reason: "court order", Scope: scope}
	}
	unfreeze := account.Unfreeze{Reason: "lifted"}
	checkRules(t, []rule{
		{name: "all", given: history(opened(0)), when: freeze(account.FreezeAll), then: history(frozen(account.FreezeAll))},
		{name: "withdrawals", given: history(opened(0)), when: freeze(account.FreezeDebit), then: history(frozen(account.FreezeDebit))},
		{name: "without a scope is all", given: history(opened(0)), when: freeze(""), then: history(frozen(account.FreezeAll))},
		{name: "the same scope again", given: history(opened(0), frozen(account.FreezeDebit)), when: freeze(account.FreezeDebit)},
		{name: "the same scope again for another reason", given: history(opened(0), frozen(account.FreezeAll)), when: account.Freeze{Reason: "other"}},
		{name: "from withdrawals to all", given: history(opened(0), frozen(account.FreezeDebit)), when: freeze(account.FreezeAll), then: history(frozen(account.FreezeAll))},
		{name: "from all to withdrawals", given: history(opened(0), frozen(account.FreezeAll)), when: freeze(account.FreezeDebit), then: history(frozen(account.FreezeDebit))},
		{name: "after a thaw", given: history(opened(0), frozen(account.FreezeAll), account.Unfrozen{}), when: freeze(account.FreezeAll), then: history(frozen(account.FreezeAll))},
		{name: "a closed account", given: history(opened(0), closed), when: freeze(account.FreezeAll), refused: account.ClosedAccount{}},
		{name: "no account", when: freeze(account.FreezeAll), refused: account.NotFound{}},

		{name: "lifted from all", given: history(opened(0), frozen(account.FreezeAll)), when: unfreeze, then: history(account.Unfrozen{Reason: "lifted"})},
		{name: "lifted from withdrawals", given: history(opened(0), frozen(account.FreezeDebit)), when: unfreeze, then: history(account.Unfrozen{Reason: "lifted"})},
		{name: "lifted where nothing is frozen", given: history(opened(0)), when: unfreeze},
		{name: "lifted twice", given: history(opened(0), frozen(account.FreezeAll), account.Unfrozen{}), when: unfreeze},
		{name: "lifted from a closed account", given: history(opened(0), closed), when: unfreeze, refused: account.ClosedAccount{}},
		{name: "lifted from no account", when: unfreeze, refused: account.NotFound{}},
	})
}

func TestClosing(t *testing.T) {
	closing, reopening := account.Close{Reason: "moved abroad"}, account.Reopen{Reason: "came back"}
	checkRules(t, []rule{
		{name: "an empty account", given: history(opened(0)), when: closing, then: history(closed)},
		{name: "an emptied account with a limit", given: history(opened(50), holding(0)), when: closing, then: history(closed)},
		{name: "again", given: history(opened(0), closed), when: closing},
		{name: "with money on it", given: history(opened(0), holding(1)), when: closing, refused: account.BalanceNotZero{Balance: 1}},
		{name: "with a debt on it", given: history(opened(50), holding(-1)), when: closing, refused: account.BalanceNotZero{Balance: -1}},
		{name: "with something held", given: history(opened(50), holdingOf(0, 2)), when: closing, refused: account.BalanceNotZero{Held: 2}},
		{name: "while all is frozen", given: history(opened(0), frozen(account.FreezeAll)), when: closing, refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "while withdrawals are frozen, with money on it", given: history(opened(0), holding(1), frozen(account.FreezeDebit)), when: closing,
			refused: account.FrozenAccount{Scope: account.FreezeDebit}},
		{name: "no account", when: closing, refused: account.NotFound{}},

		{name: "a closed account opened again", given: history(opened(0), closed), when: reopening, then: history(account.Reopened{Reason: "came back"})},
		{name: "an open account opened again", given: history(opened(0)), when: reopening},
		{name: "a frozen account opened again", given: history(opened(0), frozen(account.FreezeAll)), when: reopening},
		{name: "an account opened again twice", given: history(opened(0), closed, account.Reopened{}), when: reopening},
		{name: "no account opened again", when: reopening, refused: account.NotFound{}},
	})
}

func TestChangingSettings(t *testing.T) {
	limit := func(l money.Amount) account.ChangeSettings { return account.ChangeSettings{OverdraftLimit: &l} }
	limited := func(l money.Amount) []account.Event {
		return history(account.TermsChanged{OverdraftLimit: &l})
	}
	all := account.ChangeSettings{OverdraftLimit: new(money.Amount(80)), OwnerName: new("Bob"), Metadata: &map[string]string{"vip": "yes"}}
	same := account.ChangeSettings{OverdraftLimit: new(money.Amount(50)), OwnerName: new("Ada"), Metadata: &map[string]string{"branch": "7"}}
	checkRules(t, []rule{
		{name: "all of them", given: history(opened(50)), when: all,
			then: history(account.TermsChanged{OverdraftLimit: new(money.Amount(80)), OwnerName: new("Bob"), Metadata: &map[string]string{"vip": "yes"}})},
		{name: "none of them", given: history(opened(50)), when: account.ChangeSettings{}},
		{name: "to what they are", given: history(opened(50)), when: same},
		{name: "one of them, the others to what they are", given: history(opened(40)), when: same, then: limited(50)},
		{name: "the name", given: history(opened(50)), when: account.ChangeSettings{OwnerName: new("Bob")}, then: history(account.TermsChanged{OwnerName: new("Bob")})},
		{name: "the name to none", given: history(opened(50)), when: account.ChangeSettings{OwnerName: new("")}, then: history(account.TermsChanged{OwnerName: new("")})},
		{name: "the metadata as a whole", given: history(opened(50)), when: account.ChangeSettings{Metadata: &map[string]string{"a": "b"}},
			then: history(account.TermsChanged{Metadata: &map[string]string{"a": "b"}})},
		{name: "the metadata to none", given: history(opened(50)), when: account.ChangeSettings{Metadata: new(map[string]string(nil))},
			then: history(account.TermsChanged{Metadata: &map[string]string{}})},
		{name: "no metadata to none", given: history(opened(50), account.TermsChanged{Metadata: &map[string]string{}}), when: account.ChangeSettings{Metadata: &map[string]string{}}},

		{name: "the limit raised", given: history(opened(50)), when: limit(51), then: limited(51)},
		{name: "the limit raised to the highest", given: history(opened(50)), when: limit(most), then: limited(most)},
		{name: "the limit raised above the highest", given: history(opened(50)), when: limit(most + 1), refused: account.AmountOutOfRange{Amount: most + 1, Min: 0, Max: most}},
		{name: "the limit below zero", given: history(opened(50)), when: limit(-1), refused: account.AmountOutOfRange{Amount: -1, Min: 0, Max: most}},
		{name: "the limit taken away", given: history(opened(50)), when: limit(0), then: limited(0)},
		{name: "the limit lowered to what is used", given: history(opened(50), holding(-30)), when: limit(30), then: limited(30)},
		{name: "the limit lowered below what is used", given: history(opened(50), holding(-30)), when: limit(29), refused: account.OverdraftInUse{Limit: 29, Used: 30}},
		{name: "the limit lowered below what is held of it", given: history(opened(50), holdingOf(10, 40)), when: limit(29), refused: account.OverdraftInUse{Limit: 29, Used: 30}},
		{name: "the limit raised, but not to all that fees have used", given: history(opened(50), holding(-90)), when: limit(60), then: limited(60)},
		{name: "the limit lowered when fees went past it", given: history(opened(50), holding(-90)), when: limit(49), refused: account.OverdraftInUse{Limit: 49, Used: 90}},
		{name: "the limit as it is when fees went past it", given: history(opened(50), holding(-90)), when: limit(50)},
		{name: "a limit refused takes the rest with it", given: history(opened(50)), when: account.ChangeSettings{OverdraftLimit: new(money.Amount(-1)), OwnerName: new("Bob")},
			refused: account.AmountOutOfRange{Amount: -1, Min: 0, Max: most}},

		{name: "while frozen", given: history(opened(50), frozen(account.FreezeAll)), when: limit(60), then: limited(60)},
		{name: "while closed", given: history(opened(50), closed), when: limit(60), refused: account.ClosedAccount{}},
		{name: "while closed, to what they are", given: history(opened(50), closed), when: same, refused: account.ClosedAccount{}},
		{name: "of no account", when: limit(60), refused: account.NotFound{}},
	})
}
