package account_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// One story after another of an account, with every guarantee checked at every step.
func TestStories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story := &story{at: noon}
		story.tell(t, opens.Draw(t, "first"))
		for _, c := range rapid.SliceOfN(commands, 20, 80).Draw(t, "commands") {
			story.tell(t, c)
		}
		story.checkAgainstItsBytes(t)
	})
}

// story is an account as it goes along, with its balance kept in the simplest way there is.
type story struct {
	state  account.State
	events []account.Event
	sum    money.Amount
	at     time.Time
	times  []time.Time // of the events
}

func (s *story) tell(t *rapid.T, c account.Command) {
	s.at = s.at.Add(time.Minute)
	events, err := account.Decide(s.state, c, s.at)
	if err != nil {
		requireRefusal(t, events, err)
		return
	}
	for _, e := range events {
		s.happen(t, e)
	}
	if _, withdrawal := c.(account.Withdraw); withdrawal && len(events) > 0 && s.state.Available() < 0 {
		t.Fatalf("%+v took the available amount to %d", c, s.state.Available())
	}
	if again, err := account.Decide(s.state, c, s.at); err != nil || len(again) != 0 {
		t.Fatalf("%+v the second time: %+v, %v", c, again, err)
	}
}

func (s *story) happen(t *rapid.T, e account.Event) {
	s.state, s.events = account.Evolve(s.state, e, s.at), append(s.events, e)
	s.times = append(s.times, s.at)
	s.checkHolds(t, e)
	if m, moved := account.MovementOf(e); moved {
		s.sum += m.Amount
		if m.BalanceAfter != s.sum || m.HeldAfter != s.state.Held || m.TransactionID != s.state.LastTransaction {
			t.Fatalf("%+v states a balance of %d, the amounts add up to %d", e, m.BalanceAfter, s.sum)
		}
	}
	if s.state.Balance != s.sum || !s.sum.InRange() {
		t.Fatalf("the balance after %+v is %d, the amounts add up to %d", e, s.state.Balance, s.sum)
	}
	if s.state.Version != int64(len(s.events)) {
		t.Fatalf("version %d after %d events", s.state.Version, len(s.events))
	}
	if frozen := s.state.Status == account.StatusFrozen; frozen != (s.state.FreezeScope != account.FreezeNone) {
		t.Fatalf("status %q with freeze scope %q", s.state.Status, s.state.FreezeScope)
	}
}

// checkHolds: what is held is what the open holds hold, and none is open past its time.
func (s *story) checkHolds(t *rapid.T, e account.Event) {
	var held money.Amount
	for _, h := range s.state.Holds {
		held += h.Amount
		if h.Amount <= 0 {
			t.Fatalf("after %+v a hold of %d is open", e, h.Amount)
		}
	}
	if held != s.state.Held {
		t.Fatalf("after %+v %d are held, the holds add up to %d", e, s.state.Held, held)
	}
	if next := s.state.NextExpiry(); !next.IsZero() && !next.After(s.at) {
		if _, expiry := e.(account.HoldExpired); !expiry { // others may follow
			t.Fatalf("after %+v a hold is open since %v", e, s.at.Sub(next))
		}
	}
}

// checkAgainstItsBytes: the story read back from storage is the same story, and so is its state from a snapshot.
func (s *story) checkAgainstItsBytes(t *rapid.T) {
	var read account.State
	for i, e := range s.events {
		again, err := account.Decode(account.Encode(e))
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v is read as %+v, %v", e, again, err)
		}
		read = account.Evolve(read, again, s.times[i])
	}
	if !reflect.DeepEqual(read, s.state) {
		t.Fatalf("read as %+v, want %+v", read, s.state)
	}
	snapshot, err := json.Marshal(s.state)
	if err != nil {
		t.Fatal(err)
	}
	var restored account.State
	if err := json.Unmarshal(snapshot, &restored); err != nil || !reflect.DeepEqual(restored, s.state) {
		t.Fatalf("restored as %+v, %v, want %+v", restored, err, s.state)
	}
}

func requireRefusal(t *rapid.T, events []account.Event, err error) {
	var refusal account.Refusal
	if !errors.As(err, &refusal) || len(events) != 0 {
		t.Fatalf("%+v with %v (%T)", events, err, err)
	}
}

// Whatever the state and the command, Decide answers, the same every time, and writes to neither.
func TestDecideIsTotalAndPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c := anyState.Draw(t, "state"), anyCommand.Draw(t, "command")
		before := asJSON(t, s, c)
		events, err := account.Decide(s, c, noon)
		if err != nil {
			requireRefusal(t, events, err)
		}
		again, errAgain := account.Decide(s, c, noon)
		if !reflect.DeepEqual(again, events) || !errors.Is(errAgain, err) {
			t.Fatalf("%+v, %v and then %+v, %v", events, err, again, errAgain)
		}
		if after := asJSON(t, s, c); after != before {
			t.Fatalf("written to: before %s, after %s", before, after)
		}
	})
}

func asJSON(t *rapid.T, values ...any) string {
	data, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// From any state whose amounts are in range, an event leads to another one, and a withdrawal takes no more than is available.
func TestBalancesStayInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := account.State{ID: accountID, Status: account.StatusOpen, OwnerID: "o", Currency: eur, Balance: inRange(t, "balance", -money.MaxAmount),
			Held: inRange(t, "held", 0), OverdraftLimit: inRange(t, "limit", 0)}
		events, err := account.Decide(s, movements.Draw(t, "command"), noon)
		if err != nil {
			requireRefusal(t, events, err)
			return
		}
		for _, e := range events {
			after := account.Evolve(s, e, noon)
			if !after.Balance.InRange() || !after.Available().InRange() {
				t.Fatalf("%+v leads to a balance of %d with %d available", e, after.Balance, after.Available())
			}
			if _, withdrawn := e.(account.Withdrawn); withdrawn && after.Available() < 0 {
				t.Fatalf("%+v takes the available amount to %d", e, after.Available())
			}
		}
	})
}

func inRange(t *rapid.T, label string, lowest money.Amount) money.Amount {
	bounds := rapid.SampledFrom([]int64{int64(lowest), 0, int64(money.MaxAmount)})
	return money.Amount(rapid.OneOf(bounds, rapid.Int64Range(int64(lowest), int64(money.MaxAmount))).Draw(t, label))
}
