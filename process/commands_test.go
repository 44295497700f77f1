package process_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"passbook/command"
	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/internal/clearing"
)

// reluctant is a bank that does something else with the first commands of each kind.
type reluctant struct {
	next    *command.Processor
	instead func(ctx context.Context, r command.Request, next *command.Processor) (command.Answer, error)

	mu   sync.Mutex
	left map[string]int
	keys map[string]map[string]bool // by kind
}

func (b *reluctant) Execute(ctx context.Context, r command.Request) (command.Answer, error) {
	kind := fmt.Sprintf("%T", r.Command.(bank.OnPayment).Command)
	b.mu.Lock()
	if b.keys[kind] == nil {
		b.keys[kind], b.left[kind] = map[string]bool{}, 3
	}
	b.keys[kind][r.Key] = true
	b.left[kind]--
	willing := b.left[kind] < 0
	b.mu.Unlock()
	if willing {
		return b.next.Execute(ctx, r)
	}
	return b.instead(ctx, r, b.next)
}

// Commands that are refused, not taken, or carried out without an answer: each is given again, under another key, until it is done.
func TestCommandsThatFail(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]func(context.Context, command.Request, *command.Processor) (command.Answer, error){
		"refused": func(context.Context, command.Request, *command.Processor) (command.Answer, error) {
			return command.Answer{Status: 422, Body: []byte(`{"code":"payment_not_due"}`)}, nil
		},
		"overloaded": func(context.Context, command.Request, *command.Processor) (command.Answer, error) {
			return command.Answer{}, command.ErrOverloaded
		},
		"unknown": func(ctx context.Context, r command.Request, next *command.Processor) (command.Answer, error) {
			_, _ = next.Execute(ctx, r) // done, and nobody is told
			return command.Answer{}, command.ErrUnavailable
		},
	} {
		for what, plan := range map[string]clearing.Behaviour{
			"payment.Settle": {}, "payment.Reject": {Reject: "AC04"}, "payment.TimeOut": {Silence: clearing.Forever},
		} {
			t.Run(what+" "+name, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, behave(plan))
				b := &reluctant{next: h.processor, instead: instead, left: map[string]int{}, keys: map[string]map[string]bool{}}
				stop := h.start(parts{bank: b})
				within := time.Minute
				if what == "payment.TimeOut" {
					within = 60 * time.Millisecond
				}
				h.awaitFinal(h.pay("invoice", within))
				h.awaitIdle()
				stop()
				h.checkAccount()
				b.mu.Lock()
				defer b.mu.Unlock()
				if name != "unknown" && len(b.keys[what]) < 4 { // where it was done nothing is left to be asked for
					t.Errorf("%s was given under %d keys", what, len(b.keys[what]))
				}
			})
		}
	}
}

// A command that goes through says so once: the process does not give it again.
func TestCommandsThatSucceedAreGivenOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{Delay: 20 * time.Millisecond}))
	h.mute = true
	b := &counting{next: h.processor, given: map[string]int{}}
	stop := h.start(parts{bank: b})
	id := h.pay("invoice", time.Minute)
	if s := h.awaitFinal(id); s.Status != payment.StatusSettled {
		t.Errorf("it is %s", s.Status)
	}
	h.awaitIdle()
	stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for what, n := range b.given {
		if n != 1 {
			t.Errorf("%s was given %d times", what, n)
		}
	}
	if len(b.given) != 2 {
		t.Errorf("given were %v, want a submission and a settlement", b.given)
	}
}

type counting struct {
	next  *command.Processor
	mu    sync.Mutex
	given map[string]int
}

func (c *counting) Execute(ctx context.Context, r command.Request) (command.Answer, error) {
	c.mu.Lock()
	c.given[fmt.Sprintf("%T", r.Command.(bank.OnPayment).Command)]++
	c.mu.Unlock()
	return c.next.Execute(ctx, r)
}
