package payment_test

import (
	"reflect"
	"testing"
	"time"

	"passbook/domain/payment"
)

// What each event does to the state of a payment that is stuck at the gateway.
func TestEvolve(t *testing.T) {
	t.Parallel()
	before := replay(requested, submitted, stuck)
	late := noon.Add(time.Minute)
	ended := func(status payment.Status, code, reason string) func(*payment.State) {
		return func(s *payment.State) {
			s.Status, s.Code, s.Reason, s.EndedAt, s.Stuck, s.StuckReason = status, code, reason, late, false, ""
		}
	}
	c := contradiction(payment.StatusSettled, payment.StatusRejected, "", "c", "r").(payment.AnswerContradicted)
	for name, tt := range map[string]struct {
		event payment.Event
		then  func(*payment.State)
	}{
		"submitted":                   {payment.Submitted{GatewayReference: "G2"}, func(s *payment.State) { s.GatewayReference = "G2" }},
		"settled":                     {payment.Settled{GatewayReference: "G2"}, func(s *payment.State) { ended(payment.StatusSettled, "", "")(s); s.GatewayReference = "G2" }},
		"settled without a reference": {payment.Settled{}, ended(payment.StatusSettled, "", "")},
		"rejected":                    {rejected, ended(payment.StatusRejected, "AC04", "closed")},
		"timed out":                   {timedOut, ended(payment.StatusTimedOut, "", "")},
		"cancelled":                   {cancelled, ended(payment.StatusCancelled, "", "twice")},
		"pushed":                      {pushed, func(s *payment.State) { s.Stuck, s.StuckReason = false, "" }},
		"stuck":                       {payment.MarkedStuck{Reason: "still"}, func(s *payment.State) { s.StuckReason = "still" }},
		"contradicted":                {c, func(s *payment.State) { s.Contradictions = []payment.AnswerContradicted{c} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := before
			want.Version++
			tt.then(&want)
			if got := payment.Evolve(before, tt.event, late); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// Two states that share their contradictions do not write into each other's.
func TestStatesShareNothingThatIsWritten(t *testing.T) {
	t.Parallel()
	shared := replay(requested, timedOut)
	for _, reference := range []string{"a", "b", "c"} { // a slice with room behind its end
		shared = payment.Evolve(shared, contradiction(payment.StatusTimedOut, payment.StatusSettled, reference, "", ""), noon)
	}
	one := payment.Evolve(shared, contradiction(payment.StatusTimedOut, payment.StatusSettled, "one", "", ""), noon)
	two := payment.Evolve(shared, contradiction(payment.StatusTimedOut, payment.StatusSettled, "two", "", ""), noon)
	if one.Contradictions[3].GatewayReference != "one" || two.Contradictions[3].GatewayReference != "two" {
		t.Errorf("got %v and %v", one.Contradictions, two.Contradictions)
	}
}

func TestSizeGrowsWithWhatIsHeld(t *testing.T) {
	t.Parallel()
	empty := payment.State{}.Size()
	if empty < 200 {
		t.Errorf("an empty state takes %d bytes", empty)
	}
	full := replay(requested, submitted, settled, contradiction(payment.StatusSettled, payment.StatusRejected, "", "c", "r"))
	if grown := full.Size() - empty; grown < 150 {
		t.Errorf("a full one takes only %d more", grown)
	}
}
