package casetest_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/internal/casetest"
	"passbook/internal/firstlog"
)

var frozen = uuid.MustParse("01977a70-5eed-7000-8000-000000000007")

func history(t *testing.T, id uuid.UUID) []eventstore.Event {
	t.Helper()
	return slices.DeleteFunc(firstlog.Events(t), func(e eventstore.Event) bool { return e.StreamID != id })
}

func TestACaseGoesOn(t *testing.T) {
	t.Parallel()
	c, eur := casetest.Fold(t, history(t, frozen)), money.MustCurrency("EUR")
	if c.State.Status != account.StatusFrozen || c.State.Balance != -310 || len(c.Steps) != 14 {
		t.Fatalf("it ends as %+v after %d events", c.State, len(c.Steps))
	}
	c.Refused(account.Withdraw{TransactionID: uuid.UUID{1}, Money: money.Money{Amount: 1, Currency: eur}}, account.FrozenAccount{Scope: account.FreezeDebit})
	c.When(account.Unfreeze{Reason: "over"}, account.Unfrozen{Reason: "over"})
	if events := c.When(account.Withdraw{TransactionID: uuid.UUID{1}, Money: money.Money{Amount: 690, Currency: eur}}); len(events) != 1 || c.State.Balance != -1000 {
		t.Errorf("there follow %+v, and %+v", events, c.State)
	}
	c.Refused(account.Withdraw{TransactionID: uuid.UUID{2}, Money: money.Money{Amount: 1, Currency: eur}}, account.InsufficientFunds{Available: 0, Requested: 1})
}

func changed(data []byte, from, to string) []byte {
	return bytes.Replace(data, []byte(from), []byte(to), 1)
}

// failing is a test that notes that it failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper() {}

func (f *failing) Fatal(...any) { f.Fatalf("") }

func (f *failing) Fatalf(string, ...any) {
	f.failed = true
	panic(f)
}

func fails(t *testing.T, do func(t testing.TB)) bool {
	f := &failing{TB: t}
	func() {
		defer func() {
			if v := recover(); v != nil && v != f {
				panic(v)
			}
		}()
		do(f)
	}()
	return f.failed
}

func TestACaseThatIsNotSoundFails(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(log []eventstore.Event) []eventstore.Event{
		"an event is missing":  func(log []eventstore.Event) []eventstore.Event { return slices.Delete(log, 4, 5) },
		"a deposit is missing": func(log []eventstore.Event) []eventstore.Event { log[1].Type = "account.minted"; return log },
		"a balance is not the sum": func(log []eventstore.Event) []eventstore.Event {
			log[1].Data = changed(log[1].Data, `"amount":5000`, `"amount":5001`)
			return log
		},
		"what is held is not the sum": func(log []eventstore.Event) []eventstore.Event {
			log[1].Data = changed(log[1].Data, `"held_after":0`, `"held_after":3`)
			return log
		},
		"a payload cannot be read": func(log []eventstore.Event) []eventstore.Event { log[2].Data = []byte(`{}`); return log },
		"the currency of one is gone": func(log []eventstore.Event) []eventstore.Event {
			log[1].Data = changed(log[1].Data, `"currency":"EUR",`, ``)
			return log
		},
		"interest of the other sign": func(log []eventstore.Event) []eventstore.Event {
			log[7].Data = changed(log[7].Data, `"amount":-5`, `"amount":5`)
			return log
		},
		"of two events the same twice": func(log []eventstore.Event) []eventstore.Event { return append(log, log[len(log)-1]) },
	} {
		if !fails(t, func(f testing.TB) { casetest.Fold(f, spoil(history(t, frozen))) }) {
			t.Errorf("%s: the test passes", name)
		}
	}
	if fails(t, func(f testing.TB) { casetest.Fold(f, history(t, frozen)) }) {
		t.Error("a sound case fails")
	}
	deposit := account.Deposit{TransactionID: uuid.UUID{1}, Money: money.Money{Amount: 1, Currency: money.MustCurrency("EUR")}}
	for name, do := range map[string]func(c *casetest.Case){
		"other events follow": func(c *casetest.Case) { c.When(deposit, account.Unfrozen{}) },
		"it is refused": func(c *casetest.Case) {
			c.When(account.Withdraw{TransactionID: deposit.TransactionID, Money: deposit.Money})
		},
		"it is not refused": func(c *casetest.Case) { c.Refused(deposit, account.ClosedAccount{}) },
		"refused in other way": func(c *casetest.Case) {
			c.Refused(account.Withdraw{TransactionID: deposit.TransactionID, Money: deposit.Money}, account.ClosedAccount{})
		},
	} {
		if !fails(t, func(f testing.TB) { do(casetest.Fold(f, history(t, frozen))) }) {
			t.Errorf("%s: the test passes", name)
		}
	}
	if !fails(t, func(f testing.TB) { casetest.Replay(f, "testdata/none.json") }) {
		t.Error("a file that is not there is replayed")
	}
}

// A case that was captured from a bank with the demo's data: an account whose limit was raised, with penalty interest on what it owed.
func TestTheCaseOfTheOverdraft(t *testing.T) {
	t.Parallel()
	c, czk := casetest.Replay(t, "testdata/overdraft.json"), money.MustCurrency("CZK")
	if c.State.Balance != 223_592 || c.State.OverdraftLimit != 2_000_000 || len(c.Steps) != 41 {
		t.Fatalf("it ends as %+v after %d events", c.State, len(c.Steps))
	}
	all := account.Withdraw{TransactionID: uuid.UUID{1}, Money: money.Money{Amount: 2_223_592, Currency: czk}}
	c.When(all, account.Withdrawn{TransactionID: uuid.UUID{1}, Amount: 2_223_592, Currency: czk, BalanceAfter: -2_000_000})
	c.Refused(account.Withdraw{TransactionID: uuid.UUID{2}, Money: money.Money{Amount: 1, Currency: czk}}, account.InsufficientFunds{Available: 0, Requested: 1})
	c.Refused(account.ChangeSettings{OverdraftLimit: new(money.Amount(1_999_999))}, account.OverdraftInUse{Limit: 1_999_999, Used: 2_000_000})
}

// Holds and transfers are checked like every movement, and a command first lets expire what has expired by its time.
func TestACaseWithHolds(t *testing.T) {
	t.Parallel()
	id, eur := uuid.UUID{1}, money.MustCurrency("EUR")
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	var state account.State
	var log []eventstore.Event
	for _, command := range []account.Command{
		account.Open{AccountID: id, OwnerID: "ada", Currency: eur},
		account.Deposit{TransactionID: uuid.UUID{2}, Money: money.Money{Amount: 1_000, Currency: eur}},
		account.PlaceHold{HoldID: uuid.UUID{3}, Money: money.Money{Amount: 400, Currency: eur}, ExpiresAt: at.Add(time.Hour)},
		account.CaptureHold{TransactionID: uuid.UUID{4}, HoldID: uuid.UUID{3}, Amount: new(money.Amount(150))},
		account.SendTransfer{TransactionID: uuid.UUID{5}, TargetID: uuid.UUID{6}, Money: money.Money{Amount: 50, Currency: eur}},
	} {
		events, err := account.Decide(state, command, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			state = account.Evolve(state, e, at)
			kind, schema, data := account.Encode(e)
			log = append(log, eventstore.Event{
				Position: state.Version, StreamType: account.StreamType, StreamID: id, Version: state.Version, Type: kind, Schema: schema, Data: data, RecordedAt: at,
			})
		}
	}
	c := casetest.Fold(t, slices.Clone(log))
	if c.State.Balance != 800 || c.State.Held != 250 || !c.At.Equal(at.Add(time.Second)) {
		t.Fatalf("it ends as %+v", c.State)
	}
	c.Refused(account.Withdraw{TransactionID: uuid.UUID{7}, Money: money.Money{Amount: 551, Currency: eur}}, account.InsufficientFunds{Available: 550, Requested: 551})
	c.At = at.Add(time.Hour)
	if events := c.When(account.Withdraw{TransactionID: uuid.UUID{7}, Money: money.Money{Amount: 551, Currency: eur}}); len(events) != 2 || c.State.Held != 0 || c.State.Balance != 249 {
		t.Errorf("there follow %+v, and %+v", events, c.State)
	}
	log[3].Data = changed(log[3].Data, `"remaining":250`, `"remaining":240`)
	if !fails(t, func(f testing.TB) { casetest.Fold(f, log) }) {
		t.Error("what is held is not what the holds are, and the test passes")
	}
}
