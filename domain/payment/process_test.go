package payment_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/domaintest"
	"passbook/domain/payment"
)

var policy = payment.Policy{StatusAfter: 10 * time.Second, StatusEvery: 30 * time.Second, BackoffFirst: time.Second, BackoffMax: time.Minute, StuckAfter: 3, Grace: 5 * time.Second}

func after(d time.Duration) time.Time { return noon.Add(d) }

// Given what happened and what the process did, when it is time, then this is next.
func TestNext(t *testing.T) {
	t.Parallel()
	asked := deadline.Add(time.Second) // since the deadline
	for _, tt := range []struct {
		name     string
		given    []payment.Event
		progress payment.Progress
		now      time.Time
		then     payment.Step
	}{
		{"nothing for a payment that is none", nil, payment.Progress{}, noon, payment.Step{}},
		{"submit what is requested", history(requested), payment.Progress{NotBefore: noon}, noon, payment.Step{Do: payment.DoSubmit, At: noon}},
		{"at once when nothing is known of the work", history(requested), payment.Progress{}, noon, payment.Step{Do: payment.DoSubmit}},
		{"submit again after a break", history(requested), payment.Progress{NotBefore: after(2), LastAt: noon, Attempts: 1}, noon, payment.Step{Do: payment.DoSubmit, At: after(2)}},
		{"ask after what the gateway has", history(requested, submitted), payment.Progress{NotBefore: after(10)}, noon, payment.Step{Do: payment.DoAskStatus, At: after(10)}},
		{"submit again what the gateway has lost", history(requested, submitted), payment.Progress{NotBefore: noon, LastAt: noon, Lost: true}, noon, payment.Step{Do: payment.DoSubmit, At: noon}},
		{"mark as stuck before the next attempt", history(requested), payment.Progress{NotBefore: after(8), LastAt: noon, Attempts: 3}, noon, payment.Step{Do: payment.DoMarkStuck, At: after(8)}},
		{"attempt what is stuck", history(requested, stuck), payment.Progress{NotBefore: after(8), LastAt: noon, Attempts: 3}, after(8), payment.Step{Do: payment.DoSubmit, At: after(8)}},
		{"ask after what is stuck at the gateway", history(requested, submitted, stuck), payment.Progress{NotBefore: after(8), LastAt: noon, Attempts: 9}, noon, payment.Step{Do: payment.DoAskStatus, At: after(8)}},
		{"hold off after a command that failed", history(requested), payment.Progress{NotBefore: noon, HoldOff: after(9)}, noon, payment.Step{Do: payment.DoSubmit, At: after(9)}},

		{"a break does not reach beyond the deadline", history(requested, submitted), payment.Progress{NotBefore: deadline.Add(time.Hour), LastAt: noon, Attempts: 2}, noon, payment.Step{Do: payment.DoAskStatus, At: deadline}},
		{"no submission from the deadline on", history(requested), payment.Progress{NotBefore: noon, LastAt: noon}, deadline, payment.Step{Do: payment.DoAskStatus, At: noon}},
		{"asked before the time-out, however late", history(requested, submitted), payment.Progress{NotBefore: noon, LastAt: noon}, deadline.Add(time.Hour), payment.Step{Do: payment.DoAskStatus, At: noon}},
		{"though many attempts were in vain", history(requested), payment.Progress{NotBefore: noon, LastAt: noon, Attempts: 9}, deadline, payment.Step{Do: payment.DoMarkStuck, At: noon}},
		{"asked again while there is grace", history(requested, submitted), payment.Progress{NotBefore: asked.Add(1), LastAt: asked, Attempts: 9}, asked, payment.Step{Do: payment.DoAskStatus, At: asked.Add(1)}},
		{"timed out when the grace is over", history(requested, submitted), payment.Progress{NotBefore: asked, LastAt: asked}, deadline.Add(5 * time.Second), payment.Step{Do: payment.DoTimeOut, At: deadline.Add(5 * time.Second)}},
		{"a break reaches beyond the grace", history(requested), payment.Progress{NotBefore: deadline.Add(time.Minute), LastAt: asked}, asked, payment.Step{Do: payment.DoTimeOut, At: deadline.Add(5 * time.Second)}},
		{"what the gateway does not know at the deadline", history(requested), payment.Progress{NotBefore: asked, LastAt: asked, Lost: true}, asked, payment.Step{Do: payment.DoTimeOut, At: deadline.Add(5 * time.Second)}},
		{"a time-out that failed", history(requested), payment.Progress{LastAt: asked, HoldOff: deadline.Add(time.Minute)}, deadline.Add(30 * time.Second), payment.Step{Do: payment.DoTimeOut, At: deadline.Add(time.Minute)}},

		{"nothing for what is settled", history(requested, settled), payment.Progress{NotBefore: noon}, noon, payment.Step{}},
		{"nothing for what is rejected", history(requested, rejected), payment.Progress{NotBefore: noon}, noon, payment.Step{}},
		{"nothing for what is timed out", history(requested, timedOut), payment.Progress{NotBefore: noon}, deadline, payment.Step{}},
		{"nothing for what is cancelled", history(requested, cancelled), payment.Progress{NotBefore: noon}, deadline, payment.Step{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := payment.Next(replay(tt.given...), tt.progress, policy, tt.now); got != tt.then {
				t.Errorf("%s at %s, want %s at %s", got.Do, got.At, tt.then.Do, tt.then.At)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	before := payment.Progress{NotBefore: noon, LastAt: noon, Attempts: 2, Lost: true, Failures: 1, HoldOff: after(1)}
	late := after(time.Minute)
	exact := policy
	exact.BackoffFirst, exact.BackoffMax = 1, 1 // too short to be spread
	for name, tt := range map[string]struct{ got, want payment.Progress }{
		"requested":     {payment.Progress{}.Observe(requested, late, policy), payment.Progress{NotBefore: late}},
		"submitted":     {before.Observe(submitted, late, policy), payment.Progress{NotBefore: late.Add(policy.StatusAfter), LastAt: noon}},
		"pushed":        {before.Observe(pushed, late, policy), payment.Progress{NotBefore: late, LastAt: noon}},
		"stuck":         {before.Observe(stuck, late, policy), payment.Progress{NotBefore: noon, LastAt: noon, Attempts: 2, Lost: true}},
		"in vain":       {before.Failed(paymentID, late, exact), payment.Progress{NotBefore: late.Add(1), LastAt: late, Attempts: 3, Lost: true, Failures: 1, HoldOff: after(1)}},
		"answered":      {before.Heard(payment.Answer{Kind: payment.AnswerAccepted}, late, policy), payment.Progress{NotBefore: late.Add(policy.StatusEvery), LastAt: late, Failures: 1, HoldOff: after(1)}},
		"unknown":       {before.Heard(payment.Answer{Kind: payment.AnswerUnknown}, late, policy), payment.Progress{NotBefore: late, LastAt: late, Lost: true, Failures: 1, HoldOff: after(1)}},
		"baulked":       {before.Baulked(paymentID, late, exact), payment.Progress{NotBefore: noon, LastAt: noon, Attempts: 2, Lost: true, Failures: 2, HoldOff: late.Add(1)}},
		"commanded":     {before.Commanded(late, exact), payment.Progress{NotBefore: noon, LastAt: noon, Attempts: 2, Lost: true, Failures: 1, HoldOff: late.Add(1)}},
		"baulked often": {payment.Progress{Failures: 900}.Baulked(paymentID, late, exact), payment.Progress{Failures: 901, HoldOff: late.Add(1)}},
	} {
		if tt.got != tt.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, tt.got, tt.want)
		}
	}
}

// Breaks double, are spread by a quarter, and are the same for the same payment and attempt.
func TestBreaksAreSpread(t *testing.T) {
	t.Parallel()
	waits := map[time.Duration]bool{}
	for n := range byte(100) {
		id := uuid.UUID{n}
		wait := payment.Progress{Attempts: 1}.Failed(id, noon, policy).NotBefore.Sub(noon)
		if wait < 1500*time.Millisecond || wait > 2500*time.Millisecond {
			t.Errorf("the second break is %s", wait)
		}
		if again := (payment.Progress{Attempts: 1}).Failed(id, noon, policy).NotBefore.Sub(noon); again != wait {
			t.Errorf("first %s, then %s", wait, again)
		}
		waits[wait] = true
	}
	if last := (payment.Progress{Attempts: 900}).Failed(paymentID, noon, policy).NotBefore.Sub(noon); last < 45*time.Second || last > 75*time.Second {
		t.Errorf("the longest break is %s", last)
	}
	if len(waits) < 90 {
		t.Errorf("only %d different breaks of 100 payments", len(waits))
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for kind, want := range map[payment.AnswerKind]payment.Command{
		payment.AnswerAccepted: payment.Submit{GatewayReference: "G"}, payment.AnswerSettled: payment.Settle{GatewayReference: "G"},
		payment.AnswerRejected: payment.Reject{Code: "c", Reason: "r"}, payment.AnswerUnknown: nil, "odd": nil,
	} {
		if got := (payment.Answer{Kind: kind, GatewayReference: "G", Code: "c", Reason: "r"}).Command(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
}

// The same command in the same attempt has the same id for ever; everything else has another one.
func TestCommandID(t *testing.T) {
	t.Parallel()
	if got := payment.CommandID(paymentID, 2, payment.Settle{GatewayReference: "G"}, 1).String(); got != "9198cdae-d3cb-548a-a983-33f7521b30f3" {
		t.Errorf("an id on record has become %s", got)
	}
	seen := map[uuid.UUID]string{}
	for _, id := range []uuid.UUID{paymentID, accountID} {
		for n := range 9 {
			for _, c := range []payment.Command{
				payment.Request{}, payment.Submit{}, payment.Submit{GatewayReference: "G"}, payment.Settle{}, payment.Settle{GatewayReference: "G"},
				payment.Reject{}, payment.Reject{Code: "G"}, payment.Reject{Reason: "G"}, payment.TimeOut{}, payment.MarkStuck{}, payment.MarkStuck{Reason: "G"},
				payment.Cancel{}, payment.Cancel{By: "G"}, payment.Push{}, payment.Push{By: "G"},
			} {
				command := payment.CommandID(id, int64(n/3), c, n%3)
				if other, known := seen[command]; known || command.Version() != 5 {
					t.Errorf("%+v has the id of %s", c, other)
				}
				seen[command] = domaintest.TypeName(c)
			}
		}
	}
}

func TestInstruction(t *testing.T) {
	t.Parallel()
	want := payment.Instruction{PaymentID: paymentID, Money: request.Money, Creditor: creditor, Reference: "invoice 7", SettleBefore: deadline}
	if got := replay(requested, submitted).Instruction(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
