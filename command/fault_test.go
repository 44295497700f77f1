package command_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
)

func TestUnknownOutcomeIsFoundOut(t *testing.T) {
	t.Parallel()
	for name, committed := range map[string]bool{"it was committed": true, "it was not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &hooks{Store: newDatabase(t)}
			b, id := start(t, store, command.Config{}), uuid.New()
			execute(t, b, request(id, "open", open(id, 0)))
			var once sync.Once
			store.appendAt = func(next func() error) (err error) {
				unknown := false
				once.Do(func() { unknown = true })
				if unknown && !committed {
					return eventstore.ErrOutcomeUnknown
				}
				if err = next(); unknown {
					return errors.Join(eventstore.ErrOutcomeUnknown, err)
				}
				return err
			}
			expect(t, execute(t, b, request(id, "pay", deposit(100))), 201, "balance 100 version 2 position 2")
			if got := fold(t, store.Store, id); got.Balance != 100 || got.Version != 2 {
				t.Errorf("the log says %d at version %d", got.Balance, got.Version)
			}
			expect(t, execute(t, b, request(id, "more", deposit(1))), 201, "balance 101 version 3 position 3")
		})
	}
}

func TestCallerThatLeft(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	store := &hooks{Store: newDatabase(t)}
	b, id := start(t, store, command.Config{BatchMax: 1}), uuid.New()
	execute(t, b, request(id, "open", open(id, 0)))
	var once sync.Once
	store.appendAt = func(next func() error) error {
		once.Do(func() {
			close(entered)
			<-leave
		})
		return next()
	}
	gone, cancel := context.WithCancel(t.Context())
	left := make(chan error, 4)
	send := func(r command.Request) {
		_, err := b.Execute(gone, r)
		left <- err
	}
	inBatch := request(id, "in flight", deposit(10))
	go send(inBatch)
	<-entered
	go send(request(id, "sent behind it", deposit(100)))
	b.awaitTaken(t, 3)
	go send(request(id, "decided behind both", deposit(1000)))
	b.awaitTaken(t, 4)
	go send(request(id, "in the queue", deposit(10_000)))
	b.awaitQueued(t, 1)
	cancel()
	for range 4 {
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that left got %v", err)
		}
	}
	close(leave)
	expect(t, execute(t, b, request(id, "next", deposit(1))), 201, "balance 1111 version 5 position 5")
	if replayed := execute(t, b, inBatch); !replayed.Replayed {
		t.Error("the command in the batch has no answer")
	}
}

// One command that Postgres refuses takes nobody with it.
func TestPoisonCommandFailsAlone(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	poisonous := func(r command.Request, o command.Outcome) (int, []byte) {
		if r.Key == "poison" {
			return 201, []byte("text cannot hold \x00")
		}
		return render(r, o)
	}
	p, err := command.New(store, command.Config{}, poisonous, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	var all sync.WaitGroup
	var poisoned atomic.Int32
	for i := range 20 {
		all.Go(func() {
			own := uuid.New()
			r := request(own, fmt.Sprint(i), open(own, 0))
			if i == 7 {
				r = request(id, "poison", open(id, 0))
			}
			if _, err := p.Execute(t.Context(), r); err != nil {
				poisoned.Add(1)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	all.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if poisoned.Load() != 1 {
		t.Errorf("%d commands failed, want 1", poisoned.Load())
	}
	if head, err := store.Head(t.Context()); err != nil || head.Position != 19 {
		t.Errorf("the log has %d events, %v; want 19", head.Position, err)
	}
}

// An account whose history was written by newer code fails alone, and loudly.
func TestUnreadableAccountFailsAlone(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b, id, other := start(t, store, command.Config{}), uuid.New(), uuid.New()
	verdicts, err := store.Append(t.Context(), []eventstore.Entry{{Appends: []eventstore.Append{{
		StreamType: account.StreamType, StreamID: id,
		Events: []eventstore.NewEvent{{ID: uuid.New(), Type: "account.opened", Schema: 99, Data: []byte(`{}`)}},
	}}}})
	if err != nil || verdicts[0].Err != nil {
		t.Fatal(err, verdicts)
	}
	if _, err := b.Execute(t.Context(), request(id, "a", deposit(1))); !errors.Is(err, eventstore.ErrUnknownShape) {
		t.Errorf("got %v", err)
	}
	expect(t, execute(t, b, request(other, "b", open(other, 0))), 201, "balance 0 version 1 position 2")
}

// Two batches are on their way and one is decided behind them when the first fails: all are decided again, in their order, and each
// has its effect once.
func TestBatchesBehindOneThatFailed(t *testing.T) {
	t.Parallel()
	for name, committed := range map[string]bool{"it was committed": true, "it was not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, leave := make(chan struct{}), make(chan struct{})
			store := &hooks{Store: newDatabase(t)}
			b, id := start(t, store, command.Config{BatchMax: 1}), uuid.New()
			execute(t, b, request(id, "open", open(id, 0)))
			first := true
			store.appendAt = func(next func() error) error {
				if !first {
					return next()
				}
				first = false
				close(entered)
				<-leave
				if committed {
					return errors.Join(eventstore.ErrOutcomeUnknown, next())
				}
				return eventstore.ErrOutcomeUnknown
			}
			var all sync.WaitGroup
			for i, amount := range []money.Amount{1, 10, 100, 1000} {
				all.Go(func() {
					if answer, err := b.Execute(t.Context(), request(id, fmt.Sprint(amount), deposit(amount))); err != nil || answer.Status != 201 {
						t.Errorf("deposit of %d: %+v, %v", amount, answer, err)
					}
				})
				if i == 0 {
					<-entered
				}
				b.awaitTaken(t, float64(min(i+2, 4))) // the last one waits: there is no room for it
			}
			close(leave)
			all.Wait()
			if got := fold(t, store.Store, id); got.Balance != 1111 || got.Version != 5 {
				t.Errorf("the log says %d at version %d", got.Balance, got.Version)
			}
			expect(t, execute(t, b, request(id, "more", deposit(1))), 201, "balance 1112 version 6 position 6")
		})
	}
}
