package payment_test

import (
	"strings"
	"testing"
	"time"

	"passbook/domain/internal/domaintest"
	"passbook/domain/payment"
)

func TestTheWayToAnOutcome(t *testing.T) {
	checkRules(t, []rule{
		{name: "taken by the gateway", given: history(requested), when: payment.Submit{GatewayReference: "G1"}, then: history(submitted)},
		{name: "taken twice", given: history(requested, submitted), when: payment.Submit{GatewayReference: "G2"}},
		{name: "settled at once", given: history(requested), when: payment.Settle{GatewayReference: "G1"}, then: history(settled)},
		{name: "settled", given: history(requested, submitted), when: payment.Settle{GatewayReference: "G1"}, then: history(settled)},
		{name: "settled while stuck", given: history(requested, stuck), when: payment.Settle{GatewayReference: "G1"}, then: history(settled)},
		{name: "settled after the deadline, before the time-out", given: history(requested, submitted), when: payment.Settle{GatewayReference: "G1"}, at: deadline.Add(time.Hour), then: history(settled)},
		{name: "rejected at once", given: history(requested), when: payment.Reject{Code: "AC04", Reason: "closed"}, then: history(rejected)},
		{name: "rejected", given: history(requested, submitted), when: payment.Reject{Code: "AC04", Reason: "closed"}, then: history(rejected)},
		{name: "rejected at length", given: history(requested), when: payment.Reject{Code: strings.Repeat("c", 101), Reason: "\xff" + strings.Repeat("é", 300) + "\x00"},
			then: history(payment.Rejected{Code: strings.Repeat("c", 100), Reason: "\uFFFD" + strings.Repeat("é", 199)})},
		{name: "timed out at the deadline", given: history(requested), when: payment.TimeOut{}, at: deadline, then: history(timedOut)},
		{name: "timed out at the gateway", given: history(requested, submitted, stuck), when: payment.TimeOut{}, at: deadline.Add(time.Hour), then: history(timedOut)},
		{name: "timed out too early", given: history(requested), when: payment.TimeOut{}, at: deadline.Add(-1), refused: payment.NotDue{Deadline: deadline}},
		{name: "stuck", given: history(requested), when: payment.MarkStuck{Reason: "no answer"}, then: history(stuck)},
		{name: "stuck at the gateway", given: history(requested, submitted), when: payment.MarkStuck{Reason: "no answer"}, then: history(stuck)},
		{name: "stuck twice", given: history(requested, stuck), when: payment.MarkStuck{Reason: "still none"}},
		{name: "stuck again after a push", given: history(requested, stuck, pushed), when: payment.MarkStuck{Reason: "no answer"}, then: history(stuck)},
		{name: "pushed", given: history(requested, stuck), when: payment.Push{By: "op", Reason: "go"}, then: history(pushed)},
		{name: "pushed twice", given: history(requested, stuck, pushed), when: payment.Push{By: "op", Reason: "go"}},
		{name: "pushed though under way", given: history(requested, submitted), when: payment.Push{By: "op"}},
		{name: "cancelled", given: history(requested), when: payment.Cancel{By: "op", Reason: "twice"}, then: history(cancelled)},
		{name: "cancelled while stuck", given: history(requested, submitted, stuck), when: payment.Cancel{By: "op", Reason: "twice"}, then: history(cancelled)},
		{name: "cancelled at the gateway", given: history(requested, submitted), when: payment.Cancel{By: "op", Reason: "twice"}, refused: payment.AtGateway{}},
		{name: "cancelled at the gateway after a push", given: history(requested, submitted, stuck, pushed), when: payment.Cancel{By: "op"}, refused: payment.AtGateway{}},
	})
}

// After every outcome, everything that can still be said.
func TestNoOutcomeChanges(t *testing.T) {
	final := func(s payment.Status) payment.Refusal { return payment.Final{Outcome: s} }
	var rules []rule
	for status, event := range outcomes {
		for _, given := range [][]payment.Event{history(requested, event), history(requested, submitted, event)} {
			add := func(name string, when payment.Command, then []payment.Event, refused payment.Refusal) {
				rules = append(rules, rule{name: string(status) + ", " + name, given: given, when: when, at: deadline, then: then, refused: refused})
			}
			unless := func(same payment.Status) payment.Refusal {
				if status == same {
					return nil
				}
				return final(status)
			}
			add("taken", payment.Submit{}, nil, nil)
			add("timed out", payment.TimeOut{}, nil, unless(payment.StatusTimedOut))
			add("cancelled", payment.Cancel{By: "op"}, nil, unless(payment.StatusCancelled))
			add("pushed", payment.Push{By: "op"}, nil, final(status))
			add("stuck", payment.MarkStuck{}, nil, final(status))
			if status == payment.StatusSettled {
				add("settled again", payment.Settle{GatewayReference: "G1"}, nil, nil)
				add("settled again without a reference", payment.Settle{}, nil, nil)
				add("settled under another reference", payment.Settle{GatewayReference: "G2"}, history(contradiction(status, payment.StatusSettled, "G2", "", "")), nil)
				add("rejected", payment.Reject{Code: "c", Reason: "r"}, history(contradiction(status, payment.StatusRejected, "", "c", "r")), nil)
			} else {
				add("rejected", payment.Reject{Code: "c", Reason: "r"}, nil, nil)
				add("settled", payment.Settle{GatewayReference: "G1"}, history(contradiction(status, payment.StatusSettled, "G1", "", "")), nil)
			}
		}
	}
	checkRules(t, rules)
}

func contradiction(outcome, answer payment.Status, reference, code, reason string) payment.Event {
	return payment.AnswerContradicted{Outcome: outcome, Answer: answer, GatewayReference: reference, Code: code, Reason: reason}
}

func TestContradictionsAreRecordedOnce(t *testing.T) {
	c := func(reference string) payment.Event {
		return contradiction(payment.StatusTimedOut, payment.StatusSettled, reference, "", "")
	}
	many := history(requested, timedOut)
	for i := range payment.ContradictionsMax {
		many = append(many, c(strings.Repeat("G", i+1)))
	}
	checkRules(t, []rule{
		{name: "the same", given: history(requested, timedOut, c("G1")), when: payment.Settle{GatewayReference: "G1"}},
		{name: "another", given: history(requested, timedOut, c("G1")), when: payment.Settle{GatewayReference: "G2"}, then: history(c("G2"))},
		{name: "the last of many", given: many[:len(many)-1], when: payment.Settle{GatewayReference: "G0"}, then: history(c("G0"))},
		{name: "one too many", given: many, when: payment.Settle{GatewayReference: "G0"}},
	})
}

func TestWhatIsAskedOfNoPayment(t *testing.T) {
	var rules []rule
	for _, c := range []payment.Command{
		payment.Submit{}, payment.Settle{}, payment.Reject{}, payment.TimeOut{}, payment.Cancel{By: "op"}, payment.Push{By: "op"}, payment.MarkStuck{},
	} {
		rules = append(rules, rule{name: domaintest.TypeName(c), when: c, refused: payment.NotFound{}})
	}
	form := payment.InvalidField{Field: "by", Detail: "must be 1 to 100 characters of valid UTF-8 without NUL"}
	rules = append(rules,
		rule{name: "form before existence of a cancelling", when: payment.Cancel{}, refused: form},
		rule{name: "form before existence of a push", when: payment.Push{}, refused: form},
		rule{name: "form of a reason", given: history(requested, settled), when: payment.Push{By: "op", Reason: "\xff"},
			refused: payment.InvalidField{Field: "reason", Detail: "must be 0 to 100 characters of valid UTF-8 without NUL"}})
	checkRules(t, rules)
}

// The codes are part of the API and never change.
func TestCodes(t *testing.T) {
	t.Parallel()
	want := map[payment.Refusal]string{
		payment.NotFound{}: "not_found", payment.AlreadyRequested{}: "payment_exists", payment.Final{}: "payment_final",
		payment.AtGateway{}: "payment_submitted", payment.NotDue{}: "payment_not_due",
		payment.AmountOutOfRange{}: "amount_out_of_range", payment.InvalidField{}: "invalid_parameter",
	}
	all := payment.Refusals()
	if len(all) != len(want) {
		t.Errorf("%d refusals, want %d", len(all), len(want))
	}
	for _, refusal := range all {
		if refusal.Code() != want[refusal] || refusal.Error() == "" {
			t.Errorf("%T: code %q, want %q; says %q", refusal, refusal.Code(), want[refusal], refusal)
		}
	}
}
