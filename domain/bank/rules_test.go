package bank_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/domain/reversal"
	"passbook/domain/transfer"
)

var (
	alice, bob, stranger = uuid.UUID{1, 1}, uuid.UUID{1, 2}, uuid.UUID{1, 3}
	paid, theHold        = uuid.UUID{2, 1}, uuid.UUID{2, 2}
	noon                 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func sum(minor money.Amount) money.Money { return money.Money{Amount: minor, Currency: eur} }

// given builds a world by commands that must all be accepted.
func given(t *testing.T, commands ...bank.Command) world {
	t.Helper()
	w := world{}
	for _, c := range commands {
		changes, err := bank.Decide(w, c, noon)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		for _, change := range changes {
			for _, e := range change.Events {
				w[change.StreamID], _ = bank.Evolve(w[change.StreamID], change.StreamID, e, noon)
			}
		}
	}
	return w
}

func on(id uuid.UUID, c account.Command) bank.Command {
	return bank.OnAccount{AccountID: id, Command: c}
}

func opens(id uuid.UUID, balance money.Amount) []bank.Command {
	all := []bank.Command{on(id, account.Open{AccountID: id, OwnerID: "o", OwnerName: "n", Currency: eur})}
	if balance > 0 {
		all = append(all, on(id, account.Deposit{TransactionID: uuid.UUID{9, id[1]}, Money: sum(balance)}))
	}
	return all
}

func move(tx byte, from, to uuid.UUID, minor money.Amount) bank.Transfer {
	return bank.Transfer{TransactionID: uuid.UUID{3, tx}, SourceID: from, TargetID: to, Money: sum(minor)}
}

func request(by uuid.UUID, minor money.Amount) bank.OnPayment {
	return bank.OnPayment{PaymentID: paid, AccountID: by, Command: payment.Request{PaymentID: paid, AccountID: alice, HoldID: theHold, Money: sum(minor),
		Creditor: payment.Creditor{Name: "Carl", Account: "42"}, Deadline: noon.Add(time.Hour)}}
}

// The rules for what concerns several aggregates: who is judged first, and what is said of whom.
func TestRules(t *testing.T) {
	t.Parallel()
	both := append(opens(alice, 100), opens(bob, 50)...)
	frozen := append(append([]bank.Command(nil), both...), on(bob, account.Freeze{Reason: "r"}))
	bothFrozen := append(append([]bank.Command(nil), frozen...), on(alice, account.Freeze{Reason: "r"}))
	sent := append(append([]bank.Command(nil), both...), move(1, alice, bob, 60))
	original := bank.Original{TransactionID: uuid.UUID{3, 1}, AccountID: alice, CounterpartyID: bob, Direction: account.Debit, Money: sum(60)}
	final := original
	final.Irreversible = true
	undo := func(o bank.Original, n byte, amount *money.Amount) bank.Command {
		return bank.Reverse{ReversalID: uuid.UUID{4, n}, Original: o, Amount: amount, Reason: "r"}
	}
	source := func(r account.Refusal) error {
		return transfer.Refused{Side: transfer.Source, AccountID: alice, Refusal: r}
	}
	target := func(r account.Refusal) error {
		return transfer.Refused{Side: transfer.Target, AccountID: bob, Refusal: r}
	}
	settle := bank.OnPayment{PaymentID: paid, AccountID: alice, Command: payment.Settle{GatewayReference: "g"}}
	for _, tt := range []struct {
		name    string
		given   []bank.Command
		when    bank.Command
		streams int // that change
		refused error
	}{
		{"a transfer changes both accounts", both, move(1, alice, bob, 60), 2, nil},
		{"a transfer again decides nothing", sent, move(1, alice, bob, 60), 0, nil},
		{"a transfer to itself, before anything else", nil, move(1, alice, alice, 0), 0, transfer.Refused{Side: transfer.Source, AccountID: alice, Refusal: account.SameAccount{}}},
		{"from nobody, before the target", frozen, move(1, stranger, bob, 60), 0, transfer.Refused{Side: transfer.Source, AccountID: stranger, Refusal: account.NotFound{}}},
		{"to nobody", both, move(1, alice, stranger, 60), 0, transfer.Refused{Side: transfer.Target, AccountID: stranger, Refusal: account.NotFound{}}},
		{"the source is judged whole before the target", frozen, move(1, alice, bob, 101), 0, source(account.InsufficientFunds{Available: 100, Requested: 101})},
		{"both frozen: the source says so", bothFrozen, move(1, alice, bob, 60), 0, source(account.FrozenAccount{Scope: account.FreezeAll})},
		{"a frozen target", frozen, move(1, alice, bob, 60), 0, target(account.FrozenAccount{Scope: account.FreezeAll})},

		{"a reversal changes both accounts and the transaction", sent, undo(original, 1, nil), 3, nil},
		{"a reversal in part", sent, undo(original, 1, new(money.Amount(20))), 3, nil},
		{"a reversal again decides nothing", append(append([]bank.Command(nil), sent...), undo(original, 1, nil)), undo(original, 1, nil), 0, nil},
		{"a second reversal of all", append(append([]bank.Command(nil), sent...), undo(original, 1, nil)), undo(original, 2, nil), 0, reversal.AlreadyReversed{Original: 60}},
		{"parts beyond the whole", append(append([]bank.Command(nil), sent...), undo(original, 1, new(money.Amount(20)))), undo(original, 2, new(money.Amount(41))), 0,
			reversal.ExceedsOriginal{Original: 60, Reversed: 20, Requested: 41}},
		{"of a kind that is not undone, before all else", nil, undo(final, 1, nil), 0, bank.NotReversible{}},
		{"what the target has spent", append(append([]bank.Command(nil), sent...), on(bob, account.Withdraw{TransactionID: uuid.UUID{5}, Money: sum(60)})), undo(original, 1, nil), 0,
			target(account.InsufficientFunds{Available: 50, Requested: 60})},
		{"of an id that is an account's", sent, undo(bank.Original{TransactionID: bob, AccountID: alice, Direction: account.Debit, Money: sum(1)}, 1, nil), 0, bank.NotReversible{}},
		{"an account under the id of something else", append(append([]bank.Command(nil), sent...), undo(original, 1, nil)),
			on(original.TransactionID, account.Open{AccountID: original.TransactionID, OwnerID: "o", OwnerName: "n", Currency: eur}), 0, account.AlreadyOpen{}},

		{"a payment has its money held at once", both, request(alice, 100), 2, nil},
		{"a payment without the money", both, request(alice, 101), 0, account.InsufficientFunds{Available: 100, Requested: 101}},
		{"a payment in the name of another account", both, request(bob, 10), 0, payment.NotFound{}},
		{"an outcome moves the hold", append(append([]bank.Command(nil), both...), request(alice, 100)), settle, 2, nil},
		{"an outcome told again decides nothing", append(append([]bank.Command(nil), both...), request(alice, 100), settle), settle, 0, nil},
		{"a contradiction moves no money", append(append([]bank.Command(nil), both...), request(alice, 100), settle),
			bank.OnPayment{PaymentID: paid, AccountID: alice, Command: payment.Reject{Code: "c"}}, 1, nil},
		{"a payment of another account", append(append([]bank.Command(nil), both...), request(alice, 100)),
			bank.OnPayment{PaymentID: paid, AccountID: bob, Command: payment.Push{By: "b"}}, 0, payment.NotFound{}},
		{"no payment", both, settle, 0, payment.NotFound{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changes, err := bank.Decide(given(t, tt.given...), tt.when, noon)
			if len(changes) != tt.streams || !errors.Is(err, tt.refused) || (err == nil) != (tt.refused == nil) {
				t.Errorf("%d streams change, %v; want %d, %v", len(changes), err, tt.streams, tt.refused)
			}
		})
	}
}

// Whoever undoes a transaction learns what it was from either side.
func TestOriginals(t *testing.T) {
	t.Parallel()
	tx := uuid.UUID{3, 1}
	between := bank.Original{TransactionID: tx, AccountID: alice, CounterpartyID: bob, Direction: account.Debit, Money: sum(5)}
	for _, tt := range []struct {
		on   uuid.UUID
		e    account.Event
		want bank.Original
	}{
		{alice, account.TransferSent{TransactionID: tx, CounterpartyID: bob, Amount: 5, Currency: eur}, between},
		{bob, account.TransferReceived{TransactionID: tx, CounterpartyID: alice, Amount: 5, Currency: eur}, between},
		{alice, account.Deposited{TransactionID: tx, Amount: 5, Currency: eur}, bank.Original{TransactionID: tx, AccountID: alice, Direction: account.Credit, Money: sum(5)}},
		{alice, account.FeeCharged{TransactionID: tx, Amount: 5, Currency: eur}, bank.Original{TransactionID: tx, AccountID: alice, Direction: account.Debit, Money: sum(5)}},
		{alice, account.HoldCaptured{TransactionID: tx, Amount: 5, Currency: eur}, bank.Original{TransactionID: tx, AccountID: alice, Direction: account.Debit, Money: sum(5)}},
		{alice, account.HoldCaptured{TransactionID: tx, PaymentID: paid, Amount: 5, Currency: eur}, bank.Original{TransactionID: tx, AccountID: alice, Direction: account.Debit, Money: sum(5), Irreversible: true}},
		{alice, account.ReversalPosted{TransactionID: tx, Direction: account.Credit, Amount: 5, Currency: eur}, bank.Original{TransactionID: tx, AccountID: alice, Direction: account.Credit, Money: sum(5), Irreversible: true}},
	} {
		if got, ok := bank.OriginalOf(tt.on, tt.e); !ok || got != tt.want {
			t.Errorf("%T: %+v, %v", tt.e, got, ok)
		}
	}
	if got, ok := bank.OriginalOf(alice, account.HoldPlaced{HoldID: theHold, Amount: 5}); ok {
		t.Errorf("a hold moves nothing: %+v", got)
	}
}
