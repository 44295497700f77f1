package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/internal/clearing"
)

// What a process does between a request and the outcome, cut off before and after each thing that it does, one process after
// another, with each kind of gateway: the next process brings the payment to the same end, and nothing is done twice that counts.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	const soon = 10 * time.Millisecond
	for name, tt := range map[string]struct {
		plan     clearing.Behaviour
		mute     bool // nothing is heard of but when it is asked for
		deadline time.Duration
		outcomes []payment.Status // possible ones
		want     []string         // what must have been among the things that are cut off
	}{
		"settled at once":    {clearing.Behaviour{}, false, time.Minute, only(payment.StatusSettled), []string{"submit", "command payment.Settle"}},
		"rejected at once":   {clearing.Behaviour{Reject: "AC04"}, false, time.Minute, only(payment.StatusRejected), []string{"submit", "command payment.Reject"}},
		"settled when asked": {clearing.Behaviour{Delay: 3 * soon}, true, time.Minute, only(payment.StatusSettled), []string{"submit", "command payment.Submit", "progress", "ask for the status"}},
		"settled when told":  {clearing.Behaviour{Delay: 3 * soon}, false, time.Minute, only(payment.StatusSettled), []string{"submit"}},
		"silent, then there": {clearing.Behaviour{Silence: 5 * soon}, true, time.Minute, only(payment.StatusSettled), []string{"submit", "progress"}},
		"silent for ever":    {clearing.Behaviour{Silence: clearing.Forever}, false, 8 * soon, only(payment.StatusTimedOut), []string{"progress", "command payment.TimeOut"}},
		"twice":              {clearing.Behaviour{Delay: soon, Copies: 2}, false, time.Minute, only(payment.StatusSettled), []string{"submit"}},
		"contradictory":      {clearing.Behaviour{Delay: soon, Contradicts: true}, false, time.Minute, []payment.Status{payment.StatusSettled, payment.StatusRejected}, []string{"submit"}},
		"late":               {clearing.Behaviour{Delay: 60 * soon, IgnoresDeadline: true}, false, 6 * soon, []payment.Status{payment.StatusTimedOut, payment.StatusSettled}, []string{"command payment.TimeOut"}},
		"forgetful":          {clearing.Behaviour{Delay: 5 * soon, Forgets: true}, true, time.Minute, only(payment.StatusSettled), []string{"submit", "progress", "ask for the status"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, behave(tt.plan))
			h.mute = tt.mute
			whole := newMortal(cut{})
			h.lives(t, whole, tt.deadline, tt.outcomes)
			cuts := whole.cuts()
			for _, what := range append(tt.want, "advance", "claim") {
				if !slices.ContainsFunc(cuts, func(c cut) bool { return c.what == what }) {
					t.Errorf("%q is not among the things that were done: %v", what, cuts)
				}
			}
			reached := 0
			for _, at := range cuts {
				m := newMortal(at)
				h.lives(t, m, tt.deadline, tt.outcomes)
				if m.isDead() {
					reached++
				}
			}
			t.Logf("killed at %d of %d points", reached, len(cuts))
			if reached < len(cuts)/3 {
				t.Errorf("only %d of %d points were reached", reached, len(cuts))
			}
			h.checkAccount()
		})
	}
}

func only(s payment.Status) []payment.Status { return []payment.Status{s} }

// cuts are the points before and after everything that was done, the first two times that it was done.
func (m *mortal) cuts() []cut {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.trace), func(c cut) bool { return c.nth > 2 || strings.HasPrefix(c.what, "read") && c.nth > 1 })
}

// lives has a payment made under a process that may die, and another one go on after that one.
func (h *house) lives(t *testing.T, m *mortal, deadline time.Duration, outcomes []payment.Status) {
	t.Helper()
	stop := h.start(m.parts(h))
	id := h.pay(m.at.String(), deadline)
	h.await("death or an outcome", func() bool { return m.isDead() || h.state(id).Final() && h.open() == 0 })
	stop()
	if m.isDead() {
		stop = h.start(parts{})
		h.awaitFinal(id)
		h.awaitIdle()
		stop()
	}
	s := h.state(id)
	if !slices.Contains(outcomes, s.Status) {
		t.Errorf("killed %s: the payment is %s, want %v", m.at, s.Status, outcomes)
	}
	h.checkPayment(t, m.at, id)
}

func (h *house) open() int64 { return h.count("SELECT count(*) FROM process.payments") }

// checkPayment: one request, one outcome, one hold that ended once, as the outcome says.
func (h *house) checkPayment(t *testing.T, at cut, id uuid.UUID) {
	t.Helper()
	_, types := h.stream(id)
	counts := map[string]int{}
	for _, typ := range types {
		counts[typ]++
	}
	outcomes := counts[payment.TypeSettled] + counts[payment.TypeRejected] + counts[payment.TypeTimedOut] + counts[payment.TypeCancelled]
	if counts[payment.TypeRequested] != 1 || counts[payment.TypeSubmitted] > 1 || counts[payment.TypeMarkedStuck] > 1 || outcomes != 1 {
		t.Errorf("killed %s: the payment's events are %v", at, types)
	}
	events, _ := h.stream(h.account)
	var about []string
	for _, e := range events {
		switch e := e.(type) {
		case account.HoldPlaced:
			if e.PaymentID == id {
				about = append(about, "placed")
			}
		case account.HoldCaptured:
			if e.PaymentID == id {
				about = append(about, "captured")
			}
		case account.HoldReleased:
			if e.PaymentID == id {
				about = append(about, "released")
			}
		}
	}
	want := []string{"placed", "released"}
	if counts[payment.TypeSettled] == 1 {
		want[1] = "captured"
	}
	if !slices.Equal(about, want) {
		t.Errorf("killed %s: the hold was %v, want %v", at, about, want)
	}
}

// The same for holds that expire: killed at every step, each expires once.
func TestKilledWhileHoldsExpire(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	whole := newMortal(cut{})
	h.expires(t, whole)
	cuts := whole.cuts()
	for _, what := range []string{"command bank.OnAccount", "holdsAsked", "advance"} {
		if !slices.ContainsFunc(cuts, func(c cut) bool { return c.what == what }) {
			t.Errorf("%q is not among the things that were done: %v", what, cuts)
		}
	}
	for _, at := range cuts {
		h.expires(t, newMortal(at))
	}
	events, _ := h.stream(h.account)
	counts := map[string]int{}
	for _, e := range events {
		counts[fmt.Sprintf("%T", e)]++
	}
	if n := len(cuts) + 1; counts["account.HoldPlaced"] != n || counts["account.HoldExpired"] != n {
		t.Errorf("%d runs: %v", n, counts)
	}
}

// expires has a hold expire under a process that may die, and else has come to its end: that the hold has expired is noted last.
func (h *house) expires(t *testing.T, m *mortal) {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	h.must(bank.OnAccount{AccountID: h.account, Command: account.PlaceHold{HoldID: id, Money: euros(10), ExpiresAt: time.Now().Add(200 * time.Millisecond)}})
	stop := h.start(m.parts(h))
	gone := func() bool {
		events, _ := h.stream(h.account)
		last, is := events[len(events)-1].(account.HoldExpired)
		return is && last.HoldID == id && h.count("SELECT count(*) FROM process.holds") == 0
	}
	h.await("death or an expiry", func() bool { return m.isDead() || gone() && h.noted() && m.did("holdsAsked") })
	stop()
	if m.isDead() {
		stop = h.start(parts{})
		h.await("the expiry", gone)
		stop()
	}
}

// noted tells whether the process has followed the log to its end.
func (h *house) noted() bool {
	return h.count("SELECT count(*) FROM process.checkpoint, log_head WHERE checkpoint.position >= log_head.position") == 1
}
