// Package clearing is a clearing house for laptops, demonstrations and tests. It takes payments, settles or rejects them, and
// can do everything wrong that a real one can: be slow, silent or late, say things twice, and contradict itself.
//
// It keeps to what a bank may expect of a gateway, unless its plan for a payment says otherwise: a payment is known by its id
// and taken once, however often it is submitted; it is not settled after the time that its instruction names; its outcome is
// delivered until the bank has confirmed it, or told when it is asked for. It remembers payments as long as it lives.
package clearing

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"passbook/domain/payment"
)

// Behaviour is what the house does with a payment.
type Behaviour struct {
	Delay           time.Duration // from taking it to its outcome; 0: the answer to the submission is the outcome
	Reject          string        // with this code; empty: it settles
	Silence         time.Duration // for so long after taking it, nothing is answered and nothing delivered
	Copies          int           // further deliveries of the outcome
	Contradicts     bool          // afterwards it says the opposite, too
	IgnoresDeadline bool          // it settles after the time that the instruction names
	Forgets         bool          // it takes it, and then knows nothing of it until it is submitted again
}

// Forever is a silence that does not end.
const Forever = 100 * 365 * 24 * time.Hour

// Plan tells what to do with a payment.
type Plan func(payment.Instruction) Behaviour

// Deliver brings an answer to the bank. Only nil means that the bank has it.
type Deliver func(ctx context.Context, a payment.Answer) error

var (
	// ErrSilent means that the house does not answer.
	ErrSilent = errors.New("the clearing house is silent")
	// ErrFull means that the house remembers as many payments as it can.
	ErrFull = errors.New("the clearing house is full")
)

// Limits of the house.
const (
	casesMax       = 1_000_000 // payments remembered
	deliveriesMax  = 64        // under way
	triesMax       = 5         // of one delivery; then it waits to be asked
	deliveryMax    = 5 * time.Second
	deliverAgain   = time.Second
	codeExpired    = "expired"
	reasonExpired  = "not settled in time"
	reasonRejected = "rejected by the clearing house"
)

// House is a clearing house. Submit and Status answer also while Run does not run, but then nothing else happens.
type House struct {
	plan Plan
	log  *slog.Logger

	mu    sync.Mutex
	cases map[uuid.UUID]*dossier
	tasks tasks
	wake  chan struct{}
}

// dossier is what the house knows of a payment.
type dossier struct {
	instruction payment.Instruction
	behaviour   Behaviour
	reference   string
	takenAt     time.Time
	outcome     *payment.Answer
	forgotten   bool
}

// New makes a house.
func New(plan Plan, log *slog.Logger) *House {
	return &House{plan: plan, log: log.With("part", "clearing"), cases: map[uuid.UUID]*dossier{}, wake: make(chan struct{}, 1)}
}

// Submit takes a payment, or says again what became of it.
func (h *House) Submit(_ context.Context, in payment.Instruction) (payment.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, known := h.cases[in.PaymentID]
	if !known {
		if len(h.cases) >= casesMax {
			return payment.Answer{}, ErrFull
		}
		return h.take(in).answer() //nolint:contextcheck // deliveries run in the context of Run
	}
	d.forgotten = false
	return d.answer()
}

// Status says what became of a payment.
func (h *House) Status(_ context.Context, id uuid.UUID) (payment.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, known := h.cases[id]
	if !known || d.forgotten {
		return payment.Answer{PaymentID: id, Kind: payment.AnswerUnknown}, nil
	}
	return d.answer()
}

// Outcomes counts the payments that have one: those settled and those rejected. It is for tests and reports.
func (h *House) Outcomes() (settled, rejected int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.cases {
		switch {
		case d.outcome == nil:
		case d.outcome.Kind == payment.AnswerSettled:
			settled++
		default:
			rejected++
		}
	}
	return settled, rejected
}

// take opens a dossier. The lock is held.
func (h *House) take(in payment.Instruction) *dossier {
	d := &dossier{instruction: in, behaviour: h.plan(in), takenAt: time.Now(), reference: fmt.Sprintf("CH-%06d", len(h.cases)+1)}
	d.forgotten = d.behaviour.Forgets
	h.cases[in.PaymentID] = d
	if d.behaviour.Delay <= 0 {
		h.decide(d)
	} else {
		h.later(d.takenAt.Add(d.behaviour.Delay), func(*courier) { h.decide(d) })
	}
	return d
}

// answer is what the house says of the payment now. The lock is held.
func (d *dossier) answer() (payment.Answer, error) {
	switch {
	case time.Since(d.takenAt) < d.behaviour.Silence:
		return payment.Answer{}, ErrSilent
	case d.outcome != nil:
		return *d.outcome, nil
	}
	return payment.Answer{PaymentID: d.instruction.PaymentID, Kind: payment.AnswerAccepted, GatewayReference: d.reference}, nil
}

// decide gives the payment its outcome, and plans what is said of it. The lock is held.
func (h *House) decide(d *dossier) {
	now := time.Now()
	outcome := d.settled()
	switch {
	case d.behaviour.Reject != "":
		outcome = d.rejected(d.behaviour.Reject, reasonRejected)
	case !now.Before(d.instruction.SettleBefore) && !d.behaviour.IgnoresDeadline:
		outcome = d.rejected(codeExpired, reasonExpired)
	}
	d.outcome = &outcome
	said := d.behaviour.Copies
	if d.behaviour.Delay > 0 || d.behaviour.Silence > 0 { // else the submission is answered with it
		said++
	}
	at := d.takenAt.Add(d.behaviour.Silence)
	for range said {
		h.say(at, outcome, 1)
	}
	if d.behaviour.Contradicts {
		opposite := d.settled()
		if outcome.Kind == payment.AnswerSettled {
			opposite = d.rejected("contradiction", reasonRejected)
		}
		h.say(at.Add(2*d.behaviour.Delay), opposite, 1)
	}
}

func (d *dossier) settled() payment.Answer {
	return payment.Answer{PaymentID: d.instruction.PaymentID, Kind: payment.AnswerSettled, GatewayReference: d.reference}
}

func (d *dossier) rejected(code, reason string) payment.Answer {
	return payment.Answer{PaymentID: d.instruction.PaymentID, Kind: payment.AnswerRejected, Code: code, Reason: reason}
}

// say plans a delivery. The lock is held.
func (h *House) say(at time.Time, a payment.Answer, try int) {
	h.later(at, func(c *courier) {
		c.bring(a, func(err error) {
			h.log.Debug("an answer was not taken", "payment_id", a.PaymentID, "try", try, slog.Any("error", err))
			if try < triesMax {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.say(time.Now().Add(deliverAgain), a, try+1)
			}
		})
	})
}

// courier brings answers while the house runs.
type courier struct {
	ctx     context.Context
	deliver Deliver
	slots   chan struct{}
	group   errgroup.Group
}

// bring is called with the lock held; failed is not.
func (c *courier) bring(a payment.Answer, failed func(error)) {
	c.group.Go(func() error {
		c.slots <- struct{}{}
		defer func() { <-c.slots }()
		ctx, cancel := context.WithTimeout(c.ctx, deliveryMax)
		defer cancel()
		if err := c.deliver(ctx, a); err != nil && c.ctx.Err() == nil {
			failed(err)
		}
		return nil
	})
}

// Run decides payments when their time has come, and delivers the outcomes, until ctx is done.
func (h *House) Run(ctx context.Context, deliver Deliver) error {
	c := &courier{ctx: ctx, deliver: deliver, slots: make(chan struct{}, deliveriesMax)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return c.group.Wait()
		case <-timer.C:
		case <-h.wake:
		}
		timer.Reset(h.work(c))
	}
}

// work does what is due and returns how long there is nothing more.
func (h *House) work(c *courier) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.tasks) > 0 {
		if wait := time.Until(h.tasks[0].at); wait > 0 {
			return wait
		}
		heap.Pop(&h.tasks).(task).do(c)
	}
	return time.Hour
}

// later plans something. The lock is held.
func (h *House) later(at time.Time, do func(*courier)) {
	heap.Push(&h.tasks, task{at, do})
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// task is something to be done at a time, with the lock held.
type task struct {
	at time.Time
	do func(*courier)
}

// tasks is a heap: the next one is the first.
type tasks []task

func (t tasks) Len() int           { return len(t) }
func (t tasks) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t tasks) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *tasks) Push(x any) { *t = append(*t, x.(task)) }

// Pop implements heap.Interface.
func (t *tasks) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = task{}
	*t = (*t)[:last]
	return x
}
