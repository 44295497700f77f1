package account_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

var otherID = uuid.UUID{0xA, 2}

func TestSendingTransfers(t *testing.T) {
	send := func(minor money.Amount) account.SendTransfer {
		return account.SendTransfer{TransactionID: tx(2), TargetID: otherID, Money: euros(minor), Reference: "rent", Metadata: map[string]string{"k": "v"}}
	}
	sent := func(minor, balance, held money.Amount) []account.Event {
		return history(account.TransferSent{TransactionID: tx(2), CounterpartyID: otherID, Amount: minor, Currency: eur, Reference: "rent",
			Metadata: map[string]string{"k": "v"}, BalanceAfter: balance, HeldAfter: held})
	}
	home := send(5)
	home.TargetID = accountID
	checkRules(t, []rule{
		{name: "of a part", given: history(opened(0), holding(100)), when: send(60), then: sent(60, 40, 0)},
		{name: "of all, into the overdraft", given: history(opened(50), holding(100)), when: send(150), then: sent(150, -50, 0)},
		{name: "of more", given: history(opened(50), holding(100)), when: send(151), refused: account.InsufficientFunds{Available: 150, Requested: 151}},
		{name: "beside what is held", given: history(opened(0), holding(100), placed(1, 60, 100, 60)), when: send(40), then: sent(40, 60, 60)},
		{name: "of what is held", given: history(opened(0), holding(100), placed(1, 60, 100, 60)), when: send(41), refused: account.InsufficientFunds{Available: 40, Requested: 41}},
		{name: "to the account itself", given: history(opened(0), holding(100)), when: home, refused: account.SameAccount{}},
		{name: "of nothing", given: history(opened(0)), when: send(0), refused: account.AmountOutOfRange{Amount: 0, Min: 1, Max: most}},
		{name: "of another currency", given: history(opened(0), holding(9)), when: account.SendTransfer{TransactionID: tx(2), TargetID: otherID, Money: money.Money{Amount: 1, Currency: usd}},
			refused: account.CurrencyMismatch{Account: eur, Given: usd}},
		{name: "while debits are frozen", given: history(opened(0), holding(9), frozen(account.FreezeDebit)), when: send(5), refused: account.FrozenAccount{Scope: account.FreezeDebit}},
		{name: "while all is frozen", given: history(opened(0), holding(9), frozen(account.FreezeAll)), when: send(5), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "from a closed account", given: history(opened(0), closed), when: send(5), refused: account.ClosedAccount{}},
		{name: "from no account", when: send(5), refused: account.NotFound{}},
		{name: "the same again", given: append(history(opened(0), holding(5)), sent(5, 0, 0)...), when: send(5)},
	})
}

func TestReceivingTransfers(t *testing.T) {
	receive := func(minor money.Amount) account.ReceiveTransfer {
		return account.ReceiveTransfer{TransactionID: tx(2), SourceID: otherID, Money: euros(minor), Reference: "rent"}
	}
	received := func(minor, balance money.Amount) []account.Event {
		return history(account.TransferReceived{TransactionID: tx(2), CounterpartyID: otherID, Amount: minor, Currency: eur, Reference: "rent", BalanceAfter: balance})
	}
	checkRules(t, []rule{
		{name: "adds to the balance", given: history(opened(0), holding(100)), when: receive(60), then: received(60, 160)},
		{name: "past the highest balance", given: history(opened(0), holding(most)), when: receive(1), refused: account.AmountOutOfRange{Amount: 1, Min: 1, Max: 0}},
		{name: "while debits are frozen", given: history(opened(0), frozen(account.FreezeDebit)), when: receive(5), then: received(5, 5)},
		{name: "while all is frozen", given: history(opened(0), frozen(account.FreezeAll)), when: receive(5), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "from the account itself", given: history(opened(0)), when: account.ReceiveTransfer{TransactionID: tx(2), SourceID: accountID, Money: euros(1)}, refused: account.SameAccount{}},
		{name: "of another currency", given: history(opened(0)), when: account.ReceiveTransfer{TransactionID: tx(2), SourceID: otherID, Money: money.Money{Amount: 1, Currency: usd}},
			refused: account.CurrencyMismatch{Account: eur, Given: usd}},
		{name: "on a closed account", given: history(opened(0), closed), when: receive(5), refused: account.ClosedAccount{}},
		{name: "on no account", when: receive(5), refused: account.NotFound{}},
		{name: "the same again", given: append(history(opened(0)), received(5, 5)...), when: receive(5)},
	})
}

func TestReversals(t *testing.T) {
	undo := func(direction account.Direction, minor money.Amount) account.PostReversal {
		return account.PostReversal{TransactionID: tx(2), Reverses: tx(1), Direction: direction, Money: euros(minor), Reason: "mistake"}
	}
	undone := func(direction account.Direction, minor, balance money.Amount) []account.Event {
		return history(account.ReversalPosted{TransactionID: tx(2), Reverses: tx(1), Direction: direction, Amount: minor, Currency: eur, Reason: "mistake", BalanceAfter: balance})
	}
	checkRules(t, []rule{
		{name: "gives back", given: history(opened(0), holding(10)), when: undo(account.Credit, 5), then: undone(account.Credit, 5, 15)},
		{name: "takes back", given: history(opened(0), holding(10)), when: undo(account.Debit, 5), then: undone(account.Debit, 5, 5)},
		{name: "takes back what is there no more", given: history(opened(0), holding(4)), when: undo(account.Debit, 5), refused: account.InsufficientFunds{Available: 4, Requested: 5}},
		{name: "while debits are frozen: the bank corrects itself", given: history(opened(0), holding(10), frozen(account.FreezeDebit)), when: undo(account.Debit, 5), then: undone(account.Debit, 5, 5)},
		{name: "while all is frozen", given: history(opened(0), holding(10), frozen(account.FreezeAll)), when: undo(account.Credit, 5), refused: account.FrozenAccount{Scope: account.FreezeAll}},
		{name: "of nothing", given: history(opened(0), holding(10)), when: undo(account.Debit, 0), refused: account.AmountOutOfRange{Amount: 0, Min: 1, Max: most}},
		{name: "in no direction", given: history(opened(0)), when: undo("", 1), refused: account.InvalidField{Field: "direction", Detail: `must be "credit" or "debit"`}},
		{name: "on a closed account", given: history(opened(0), closed), when: undo(account.Credit, 5), refused: account.ClosedAccount{}},
		{name: "on no account", when: undo(account.Credit, 5), refused: account.NotFound{}},
		{name: "the same again", given: append(history(opened(0)), undone(account.Credit, 5, 5)...), when: undo(account.Credit, 5)},
	})
}

// noonOf is another day at noon.
func noonOf(day int, month time.Month) time.Time {
	return time.Date(2026, month, day, 12, 0, 0, 0, time.UTC)
}

// Limits bound what the owner spends, by the day and the month in which it is booked.
func TestLimits(t *testing.T) {
	t.Parallel()
	at := func(s account.State, when time.Time, events ...account.Event) account.State {
		for _, e := range events {
			s = account.Evolve(s, e, when)
		}
		return s
	}
	s := account.Replay(noon, opened(0), holding(10_000))
	s.Limits = account.Limits{PerTransaction: 100, PerDay: 250, PerMonth: 400}
	exceeded := func(limit string, limitMax, used, requested money.Amount) account.Refusal {
		return account.LimitExceeded{Limit: limit, Max: limitMax, Used: used, Requested: requested}
	}
	withdrawn := func(minor money.Amount) account.Event {
		return account.Withdrawn{TransactionID: tx(3), Amount: minor, Currency: eur, BalanceAfter: 9_000}
	}
	spent := at(s, noonOf(1, 12), withdrawn(100), account.TransferSent{TransactionID: tx(4), CounterpartyID: otherID, Amount: 100, Currency: eur, BalanceAfter: 9_000})
	month := at(spent, noonOf(2, 12), withdrawn(100), withdrawn(60))
	hour := noonOf(1, 12).Add(time.Hour)
	held := at(spent, noonOf(1, 12), account.HoldPlaced{HoldID: hold(1), Amount: 40, Currency: eur, ExpiresAt: hour, BalanceAfter: 9_000, HeldAfter: 40})
	for _, tt := range []struct {
		name    string
		state   account.State
		at      time.Time
		amount  money.Amount
		refused account.Refusal
	}{
		{"one transaction", s, noonOf(1, 12), 100, nil},
		{"one transaction too large", s, noonOf(1, 12), 101, exceeded("per_transaction", 100, 0, 101)},
		{"to the day's limit", spent, noonOf(1, 12), 50, nil},
		{"past the day's limit", spent, noonOf(1, 12), 51, exceeded("per_day", 250, 200, 51)},
		{"a new day, at its first moment", spent, noonOf(2, 12).Add(-12 * time.Hour), 100, nil},
		{"the old day, at its last moment", spent, noonOf(2, 12).Add(-12*time.Hour - 1), 51, exceeded("per_day", 250, 200, 51)},
		{"past the month's limit", month, noonOf(31, 12), 41, exceeded("per_month", 400, 360, 41)},
		{"to the month's limit", month, noonOf(31, 12), 40, nil},
		{"a new month", month, noonOf(31, 12).Add(12 * time.Hour), 100, nil},
		{"a hold counts when it is placed", held, hour.Add(-1), 11, exceeded("per_day", 250, 240, 11)},
		{"and not when its time is over", held, hour, 50, nil},
		{"the day before it was placed does not get it back", at(held, noonOf(2, 12), account.HoldReleased{HoldID: hold(1), Amount: 40, Currency: eur, BalanceAfter: 9_000}), noonOf(2, 12), 100, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, c := range map[string]account.Command{
				"withdraw": account.Withdraw{TransactionID: tx(9), Money: euros(tt.amount)},
				"send":     account.SendTransfer{TransactionID: tx(9), TargetID: otherID, Money: euros(tt.amount)},
				"hold":     account.PlaceHold{HoldID: hold(9), Money: euros(tt.amount), ExpiresAt: tt.at.Add(time.Hour)},
			} {
				events, err := account.Decide(tt.state, c, tt.at)
				if tt.refused == nil && (err != nil || len(events) == 0) || tt.refused != nil && err != error(tt.refused) { //nolint:errorlint // refusals are values
					t.Errorf("%s: %v, %v, want %v", name, events, err, tt.refused)
				}
			}
			free := []account.Command{account.ChargeFee{TransactionID: tx(9), Money: euros(1_000)}, account.PostReversal{TransactionID: tx(9), Reverses: tx(3), Direction: account.Debit, Money: euros(1_000)}}
			for _, c := range free {
				if _, err := account.Decide(tt.state, c, tt.at); err != nil {
					t.Errorf("%T counts: %v", c, err)
				}
			}
		})
	}
}
