// Package casetest replays a captured case in a test: the history of an account as it stands in some bank's log, read and folded by
// the code under test, and gone on with.
//
//	c := casetest.Replay(t, "testdata/case.json")
//	c.Refused(account.Withdraw{...}, account.InsufficientFunds{...})
//	c.When(account.Deposit{...}, account.Deposited{...})
//
// passbook capture makes such a file.
package casetest

import (
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/internal/casefile"
	"passbook/internal/eventcodec"
	"passbook/internal/replay"
)

// Case is a captured account under test.
type Case struct {
	t testing.TB
	// State is the account after all that has happened.
	State account.State
	// At is when commands are decided: a second behind the last event, until the test says otherwise.
	At time.Time
	// Steps are the events of the file, each with the state before and after it.
	Steps []*replay.Step
}

// Replay folds the case in the file and fails the test where an event cannot be read or does not follow, and where a balance is not
// the sum of what was moved before, or not what the event says it is.
func Replay(t testing.TB, path string) *Case {
	t.Helper()
	file, err := os.Open(path) //nolint:gosec // a file that the test names
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	captured, err := casefile.Read(file)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return Fold(t, captured.Stored())
}

// Fold does so with events at hand.
func Fold(t testing.TB, stored []eventstore.Event) *Case {
	t.Helper()
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	c := &Case{t: t}
	var sum money.Amount
	for i := range stored {
		step, err := replay.Next(codec, c.State, &stored[i])
		if err != nil {
			t.Fatal(err)
		}
		c.Steps, c.State, c.At = append(c.Steps, step), step.After, stored[i].RecordedAt.Add(time.Second)
		if m, moves := account.MovementOf(step.Event); moves {
			sum += m.Amount
		}
		c.check(step, sum)
	}
	return c
}

func (c *Case) check(step *replay.Step, sum money.Amount) {
	c.t.Helper()
	if said, states := account.BalancesOf(step.Event); states && (said.Balance != sum || said.Held != c.State.Held) {
		c.t.Fatalf("version %d, event %d: it says balance %d and held %d, the sum is %d and %d", step.Stored.Version, step.Stored.Position, said.Balance, said.Held, sum, c.State.Held)
	}
	if c.State.Balance != sum {
		c.t.Fatalf("version %d, event %d: the balance is %d, the sum is %d", step.Stored.Version, step.Stored.Position, c.State.Balance, sum)
	}
	if held := holds(c.State); held != c.State.Held {
		c.t.Fatalf("version %d, event %d: %d is held, the open holds are %d", step.Stored.Version, step.Stored.Position, c.State.Held, held)
	}
}

func holds(s account.State) (sum money.Amount) {
	for _, h := range s.Holds {
		sum += h.Amount
	}
	return sum
}

// When has the account decide a command, and goes on with what follows. With events to compare with it fails when others follow.
func (c *Case) When(command account.Command, want ...account.Event) []account.Event {
	c.t.Helper()
	events, err := account.Decide(c.State, command, c.At)
	if err != nil {
		c.t.Fatalf("%T is refused: %v", command, err)
	}
	if len(want) > 0 && !reflect.DeepEqual(events, want) {
		c.t.Fatalf("%T: there follow %+v, want %+v", command, events, want)
	}
	for _, e := range events {
		c.State = account.Evolve(c.State, e, c.At)
	}
	return events
}

// Refused has the account decide a command and fails when it does not refuse it like this.
func (c *Case) Refused(command account.Command, want account.Refusal) {
	c.t.Helper()
	events, err := account.Decide(c.State, command, c.At)
	var refusal account.Refusal
	if !errors.As(err, &refusal) || refusal != want {
		c.t.Fatalf("%T: got %+v, %v; want %#v", command, events, err, want)
	}
}
