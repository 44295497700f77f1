package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/process"
)

var errOff = errors.New("the line is down")

// switchable is a gateway that can be switched off.
type switchable struct {
	process.Gateway
	off atomic.Bool
}

func (g *switchable) Submit(ctx context.Context, in payment.Instruction) (payment.Answer, error) {
	if g.off.Load() {
		return payment.Answer{}, errOff
	}
	return g.Gateway.Submit(ctx, in)
}

func (g *switchable) Status(ctx context.Context, id uuid.UUID) (payment.Answer, error) {
	if g.off.Load() {
		return payment.Answer{}, errOff
	}
	return g.Gateway.Status(ctx, id)
}

var errDead = errors.New("this process is dead")

// mortal is a process that dies at a point: before or after one of the things it does to the world. From then on nothing that it
// tries has an effect, and what it did last is not known to it.
type mortal struct {
	mu    sync.Mutex
	at    cut // where it dies; the zero value is nowhere
	seen  map[string]int
	trace []cut
	dead  chan struct{}
}

// cut is a point in the life of a process.
type cut struct {
	what  string
	nth   int // time that it does this
	after bool
}

func (c cut) String() string {
	when := "before"
	if c.after {
		when = "after"
	}
	return fmt.Sprintf("%s %s %d", when, c.what, c.nth)
}

func newMortal(at cut) *mortal {
	return &mortal{at: at, seen: map[string]int{}, dead: make(chan struct{})}
}

// pass counts what is about to be done and tells whether the process is dead, by now or already.
func (m *mortal) pass(what string) (after func() error, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isDead() {
		return nil, errDead
	}
	m.seen[what]++
	here := cut{what: what, nth: m.seen[what]}
	m.trace = append(m.trace, here)
	if here == m.at {
		close(m.dead)
		return nil, errDead
	}
	here.after = true
	return func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.trace = append(m.trace, here)
		if here == m.at && !m.isDead() {
			close(m.dead)
		}
		if m.isDead() {
			return errDead
		}
		return nil
	}, nil
}

// did tells whether this was done at least once.
func (m *mortal) did(what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.trace, cut{what, 1, true})
}

func (m *mortal) isDead() bool {
	select {
	case <-m.dead:
		return true
	default:
		return false
	}
}

func do[T any](m *mortal, what string, f func() (T, error)) (T, error) {
	var none T
	after, err := m.pass(what)
	if err != nil {
		return none, err
	}
	v, err := f()
	if err2 := after(); err2 != nil {
		return none, err2
	}
	return v, err
}

func doOnly(m *mortal, what string, f func() error) error {
	_, err := do(m, what, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// parts are those of a process that dies with m.
func (m *mortal) parts(h *house) parts {
	return parts{
		gateway: mortalGateway{m, h.clearing}, bank: mortalBank{m, h.processor},
		rows: func(what string, f func() error) error { return doOnly(m, what, f) },
	}
}

type mortalGateway struct {
	m    *mortal
	next process.Gateway
}

func (g mortalGateway) Submit(ctx context.Context, in payment.Instruction) (payment.Answer, error) {
	return do(g.m, "submit", func() (payment.Answer, error) { return g.next.Submit(ctx, in) })
}

func (g mortalGateway) Status(ctx context.Context, id uuid.UUID) (payment.Answer, error) {
	return do(g.m, "ask for the status", func() (payment.Answer, error) { return g.next.Status(ctx, id) })
}

type mortalBank struct {
	m    *mortal
	next process.Executor
}

func (b mortalBank) Execute(ctx context.Context, r command.Request) (command.Answer, error) {
	what := fmt.Sprintf("command %T", r.Command)
	if on, ok := r.Command.(bank.OnPayment); ok {
		what = fmt.Sprintf("command %T", on.Command)
	}
	return do(b.m, what, func() (command.Answer, error) { return b.next.Execute(ctx, r) })
}
