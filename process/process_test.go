package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/internal/clearing"
)

// behave is a plan that does the same with every payment.
func behave(b clearing.Behaviour) clearing.Plan {
	return func(payment.Instruction) clearing.Behaviour { return b }
}

// Whatever the gateway does, each payment has its one outcome, and the hold follows it.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const soon = 25 * time.Millisecond
	for name, tt := range map[string]struct {
		plan     clearing.Behaviour
		deadline time.Duration
		outcome  payment.Status
		then     string // further events of the payment, besides the request, the submission and the outcome
	}{
		"settled at once":            {clearing.Behaviour{}, time.Minute, payment.StatusSettled, ""},
		"rejected at once":           {clearing.Behaviour{Reject: "AC04"}, time.Minute, payment.StatusRejected, ""},
		"settled later":              {clearing.Behaviour{Delay: soon}, time.Minute, payment.StatusSettled, ""},
		"rejected later":             {clearing.Behaviour{Delay: soon, Reject: "AC04"}, time.Minute, payment.StatusRejected, ""},
		"settled, said three times":  {clearing.Behaviour{Delay: soon, Copies: 2}, time.Minute, payment.StatusSettled, ""},
		"rejected, said three times": {clearing.Behaviour{Copies: 2, Reject: "AC04"}, time.Minute, payment.StatusRejected, ""},
		"silent for a while":         {clearing.Behaviour{Silence: 2 * soon}, time.Minute, payment.StatusSettled, "payment.stuck?"},
		"silent for ever":            {clearing.Behaviour{Silence: clearing.Forever}, 5 * soon, payment.StatusTimedOut, "payment.stuck?"},
		"accepted, and then nothing": {clearing.Behaviour{Delay: clearing.Forever}, 5 * soon, payment.StatusTimedOut, ""},
		"forgotten":                  {clearing.Behaviour{Delay: 4 * soon, Forgets: true}, time.Minute, payment.StatusSettled, ""},
		"settled, then rejected":     {clearing.Behaviour{Delay: soon, Contradicts: true}, time.Minute, "", "payment.answer_contradicted"},
		"settled too late":           {clearing.Behaviour{Delay: 4 * time.Second, IgnoresDeadline: true}, 2 * time.Second, payment.StatusTimedOut, "payment.answer_contradicted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, behave(tt.plan))
			stop := h.start(parts{})
			id := h.pay("invoice", tt.deadline)
			if s := h.awaitFinal(id); tt.outcome != "" && s.Status != tt.outcome {
				t.Errorf("%s, want %s", s.Status, tt.outcome)
			}
			if strings.HasPrefix(tt.then, "payment.answer") {
				h.await(tt.then, func() bool { _, types := h.stream(id); return slices.Contains(types, tt.then) })
			}
			h.awaitIdle()
			stop()
			h.checkAccount()
			h.checkTypes(id, tt.then)
		})
	}
}

// checkTypes: requested, perhaps submitted, one outcome, and further what a test allows ("?") or wants.
func (h *house) checkTypes(id uuid.UUID, then string) {
	h.t.Helper()
	_, types := h.stream(id)
	counts := map[string]int{}
	outcomes := 0
	for _, typ := range types {
		counts[typ]++
		switch typ {
		case payment.TypeSettled, payment.TypeRejected, payment.TypeTimedOut, payment.TypeCancelled:
			outcomes++
		}
	}
	if counts[payment.TypeRequested] != 1 || counts[payment.TypeSubmitted] > 1 || outcomes != 1 {
		h.t.Errorf("the payment's events are %v", types)
	}
	for _, typ := range []string{payment.TypeMarkedStuck, payment.TypeAnswerContradicted, payment.TypePushed} {
		if want := strings.TrimSuffix(then, "?"); typ == want && (counts[typ] == 1 || counts[typ] == 0 && want != then) {
			continue
		}
		if counts[typ] != 0 {
			h.t.Errorf("the payment's events are %v, want no %s", types, typ)
		}
	}
}

// A stuck payment is pushed, and goes through when the gateway answers again; another one is cancelled.
func TestAnOperatorPushesAndCancels(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	g := &switchable{Gateway: h.clearing}
	g.off.Store(true)
	stop := h.start(parts{gateway: g})
	one, two := h.pay("one", time.Minute), h.pay("two", time.Minute)
	for _, id := range []uuid.UUID{one, two} {
		h.await("a stuck payment", func() bool { return h.state(id).Stuck })
	}
	if reason := h.state(one).StuckReason; !strings.Contains(reason, "3 attempts in vain") || !strings.Contains(reason, errOff.Error()) {
		t.Errorf("stuck because %q", reason)
	}
	if answer, err := h.ask(two, payment.Cancel{By: "op", Reason: "the customer has changed her mind"}); err != nil || answer.Status != 200 {
		t.Fatalf("cancelled: %d %s, %v", answer.Status, answer.Body, err)
	}
	g.off.Store(false)
	if answer, err := h.ask(one, payment.Push{By: "op", Reason: "the line is up"}); err != nil || answer.Status != 200 {
		t.Fatalf("pushed: %d %s, %v", answer.Status, answer.Body, err)
	}
	if s := h.awaitFinal(one); s.Status != payment.StatusSettled {
		t.Errorf("the pushed one is %s", s.Status)
	}
	if s := h.state(two); s.Status != payment.StatusCancelled {
		t.Errorf("the cancelled one is %s", s.Status)
	}
	if answer, err := h.ask(two, payment.Push{By: "op"}); err != nil || answer.Status != 422 || !strings.Contains(string(answer.Body), "payment_final") {
		t.Errorf("the cancelled one is pushed: %d %s, %v", answer.Status, answer.Body, err)
	}
	h.awaitIdle()
	stop()
	h.checkAccount()
}

// The money of a payment has left even if the account was frozen since.
func TestAFrozenAccountPaysWhatTheGatewayHasPaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{Delay: 50 * time.Millisecond}))
	stop := h.start(parts{})
	id := h.pay("invoice", time.Minute)
	h.must(bank.OnAccount{AccountID: h.account, Command: account.Freeze{Reason: "court order"}})
	if s := h.awaitFinal(id); s.Status != payment.StatusSettled {
		t.Errorf("it is %s", s.Status)
	}
	h.awaitIdle()
	stop()
	h.checkAccount()
}

// Holds that nobody touches expire in the log, each once, in accounts that nobody uses; extended ones later, ended ones not.
func TestHoldsExpire(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	began := time.Now()
	hold := func(within time.Duration) uuid.UUID {
		id := uuid.Must(uuid.NewV7())
		h.must(bank.OnAccount{AccountID: h.account, Command: account.PlaceHold{HoldID: id, Money: euros(10), ExpiresAt: began.Add(within)}})
		return id
	}
	early, soon, extended, released := hold(time.Second), hold(time.Second+time.Millisecond), hold(time.Second), hold(time.Second)
	h.pay("a hold that never expires", time.Minute)
	h.must(bank.OnAccount{AccountID: h.account, Command: account.ExtendHold{HoldID: extended, ExpiresAt: time.Now().Add(time.Hour)}})
	h.must(bank.OnAccount{AccountID: h.account, Command: account.ReleaseHold{HoldID: released}})
	stop := h.start(parts{})
	expired := func() (ids []uuid.UUID) {
		events, _ := h.stream(h.account)
		for _, e := range events {
			if e, ok := e.(account.HoldExpired); ok {
				ids = append(ids, e.HoldID)
			}
		}
		return ids
	}
	h.await("two expiries", func() bool { return len(expired()) >= 2 })
	h.await("one hold left that expires", func() bool { return h.count("SELECT count(*) FROM process.holds") == 1 })
	stop()
	if got := expired(); !slices.Equal(got, []uuid.UUID{early, soon}) {
		t.Errorf("expired %v, want %v and %v", got, early, soon)
	}
	if n := h.count("SELECT count(*) FROM process.holds WHERE hold_id = $1", extended); n != 1 {
		t.Error("the extended one is not waited for")
	}
}

// Approvals that nobody decides expire in the log, each once; decided ones are not waited for.
func TestApprovalsExpire(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	ask := func() (id uuid.UUID, c bank.Command) {
		c = bank.OnAccount{AccountID: h.account, Command: account.Deposit{TransactionID: uuid.New(), Money: euros(6_000_000)}}
		answer, err := h.request(c)
		if err != nil {
			t.Fatal(err)
		}
		return answer.SubjectID, c
	}
	wanted := map[uuid.UUID]string{}
	for rejected := false; !rejected; { // a machine that is busy may come too late
		id, c := ask()
		answer, err := h.request(bank.OnApproval{ApprovalID: id, Original: c, Command: approval.Reject{By: "checker", Reason: "r"}})
		rejected = err == nil && answer.Status == 200
		wanted[id] = "[approval.requested approval.expired]"
		if rejected {
			wanted[id] = "[approval.requested approval.rejected]"
		}
	}
	for range 2 {
		id, _ := ask()
		wanted[id] = "[approval.requested approval.expired]"
	}
	stop := h.start(parts{})
	h.await("all expiries", func() bool {
		return h.count("SELECT count(*) FROM events WHERE type = 'approval.expired'") == int64(len(wanted)-1)
	})
	h.await("nothing left that expires", func() bool { return h.count("SELECT count(*) FROM process.holds") == 0 })
	stop()
	for id, want := range wanted {
		if _, types := h.stream(id); fmt.Sprint(types) != want {
			t.Errorf("%s: %v, want %s", id, types, want)
		}
	}
}
