package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// movementCommands asks for a movement of each kind.
var movementCommands = map[string]func(id uuid.UUID, m money.Money, reference string) account.Command{
	"deposit": func(id uuid.UUID, m money.Money, reference string) account.Command {
		return account.Deposit{TransactionID: id, Money: m, Reference: reference}
	},
	"withdraw": func(id uuid.UUID, m money.Money, reference string) account.Command {
		return account.Withdraw{TransactionID: id, Money: m, Reference: reference}
	},
	"charge fee": func(id uuid.UUID, m money.Money, reference string) account.Command {
		return account.ChargeFee{TransactionID: id, Money: m, Reference: reference}
	},
	"post interest": func(id uuid.UUID, m money.Money, reference string) account.Command {
		return account.PostInterest{TransactionID: id, Money: m, Reference: reference}
	},
	"send transfer": func(id uuid.UUID, m money.Money, reference string) account.Command {
		return account.SendTransfer{TransactionID: id, TargetID: otherID, Money: m, Reference: reference}
	},
	"receive transfer": func(id uuid.UUID, m money.Money, reference string) account.Command {
		return account.ReceiveTransfer{TransactionID: id, SourceID: otherID, Money: m, Reference: reference}
	},
	"post reversal": func(id uuid.UUID, m money.Money, reason string) account.Command {
		return account.PostReversal{TransactionID: id, Reverses: tx(7), Direction: account.Debit, Money: m, Reason: reason}
	},
}

// A movement with everything wrong about it, and then one fault less from line to line: form, existence, repetition, closed,
// currency, amount range, frozen. (Funds come last, and only for withdrawals.)
func TestPrecedence(t *testing.T) {
	t.Parallel()
	dollars := func(a money.Amount) money.Money { return money.Money{Amount: a, Currency: usd} }
	var (
		none     account.State
		shut     = account.Replay(noon, opened(0), holding(0), closed)
		icy      = account.Replay(noon, opened(0), holding(0), frozen(account.FreezeAll))
		badText  = "\x00"
		repeated = tx(1)
	)
	lines := []struct {
		name      string
		state     account.State
		id        uuid.UUID
		money     money.Money
		reference string
		refused   string // "" decides nothing
	}{
		{"form before existence", none, tx(2), dollars(0), badText, "invalid_parameter"},
		{"form before repetition", shut, repeated, dollars(0), badText, "invalid_parameter"},
		{"form before closed", shut, tx(2), dollars(0), badText, "invalid_parameter"},
		{"existence before currency and amount", none, tx(2), dollars(0), "", "not_found"},
		{"repetition before closed", shut, repeated, dollars(0), "", ""},
		{"repetition before frozen", icy, repeated, dollars(0), "", ""},
		{"closed before currency and amount", shut, tx(2), dollars(0), "", "account_closed"},
		{"currency before amount and frozen", icy, tx(2), dollars(0), "", "currency_mismatch"},
		{"amount before frozen", icy, tx(2), euros(0), "", "amount_out_of_range"},
		{"frozen before funds", icy, tx(2), euros(5), "", "account_frozen"},
	}
	for command, ask := range movementCommands {
		for _, line := range lines {
			t.Run(command+": "+line.name, func(t *testing.T) {
				t.Parallel()
				checkCode(t, line.state, ask(line.id, line.money, line.reference), line.refused)
			})
		}
	}
}

func checkCode(t *testing.T, s account.State, c account.Command, want string) {
	t.Helper()
	events, err := account.Decide(s, c, noon)
	got := ""
	if refusal := account.Refusal(nil); errors.As(err, &refusal) {
		got = refusal.Code()
	}
	if got != want || len(events) != 0 {
		t.Errorf("got %q and %d events, want %q and none", got, len(events), want)
	}
}

func TestPrecedenceOfTheOthers(t *testing.T) {
	t.Parallel()
	var (
		none = account.State{}
		open = account.Replay(noon, opened(50), holding(-40))
		shut = account.Replay(noon, opened(50), closed)
		low  = new(money.Amount(-1))
		some = account.Replay(noon, opened(0), holding(100), placed(1, 60, 100, 60))
		icy  = account.Replay(noon, opened(0), holding(100), placed(1, 60, 100, 60), frozen(account.FreezeAll))
		paid = account.Replay(noon, opened(0), holding(100), account.HoldPlaced{HoldID: hold(1), PaymentID: payment, Amount: 60, Currency: eur, BalanceAfter: 100, HeldAfter: 60})
		poor = func() account.State { s := some; s.Limits.PerTransaction = 10; return s }()
		hour = noon.Add(time.Hour)
		long = new("\x00")
	)
	tests := []struct {
		name    string
		state   account.State
		ask     account.Command
		refused string
	}{
		{"open: form before existence", open, account.Open{AccountID: accountID, Currency: eur}, "invalid_parameter"},
		{"open: existence before the limit", open, account.Open{AccountID: accountID, OwnerID: "o", Currency: eur, OverdraftLimit: -1}, "account_exists"},
		{"send: the same account before existence", none, account.SendTransfer{TransactionID: tx(2), TargetID: none.ID, Money: euros(0)}, "invalid_parameter"},
		{"send: the same account before its state", icy, account.SendTransfer{TransactionID: tx(2), TargetID: accountID, Money: euros(0)}, "same_account"},
		{"send: limits before funds", poor, account.SendTransfer{TransactionID: tx(2), TargetID: otherID, Money: euros(500)}, "limit_exceeded"},
		{"withdraw: limits before funds", poor, account.Withdraw{TransactionID: tx(2), Money: euros(500)}, "limit_exceeded"},
		{"hold: form before existence", none, account.PlaceHold{HoldID: hold(2), Money: euros(0), Reference: *long}, "invalid_parameter"},
		{"hold: repetition before frozen", icy, account.PlaceHold{HoldID: hold(1), Money: euros(0)}, ""},
		{"hold: closed before currency", shut, account.PlaceHold{HoldID: hold(2)}, "account_closed"},
		{"hold: currency before amount", some, account.PlaceHold{HoldID: hold(2)}, "currency_mismatch"},
		{"hold: amount before frozen", icy, account.PlaceHold{HoldID: hold(2), Money: euros(0)}, "amount_out_of_range"},
		{"hold: frozen before its time", icy, account.PlaceHold{HoldID: hold(2), Money: euros(500)}, "account_frozen"},
		{"hold: its time before funds", some, account.PlaceHold{HoldID: hold(2), Money: euros(500)}, "invalid_parameter"},
		{"hold: limits before funds", poor, account.PlaceHold{HoldID: hold(2), Money: euros(500), ExpiresAt: hour}, "limit_exceeded"},
		{"hold: funds last", some, account.PlaceHold{HoldID: hold(2), Money: euros(500), ExpiresAt: hour}, "insufficient_funds"},
		{"capture: form before existence", none, account.CaptureHold{TransactionID: tx(2), HoldID: hold(1), Reference: *long}, "invalid_parameter"},
		{"capture: existence before the hold", none, account.CaptureHold{TransactionID: tx(2), HoldID: hold(2)}, "not_found"},
		{"capture: closed before the hold", shut, account.CaptureHold{TransactionID: tx(2), HoldID: hold(2)}, "account_closed"},
		{"capture: the hold before the amount", icy, account.CaptureHold{TransactionID: tx(2), HoldID: hold(2), Amount: low}, "hold_not_active"},
		{"capture: whose it is before the amount", paid, account.CaptureHold{TransactionID: tx(2), HoldID: hold(1), Amount: low}, "hold_of_payment"},
		{"capture: amount before frozen", icy, account.CaptureHold{TransactionID: tx(2), HoldID: hold(1), Amount: low}, "amount_out_of_range"},
		{"capture: frozen before too much", icy, account.CaptureHold{TransactionID: tx(2), HoldID: hold(1), Amount: new(money.Amount(61))}, "account_frozen"},
		{"release: form before existence", none, account.ReleaseHold{HoldID: hold(1), Reason: *long}, "invalid_parameter"},
		{"release: existence before the hold", none, account.ReleaseHold{HoldID: hold(2)}, "not_found"},
		{"release: whose it is", paid, account.ReleaseHold{HoldID: hold(1)}, "hold_of_payment"},
		{"extend: existence before the time", none, account.ExtendHold{HoldID: hold(1)}, "not_found"},
		{"extend: the hold before the time", some, account.ExtendHold{HoldID: hold(2)}, "hold_not_active"},
		{"reversal: amount before funds", some, account.PostReversal{TransactionID: tx(2), Reverses: tx(7), Direction: account.Debit, Money: euros(0)}, "amount_out_of_range"},
		{"freeze: form before existence", none, account.Freeze{Scope: "x"}, "invalid_parameter"},
		{"unfreeze: form before existence", none, account.Unfreeze{Reason: *long}, "invalid_parameter"},
		{"close: form before existence", none, account.Close{Reason: *long}, "invalid_parameter"},
		{"close: form before repetition", shut, account.Close{Reason: *long}, "invalid_parameter"},
		{"close: frozen before the balance", account.Replay(noon, opened(0), holding(1), frozen(account.FreezeDebit)), account.Close{}, "account_frozen"},
		{"reopen: form before existence", none, account.Reopen{Reason: *long}, "invalid_parameter"},
		{"settings: form before existence", none, account.ChangeSettings{OverdraftLimit: low, OwnerName: long}, "invalid_parameter"},
		{"settings: existence before the limit", none, account.ChangeSettings{OverdraftLimit: low}, "not_found"},
		{"settings: closed before the limit", shut, account.ChangeSettings{OverdraftLimit: low}, "account_closed"},
		{"settings: range before use", open, account.ChangeSettings{OverdraftLimit: low}, "amount_out_of_range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkCode(t, tt.state, tt.ask, tt.refused)
		})
	}
}

// The codes are part of the API and never change.
func TestCodes(t *testing.T) {
	t.Parallel()
	want := map[account.Refusal]string{
		account.NotFound{}: "not_found", account.AlreadyOpen{}: "account_exists", account.ClosedAccount{}: "account_closed",
		account.FrozenAccount{}: "account_frozen", account.CurrencyMismatch{}: "currency_mismatch", account.AmountOutOfRange{}: "amount_out_of_range",
		account.InsufficientFunds{}: "insufficient_funds", account.BalanceNotZero{}: "balance_not_zero",
		account.OverdraftInUse{}: "overdraft_limit_in_use", account.InvalidField{}: "invalid_parameter",
		account.SameAccount{}: "same_account", account.ExpiredHold{}: "hold_expired", account.HoldNotActive{}: "hold_not_active",
		account.HoldOfPayment{}: "hold_of_payment", account.CaptureExceedsHold{}: "capture_exceeds_hold", account.TooManyHolds{}: "too_many_holds",
		account.LimitExceeded{}: "limit_exceeded",
	}
	all := account.Refusals()
	if len(all) != len(want) {
		t.Errorf("%d refusals, want %d", len(all), len(want))
	}
	for _, refusal := range all {
		if refusal.Code() != want[refusal] {
			t.Errorf("%T: code %q, want %q", refusal, refusal.Code(), want[refusal])
		}
		if refusal.Error() == "" {
			t.Errorf("%T says nothing", refusal)
		}
	}
}

func TestWhatRefusalsSay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		refusal account.Refusal
		want    string
	}{
		{account.FrozenAccount{Scope: account.FreezeDebit}, "the account is frozen (debit)"},
		{account.CurrencyMismatch{Account: eur, Given: usd}, "the account is kept in EUR, not in USD"},
		{account.AmountOutOfRange{Amount: 9, Min: 1, Max: 5}, "amount 9 is not between 1 and 5"},
		{account.AmountOutOfRange{Amount: 0, Min: -5, Max: 5}, "amount 0 is nothing to post"},
		{account.AmountOutOfRange{Amount: 9, Min: 1, Max: 0}, "amount 9 is not possible: the balance is at its bound"},
		{account.InsufficientFunds{Available: 1, Requested: 2}, "2 requested, 1 available"},
		{account.BalanceNotZero{Balance: 1, Held: 2}, "the balance is 1 with 2 held, not zero"},
		{account.OverdraftInUse{Limit: 1, Used: 2}, "the overdraft limit cannot be lowered to 1: 2 is in use"},
		{account.InvalidField{Field: "scope", Detail: "must be known"}, "scope must be known"},
	} {
		if got := tt.refusal.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
