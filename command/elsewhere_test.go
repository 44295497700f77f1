package command_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
)

// there is an instance elsewhere that takes what it is sent and does nothing by itself.
type there struct {
	sent    chan []*command.Outbound
	changed chan struct{}

	mu     sync.Mutex
	place  command.Place
	most   int
	enough int
}

func newThere() *there {
	return &there{sent: make(chan []*command.Outbound, 100), changed: make(chan struct{}, 1), place: command.There, most: 1000, enough: 1}
}

func (e *there) Room() (place command.Place, most, enough int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.place, e.most, e.enough
}

func (e *there) set(place command.Place, most, enough int) {
	e.mu.Lock()
	e.place, e.most, e.enough = place, most, enough
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

func (e *there) Changed() <-chan struct{} { return e.changed }

func (e *there) Send(commands []*command.Outbound) { e.sent <- commands }

// answers collects what is said to another instance.
type answers struct {
	mu      sync.Mutex
	said    map[uint64]string
	unsent  bool
	flushed chan struct{}
}

func newAnswers() *answers {
	return &answers{said: map[uint64]string{}, flushed: make(chan struct{}, 100)}
}

func (a *answers) Answer(id uint64, answer command.Answer, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said[id] += fmt.Sprint(answer.Status, " ", err)
	a.unsent = true
}

func (a *answers) Flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsent = false
	a.flushed <- struct{}{}
}

// startElsewhere is start for an instance that has another one to turn to.
func startElsewhere(t *testing.T, store command.Log, e command.Elsewhere) (b house, wait func()) {
	t.Helper()
	registry := prometheus.NewRegistry()
	p, err := command.New(store, command.Config{}, render, nil, slog.New(slog.DiscardHandler), registry)
	if err != nil {
		t.Fatal(err)
	}
	p.DecideElsewhere(e)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	wait = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(wait)
	return house{Processor: p, stop: func() error { cancel(); return nil }, registry: registry}, wait
}

func begin(ctx context.Context, b house, r command.Request) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := b.Execute(ctx, r)
		done <- err
	}()
	return done
}

// What came from another instance is decided here, although this instance sends its own commands on.
func TestNothingIsSentOnTwice(t *testing.T) {
	t.Parallel()
	e, from := newThere(), newAnswers()
	b, _ := startElsewhere(t, newDatabase(t), e)
	id := uuid.New()
	pay := request(id, "pay", deposit(1))
	var commands []command.Inbound
	for n, c := range []command.Request{request(id, "open", open(id, 0)), pay, pay} {
		commands = append(commands, command.Inbound{ID: uint64(n), Request: c, Metadata: []byte("{}")})
	}
	b.Accept(commands, from)
	own := begin(t.Context(), b, request(id, "own", deposit(1)))
	if sent := <-e.sent; len(sent) != 1 || sent[0].Request().Key != "own" {
		t.Errorf("%d commands were sent, the first %q", len(sent), sent[0].Request().Key)
	} else {
		b.Answered([]command.Result{{Command: sent[0], Answer: command.Answer{Status: 201}}})
	}
	if err := <-own; err != nil {
		t.Error(err)
	}
	for said := 0; said < len(commands); {
		<-from.flushed
		from.mu.Lock()
		said = len(from.said)
		from.mu.Unlock()
	}
	for id, want := range map[uint64]string{0: "201 <nil>", 1: "201 <nil>", 2: "0 " + command.ErrKeyInProgress.Error()} {
		if from.said[id] != want || from.unsent {
			t.Errorf("command %d was answered %q, want %q; not flushed: %v", id, from.said[id], want, from.unsent)
		}
	}
}

// A caller who has left before there was room leaves nothing behind, here or there.
func TestACallerThatLeftIsNotSentOn(t *testing.T) {
	t.Parallel()
	e := newThere()
	e.most = 0
	b, _ := startElsewhere(t, newDatabase(t), e)
	gone, cancel := context.WithCancel(t.Context())
	left := begin(gone, b, request(uuid.New(), "gone", deposit(1)))
	stays := begin(t.Context(), b, request(uuid.New(), "stays", deposit(1)))
	b.awaitQueued(t, 2)
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	e.set(command.There, 10, 1)
	if sent := <-e.sent; len(sent) != 1 || sent[0].Request().Key != "stays" {
		t.Errorf("%d commands were sent", len(sent))
	} else {
		b.Answered([]command.Result{{Command: sent[0], Err: command.ErrOverloaded}})
	}
	if err := <-stays; !errors.Is(err, command.ErrOverloaded) {
		t.Error(err)
	}
}

// A stop waits for what is elsewhere, and decides what comes back and what still waits to be sent.
func TestAStopWaitsForWhatIsElsewhere(t *testing.T) {
	t.Parallel()
	e := newThere()
	b, wait := startElsewhere(t, newDatabase(t), e)
	id := uuid.New()
	opened := begin(t.Context(), b, request(id, "open", open(id, 0)))
	lost := <-e.sent
	e.set(command.There, 10, 3)
	waits := begin(t.Context(), b, request(uuid.New(), "waits for more", deposit(1)))
	b.awaitQueued(t, 1)
	_ = b.stop()
	if err := <-waits; err != nil {
		t.Errorf("what waited to be sent: %v", err)
	}
	b.TakeBack(lost, command.Silent)
	if err := <-opened; err != nil {
		t.Errorf("what came back: %v", err)
	}
	wait()
	if _, err := b.Execute(t.Context(), request(id, "late", deposit(1))); !errors.Is(err, command.ErrStopping) {
		t.Errorf("after the stop: %v", err)
	}
}

// Of a command that may still be decided elsewhere, only what binds the other instance may be said.
func TestWhatComesBackUncertain(t *testing.T) {
	t.Parallel()
	for cause, want := range map[command.Cause]error{command.Silent: command.ErrUnavailable, command.Gone: command.ErrUnavailable, command.Lost: command.ErrUnavailable, command.Refused: nil, command.Unsent: nil} {
		t.Run(string(cause), func(t *testing.T) {
			t.Parallel()
			e := newThere()
			b, _ := startElsewhere(t, newDatabase(t), e)
			id := uuid.New()
			nobody := begin(t.Context(), b, request(id, "nobody", deposit(1))) // 404, which is not stored
			b.TakeBack(<-e.sent, cause)
			if err := <-nobody; !errors.Is(err, want) {
				t.Errorf("an answer that is not stored: %v, want %v", err, want)
			}
			opened := begin(t.Context(), b, request(id, "open", open(id, 0)))
			b.TakeBack(<-e.sent, cause)
			if err := <-opened; err != nil {
				t.Errorf("an answer that is stored: %v", err)
			}
			refused := begin(t.Context(), b, request(id, "refused", withdraw(1)))
			b.TakeBack(<-e.sent, cause)
			if err := <-refused; err != nil {
				t.Errorf("a refusal that is stored: %v", err)
			}
			again := begin(t.Context(), b, request(id, "open", open(id, 5)))
			b.TakeBack(<-e.sent, cause)
			if err := <-again; !errors.Is(err, command.ErrKeyReused) {
				t.Errorf("a key that stands for something else: %v", err)
			}
		})
	}
}
