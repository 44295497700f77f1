package payment

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/google/uuid"
)

// Policy is how patient the process is.
type Policy struct {
	StatusAfter  time.Duration // from the gateway's taking a payment to the first question for its status
	StatusEvery  time.Duration // between such questions while the gateway says that it has the payment
	BackoffFirst time.Duration // after the first attempt in vain; twice as long after each further one
	BackoffMax   time.Duration
	StuckAfter   int           // attempts in vain, one after another, that make a payment stuck; 0: none do
	Grace        time.Duration // from the deadline to the time-out, for an answer that is under way
}

// Progress is what the process knows of its own work on a payment, beside what the log says. When it is lost, the work begins
// anew, which is harmless: everything that is done for a payment can be done again.
type Progress struct {
	NotBefore time.Time `json:"not_before,omitzero"` // of the next contact with the gateway
	LastAt    time.Time `json:"last_at,omitzero"`    // of the last contact, in vain or not
	Attempts  int       `json:"attempts,omitempty"`  // contacts in vain since the last that was not
	Lost      bool      `json:"lost,omitempty"`      // the gateway does not know the payment, though it had taken it
	Failures  int       `json:"failures,omitempty"`  // of commands, one after another
	HoldOff   time.Time `json:"hold_off,omitzero"`   // after a command that failed: nothing is done before
}

// Observe takes an event of the payment into account that was recorded at a time.
func (p Progress) Observe(e Event, at time.Time, policy Policy) Progress {
	p.Failures, p.HoldOff = 0, time.Time{}
	switch e.(type) {
	case Requested, Pushed:
		return Progress{NotBefore: at, LastAt: p.LastAt}
	case Submitted:
		return Progress{NotBefore: at.Add(policy.StatusAfter), LastAt: p.LastAt}
	}
	return p
}

// Failed is the progress after a contact in vain: the gateway could not be reached, did not answer in time, or not in words that make sense.
func (p Progress) Failed(id uuid.UUID, now time.Time, policy Policy) Progress {
	p.Attempts++
	p.LastAt, p.NotBefore = now, now.Add(policy.backoff(id, p.Attempts))
	return p
}

// Heard is the progress after an answer of the gateway.
func (p Progress) Heard(a Answer, now time.Time, policy Policy) Progress {
	p.LastAt, p.Attempts, p.Lost = now, 0, a.Kind == AnswerUnknown
	p.NotBefore = now.Add(policy.StatusEvery)
	if p.Lost {
		p.NotBefore = now
	}
	return p
}

// Baulked is the progress after a command for the payment that was not carried out. Commands are independent of contacts with the gateway: one that
// fails holds up everything.
func (p Progress) Baulked(id uuid.UUID, now time.Time, policy Policy) Progress {
	p.Failures++
	p.HoldOff = now.Add(policy.backoff(id, p.Failures))
	return p
}

// Commanded is the progress after a command for the payment that was carried out. What came of it shows in the log; until it does,
// the next step waits a little.
func (p Progress) Commanded(now time.Time, policy Policy) Progress {
	p.HoldOff = now.Add(policy.BackoffFirst)
	return p
}

// backoff doubles with the number of attempts in vain. A quarter of it, up or down, is spread by payment and attempt, so that
// payments that failed together are not tried together.
func (policy Policy) backoff(id uuid.UUID, attempts int) time.Duration {
	wait := policy.BackoffFirst
	for i := 1; i < attempts && wait < policy.BackoffMax; i++ {
		wait *= 2
	}
	wait = min(wait, policy.BackoffMax)
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint64(id[:], uint64(attempts))) //nolint:gosec // a hash takes everything
	spread := int64(wait) / 2
	if spread <= 0 {
		return wait
	}
	return wait - time.Duration(spread/2) + time.Duration(int64(h.Sum64()>>1)%spread)
}

// Action is what the process does for a payment.
type Action string

// The actions of the process.
const (
	DoNothing   Action = ""           // the payment is final
	DoSubmit    Action = "submit"     // give it to the gateway
	DoAskStatus Action = "ask_status" // ask the gateway what became of it
	DoMarkStuck Action = "mark_stuck" // command MarkStuck
	DoTimeOut   Action = "time_out"   // command TimeOut
)

// Step is what is to be done next, and when. A time that has passed means now.
type Step struct {
	Do Action
	At time.Time
}

// Next is what the process does next for a payment, as things stand now.
//
// A payment is submitted until the gateway has taken it, then asked after, both again and again, with longer and longer breaks
// while it is in vain. Nothing is submitted from the deadline on: then the gateway is asked at least once more, since an answer
// may have been lost, and the payment times out when the grace is over.
func Next(s State, p Progress, policy Policy, now time.Time) Step {
	if s.Status == StatusNone || s.Final() {
		return Step{}
	}
	step := contact(s, p, now)
	end := s.Deadline.Add(policy.Grace)
	switch asked := !p.LastAt.Before(s.Deadline); {
	case asked && (p.Lost || !later(step.At, now).Before(end)):
		step = Step{DoTimeOut, end}
	case !asked && policy.StuckAfter > 0 && p.Attempts >= policy.StuckAfter && !s.Stuck:
		step.Do = DoMarkStuck // and then the contact, which is due at the same time
	}
	step.At = later(step.At, p.HoldOff)
	return step
}

// contact is the next contact with the gateway; one is due at the deadline.
func contact(s State, p Progress, now time.Time) Step {
	at := p.NotBefore
	if at.After(s.Deadline) && p.LastAt.Before(s.Deadline) {
		at = s.Deadline
	}
	if !later(at, now).Before(s.Deadline) || s.Status == StatusSubmitted && !p.Lost {
		return Step{DoAskStatus, at}
	}
	return Step{DoSubmit, at}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// commandNames is the name space of the ids that the process gives its commands. It never changes.
var commandNames = uuid.MustParse("6f2d1f0c-98ac-5d0e-9a52-0f6f2f8a7c11")

// CommandID names a command that the process gives for a payment at a version. It is the same for the same command in the same
// attempt, so that whatever is repeated after a crash is known to be a repetition. It is another one as soon as the payment has
// changed, when the same command is no repetition, and for the next attempt, so that a refusal that is kept under it does not
// stand for ever. It panics on a command outside the set, nil included.
func CommandID(id uuid.UUID, version int64, c Command, attempt int) uuid.UUID {
	return uuid.NewSHA1(commandNames, fmt.Appendf(nil, "%s %d %d %s", id, version, attempt, name(c)))
}

// name tells commands of one payment apart. It ends up in keys that are stored for ever: it never changes.
func name(c Command) string {
	switch c := c.(type) {
	case Request:
		return "request"
	case Submit:
		return fmt.Sprintf("submit %q", c.GatewayReference)
	case Settle:
		return fmt.Sprintf("settle %q", c.GatewayReference)
	case Reject:
		return fmt.Sprintf("reject %q %q", c.Code, c.Reason)
	case TimeOut:
		return "time out"
	case Cancel:
		return fmt.Sprintf("cancel %q %q", c.By, c.Reason)
	case Push:
		return fmt.Sprintf("push %q %q", c.By, c.Reason)
	case MarkStuck:
		return fmt.Sprintf("mark stuck %q", c.Reason)
	}
	panic(fmt.Sprintf("payment: no name for command %T", c))
}
