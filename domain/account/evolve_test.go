package account_test

import (
	"maps"
	"reflect"
	"testing"

	"passbook/domain/account"
	"passbook/domain/money"
)

// What each event does to the state of an account that has something in every field.
func TestEvolve(t *testing.T) {
	t.Parallel()
	before := account.State{ID: accountID, Version: 4, Status: account.StatusFrozen, FreezeScope: account.FreezeDebit, OwnerID: "owner-1", OwnerName: "Ada", Currency: eur,
		Balance: 100, Held: 10, OverdraftLimit: 50, Metadata: map[string]string{"branch": "7"}, LastTransaction: tx(1)}
	moved := func(s *account.State) { s.Balance, s.Held, s.LastTransaction = 77, 7, tx(2) }
	tests := []struct {
		name  string
		event account.Event
		then  func(*account.State)
	}{
		{"deposited", account.Deposited{TransactionID: tx(2), Amount: 1, Currency: usd, BalanceAfter: 77, HeldAfter: 7}, moved},
		{"withdrawn", account.Withdrawn{TransactionID: tx(2), Amount: 1, Currency: usd, BalanceAfter: 77, HeldAfter: 7}, func(s *account.State) { moved(s); s.Spent = account.Spent{Day: 20778, Today: 1, ThisMonth: 1} }},
		{"fee charged", account.FeeCharged{TransactionID: tx(2), Amount: 1, Currency: usd, BalanceAfter: 77, HeldAfter: 7}, moved},
		{"interest credited", account.InterestCredited{TransactionID: tx(2), Amount: 1, Currency: usd, BalanceAfter: 77, HeldAfter: 7}, moved},
		{"interest debited", account.InterestDebited{TransactionID: tx(2), Amount: 1, Currency: usd, BalanceAfter: 77, HeldAfter: 7}, moved},
		{"frozen", account.Frozen{Scope: account.FreezeAll}, func(s *account.State) { s.FreezeScope = account.FreezeAll }},
		{"unfrozen", account.Unfrozen{}, func(s *account.State) { s.Status, s.FreezeScope = account.StatusOpen, account.FreezeNone }},
		{"closed", account.Closed{}, func(s *account.State) { s.Status, s.FreezeScope = account.StatusClosed, account.FreezeNone }},
		{"reopened", account.Reopened{}, func(s *account.State) { s.Status, s.FreezeScope = account.StatusOpen, account.FreezeNone }},
		{"no settings changed", account.TermsChanged{}, func(*account.State) {}},
		{"limit changed", account.TermsChanged{OverdraftLimit: new(money.Amount(0))}, func(s *account.State) { s.OverdraftLimit = 0 }},
		{"name changed", account.TermsChanged{OwnerName: new("")}, func(s *account.State) { s.OwnerName = "" }},
		{"metadata changed", account.TermsChanged{Metadata: &map[string]string{"a": "b"}}, func(s *account.State) { s.Metadata = map[string]string{"a": "b"} }},
		{"metadata cleared", account.TermsChanged{Metadata: &map[string]string{}}, func(s *account.State) { s.Metadata = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := before
			want.Version++
			tt.then(&want)
			if got := account.Evolve(before, tt.event, noon); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if !maps.Equal(before.Metadata, map[string]string{"branch": "7"}) {
				t.Errorf("the state before was written to: %v", before.Metadata)
			}
		})
	}
}

func TestReplayOfAnOpening(t *testing.T) {
	t.Parallel()
	want := account.State{ID: accountID, Version: 1, Status: account.StatusOpen, OwnerID: "owner-1", OwnerName: "Ada", Currency: eur,
		OverdraftLimit: 50, Metadata: map[string]string{"branch": "7"}}
	if got := account.Replay(noon, opened(50)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := account.Replay(noon); !reflect.DeepEqual(got, account.State{}) {
		t.Errorf("no events lead to %+v", got)
	}
}

func TestAvailable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ balance, held, limit, want money.Amount }{
		{0, 0, 0, 0},
		{100, 0, 0, 100},
		{100, 30, 0, 70},
		{100, 30, 50, 120},
		{-60, 0, 50, -10},
		{most, 0, most, most},
		{-most, most, 0, -most},
	} {
		if got := (account.State{Balance: tt.balance, Held: tt.held, OverdraftLimit: tt.limit}).Available(); got != tt.want {
			t.Errorf("balance %d, held %d, limit %d: available %d, want %d", tt.balance, tt.held, tt.limit, got, tt.want)
		}
	}
}

func TestSizeGrowsWithWhatIsHeld(t *testing.T) {
	t.Parallel()
	empty := account.State{}.Size()
	if empty < 100 {
		t.Errorf("an empty state takes %d bytes", empty)
	}
	named := account.State{OwnerID: "owner", OwnerName: "name"}.Size()
	if named != empty+9 {
		t.Errorf("nine bytes of text take %d", named-empty)
	}
	if with := (account.State{Metadata: map[string]string{"key": "value"}}).Size(); with < empty+8 {
		t.Errorf("an entry takes %d", with-empty)
	}
}

// What was spent may be more than an amount can be. What is given back is taken off what was really spent, so that a limit which comes
// later is held to it.
func TestWhatIsSpentIsNotRounded(t *testing.T) {
	t.Parallel()
	s := account.State{ID: accountID, Version: 1, Status: account.StatusOpen, OwnerID: "owner-1", OwnerName: "Ada", Currency: eur, Balance: 100}
	for _, event := range []account.Event{
		account.Withdrawn{TransactionID: tx(2), Amount: money.MaxAmount, Currency: eur, BalanceAfter: 100},
		account.HoldPlaced{HoldID: tx(3), Amount: 20, Currency: eur, ExpiresAt: noon.AddDate(0, 0, 1), BalanceAfter: 100, HeldAfter: 20},
		account.HoldReleased{HoldID: tx(3), Amount: 20, BalanceAfter: 100, HeldAfter: 0},
		account.TermsChanged{Limits: &account.Limits{PerMonth: money.MaxAmount}},
	} {
		s = account.Evolve(s, event, noon)
	}
	if got := s.SpentOn(noon).ThisMonth; got != money.MaxAmount {
		t.Errorf("%d spent, want %d", got, money.MaxAmount)
	}
	_, err := account.Decide(s, account.Withdraw{TransactionID: tx(4), Money: money.Money{Amount: 13, Currency: eur}}, noon)
	if exceeded, ok := err.(account.LimitExceeded); !ok || exceeded.Used != money.MaxAmount { //nolint:errorlint // a refusal is returned as it is
		t.Errorf("13 more: %v", err)
	}
}
