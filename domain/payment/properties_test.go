package payment_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/domain/money"
	"passbook/domain/payment"
)

var (
	texts  = rapid.SampledFrom([]string{"", "", "G1", "G2", "\"quoted\" \\ \n\u2028", "\xff\x00"})
	people = rapid.SampledFrom([]string{"", "op", "op"})
)

// anything draws what can be asked of a payment, in any order.
var anything = rapid.Custom(func(t *rapid.T) payment.Command {
	a, b, by := texts.Draw(t, "a"), texts.Draw(t, "b"), people.Draw(t, "by")
	return rapid.SampledFrom([]payment.Command{
		request, request, with(func(r *payment.Request) { r.Reference = a }),
		payment.Submit{GatewayReference: a}, payment.Settle{GatewayReference: a}, payment.Reject{Code: a, Reason: b},
		payment.TimeOut{}, payment.Cancel{By: by, Reason: b}, payment.Push{By: by, Reason: b}, payment.MarkStuck{Reason: a},
	}).Draw(t, "command")
})

// Whatever comes in whatever order at whatever time: at most one outcome, which stands; the same command again decides
// nothing; and until the outcome there is something to do, by the deadline and its grace.
func TestStories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story := &story{now: noon}
		story.tell(t, request)
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			story.now = story.now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 60, 600, 7200}).Draw(t, "seconds")) * time.Second)
			story.tell(t, anything.Draw(t, "command"))
			story.work(t)
		}
		story.checkAgainstItsBytes(t)
	})
}

type story struct {
	now      time.Time
	state    payment.State
	progress payment.Progress
	events   []payment.Past
	outcome  payment.Event
}

func (s *story) tell(t *rapid.T, c payment.Command) {
	events, err := payment.Decide(s.state, c, s.now)
	if err != nil {
		var refusal payment.Refusal
		if !errors.As(err, &refusal) || len(events) != 0 {
			t.Fatalf("%+v with %v (%T)", events, err, err)
		}
		return
	}
	for _, e := range events {
		s.happen(t, e)
	}
	if again, err := payment.Decide(s.state, c, s.now); err != nil || len(again) != 0 {
		t.Fatalf("%+v the second time: %+v, %v", c, again, err)
	}
}

func (s *story) happen(t *rapid.T, e payment.Event) {
	before := s.state
	s.state, s.events = payment.Evolve(s.state, e, s.now), append(s.events, payment.Past{Event: e, At: s.now})
	s.progress = s.progress.Observe(e, s.now, policy)
	if s.state.Version != int64(len(s.events)) {
		t.Fatalf("version %d after %d events", s.state.Version, len(s.events))
	}
	if before.Final() {
		if _, about := e.(payment.AnswerContradicted); !about || s.state.Status != before.Status || !s.state.EndedAt.Equal(before.EndedAt) {
			t.Fatalf("%+v after the outcome %s", e, before.Status)
		}
	}
	if !before.Final() && s.state.Final() {
		if s.outcome != nil {
			t.Fatalf("%+v is the second outcome after %+v", e, s.outcome)
		}
		s.outcome = e
	}
}

// work does what the process does: contacts with the gateway that end in some way. Commands are drawn elsewhere.
func (s *story) work(t *rapid.T) {
	step := payment.Next(s.state, s.progress, policy, s.now)
	if s.state.Final() != (step.Do == payment.DoNothing) {
		t.Fatalf("%q for a payment that is %s", step.Do, s.state.Status)
	}
	end := s.state.Deadline.Add(policy.Grace)
	if step.At.After(later(end, s.progress.HoldOff)) {
		t.Fatalf("%s at %s, the end is %s", step.Do, step.At, end)
	}
	if step.Do == payment.DoSubmit && !later(step.At, s.now).Before(s.state.Deadline) {
		t.Fatalf("submitted at %s, the deadline is %s", later(step.At, s.now), s.state.Deadline)
	}
	if step.At.After(s.now) {
		return
	}
	switch step.Do {
	case payment.DoSubmit, payment.DoAskStatus:
		kind := rapid.SampledFrom([]payment.AnswerKind{"", payment.AnswerAccepted, payment.AnswerUnknown}).Draw(t, "answer")
		if kind == "" {
			s.progress = s.progress.Failed(paymentID, s.now, policy)
		} else {
			s.progress = s.progress.Heard(payment.Answer{Kind: kind}, s.now, policy)
		}
	case payment.DoTimeOut:
		s.tell(t, payment.TimeOut{})
		if !s.state.Final() {
			t.Fatal("timed out, and goes on")
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Left to itself with a gateway that never answers, a payment times out at the end of its grace.
func TestSilenceEndsInATimeOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &story{now: noon}
		s.tell(t, request)
		if rapid.Bool().Draw(t, "submitted") {
			s.tell(t, payment.Submit{})
		}
		steps := 0
		for ; !s.state.Final(); steps++ {
			step := payment.Next(s.state, s.progress, policy, s.now)
			s.now = later(s.now, step.At)
			switch step.Do {
			case payment.DoMarkStuck:
				s.tell(t, payment.MarkStuck{})
			case payment.DoTimeOut:
				s.tell(t, payment.TimeOut{})
			default:
				s.now = s.now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "took")) * time.Millisecond)
				s.progress = s.progress.Failed(paymentID, s.now, policy)
			}
			if steps > 200 {
				t.Fatal("it goes on and on")
			}
		}
		if s.state.Status != payment.StatusTimedOut || s.now.After(deadline.Add(policy.Grace+3*time.Second)) {
			t.Fatalf("%s at %s", s.state.Status, s.now)
		}
	})
}

// checkAgainstItsBytes: the story read back from storage is the same story, and so is its state from a snapshot.
func (s *story) checkAgainstItsBytes(t *rapid.T) {
	var read payment.State
	for _, past := range s.events {
		again, err := payment.Decode(payment.Encode(past.Event))
		if err != nil || !reflect.DeepEqual(again, past.Event) {
			t.Fatalf("%+v is read as %+v, %v", past.Event, again, err)
		}
		read = payment.Evolve(read, again, past.At)
	}
	if !reflect.DeepEqual(read, s.state) || !reflect.DeepEqual(payment.Replay(s.events...), s.state) {
		t.Fatalf("read as %+v, want %+v", read, s.state)
	}
	snapshot, err := json.Marshal(s.state)
	if err != nil {
		t.Fatal(err)
	}
	var restored payment.State
	if err := json.Unmarshal(snapshot, &restored); err != nil || !reflect.DeepEqual(restored, s.state) {
		t.Fatalf("restored as %+v, %v, want %+v", restored, err, s.state)
	}
}

// Whatever is asked for, Decide answers, the same every time; and what it decides can be stored and read again.
func TestARequestIsRefusedOrCanBeStored(t *testing.T) {
	anyText := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text")) })
	text := rapid.OneOf(rapid.String(), anyText, rapid.Just("x"), rapid.Just("DE89370400440532013000"))
	rapid.Check(t, func(t *rapid.T) {
		r := payment.Request{PaymentID: paymentID, AccountID: accountID, HoldID: uuid.UUID{rapid.Byte().Draw(t, "hold")},
			Money:    money.Money{Amount: money.Amount(rapid.Int64().Draw(t, "amount")), Currency: eur},
			Creditor: payment.Creditor{Name: text.Draw(t, "name"), Account: text.Draw(t, "account"), Agent: rapid.SampledFrom([]string{"", "COBADEFF", "x"}).Draw(t, "agent")},
			Metadata: rapid.MapOfN(text, text, 0, 3).Draw(t, "metadata"), Deadline: time.Unix(rapid.Int64Range(noon.Unix()-10, noon.Unix()+1_000_000).Draw(t, "deadline"), 0)}
		events, err := payment.Decide(payment.State{}, r, noon)
		for _, e := range events {
			if again, err := payment.Decode(payment.Encode(e)); err != nil || !reflect.DeepEqual(again, e) {
				t.Fatalf("%+v is read as %+v, %v", e, again, err)
			}
		}
		if (err == nil) != (len(events) == 1) {
			t.Fatalf("%+v with %v", events, err)
		}
	})
}
