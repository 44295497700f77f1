package command_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
)

func TestCommandsAreDecidedAndStored(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b, id := start(t, store, command.Config{}), uuid.New()
	expect(t, execute(t, b, request(id, "1", open(id, 0))), 201, "balance 0 version 1 position 1")
	expect(t, execute(t, b, request(id, "2", deposit(500))), 201, "balance 500 version 2 position 2")
	answer := execute(t, b, request(id, "3", withdraw(200)))
	expect(t, answer, 201, "balance 300 version 3 position 3")
	if answer.SubjectID != id || answer.Version != 3 || answer.Position != 3 || answer.Replayed {
		t.Errorf("answer %+v", answer)
	}
	if got := fold(t, store, id); got.Balance != 300 {
		t.Errorf("the log says %d", got.Balance)
	}
	events, err := store.ReadStream(t.Context(), id, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := events[0].DecodeMetadata()
	if err != nil || metadata.IdempotencyKey != "3" || metadata.CorrelationID != "request-3" {
		t.Errorf("metadata %+v, %v", metadata, err)
	}
}

func TestRefusalIsStoredAndReplayed(t *testing.T) {
	t.Parallel()
	b, id := start(t, newDatabase(t), command.Config{}), uuid.New()
	execute(t, b, request(id, "open", open(id, 0)))
	refused := request(id, "too much", withdraw(1))
	first := execute(t, b, refused)
	if first.Status != 422 {
		t.Fatalf("answer %d %s", first.Status, first.Body)
	}
	execute(t, b, request(id, "now there is", deposit(100)))
	again := refused
	again.RequestID = "another request"
	second := execute(t, b, again)
	if !second.Replayed || string(second.Body) != string(first.Body) || second.Status != 422 {
		t.Errorf("the second answer is %+v, the first was %+v", second, first)
	}
}

func TestReplayGivesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	id := uuid.New()
	first := start(t, store, command.Config{})
	execute(t, first, request(id, "open", open(id, 0)))
	r := request(id, "pay", deposit(100))
	original := execute(t, first, r)
	execute(t, first, request(id, "later", deposit(1)))
	other := r
	other.Fingerprint[0]++
	for name, b := range map[string]house{"the same process": first, "another process": start(t, store, command.Config{})} {
		got := execute(t, b, r)
		if !got.Replayed || string(got.Body) != string(original.Body) || got.Version != 2 || got.Position != 2 || got.SubjectID != id {
			t.Errorf("%s answers %+v, first it was %+v", name, got, original)
		}
		if _, err := b.Execute(t.Context(), other); !errors.Is(err, command.ErrKeyReused) {
			t.Errorf("%s: another request under the key: %v", name, err)
		}
	}
	if got := fold(t, store, id); got.Balance != 101 {
		t.Errorf("balance %d, want 101", got.Balance)
	}
}

func TestWhatIsNotStoredMayBeTriedAgainUnderTheSameKey(t *testing.T) {
	t.Parallel()
	b, id := start(t, newDatabase(t), command.Config{}), uuid.New()
	expect(t, execute(t, b, request(id, "early", deposit(5))), 404, "not found")
	execute(t, b, request(id, "open", open(id, 0)))

	stale := request(id, "early", deposit(5))
	stale.IfVersion = 7
	var mismatch *command.VersionMismatch
	if _, err := b.Execute(t.Context(), stale); !errors.As(err, &mismatch) || mismatch.Actual != 1 || mismatch.Expected != 7 {
		t.Fatalf("a stale version: %v", err)
	}
	stale.IfVersion = 1
	expect(t, execute(t, b, stale), 201, "balance 5 version 2 position 2")
}

// A caller that lost the answer asks again with the version it knew, which its own command has made an old one.
func TestRetryUnderAnExpectedVersionIsReplayed(t *testing.T) {
	t.Parallel()
	b, id := start(t, newDatabase(t), command.Config{}), uuid.New()
	execute(t, b, request(id, "open", open(id, 0)))
	r := request(id, "pay", deposit(100))
	r.IfVersion = 1
	first := execute(t, b, r)
	again := execute(t, b, r)
	if !again.Replayed || string(again.Body) != string(first.Body) {
		t.Errorf("the same again is answered %+v, first it was %+v", again, first)
	}
	r.Fingerprint[0]++
	if _, err := b.Execute(t.Context(), r); !errors.Is(err, command.ErrKeyReused) {
		t.Errorf("another request under the key: %v", err)
	}
}

func TestForeignAccountLooksLikeNone(t *testing.T) {
	t.Parallel()
	b, id := start(t, newDatabase(t), command.Config{}), uuid.New()
	execute(t, b, request(id, "open", open(id, 100)))
	r := request(id, "mine", withdraw(5))
	r.OwnedBy, r.IfVersion = "somebody else", 99
	expect(t, execute(t, b, r), 404, "not found")
	r.OwnedBy, r.IfVersion = "owner-1", command.NoVersion
	expect(t, execute(t, b, r), 201, "balance -5 version 2 position 2")
}

func TestCommandThatDecidesNothingIsAnswered(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b, id := start(t, store, command.Config{}), uuid.New()
	execute(t, b, request(id, "open", open(id, 0)))
	expect(t, execute(t, b, request(id, "unfreeze", account.Unfreeze{Reason: "never was"})), 201, "balance 0 version 1 position 1")
	if replayed := execute(t, b, request(id, "unfreeze", account.Unfreeze{Reason: "never was"})); !replayed.Replayed {
		t.Error("the answer was not stored")
	}
}

func TestSameKeyAtOnceHasOneEffect(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	id := uuid.New()
	banks := []house{start(t, store, command.Config{}), start(t, store, command.Config{})}
	execute(t, banks[0], request(id, "open", open(id, 0)))
	r := request(id, "once", deposit(100))
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			answer, err := banks[i%2].Execute(t.Context(), r)
			if err != nil && !errors.Is(err, command.ErrKeyInProgress) {
				t.Errorf("execute: %v", err)
			}
			if err == nil && string(answer.Body) != "balance 100 version 2 position 2" {
				t.Errorf("answer %s", answer.Body)
			}
		})
	}
	all.Wait()
	if got := fold(t, store, id); got.Balance != 100 {
		t.Errorf("balance %d, want 100", got.Balance)
	}
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	store := &hooks{Store: newDatabase(t)}
	b, id := start(t, store, command.Config{QueueMax: 2, BatchMax: 1}), uuid.New()
	execute(t, b, request(id, "open", open(id, 0)))
	var once sync.Once
	store.appendAt = func(next func() error) error {
		once.Do(func() {
			close(entered)
			<-leave
		})
		return next()
	}
	held := make(chan error, 3)
	send := func(key string) {
		_, err := b.Execute(t.Context(), request(id, key, deposit(1)))
		held <- err
	}
	go send("in flight")
	<-entered
	go send("sent behind it")
	b.awaitTaken(t, 3)
	go send("decided behind both")
	b.awaitTaken(t, 4) // and there is no room for more
	// Callers that leave at once fill the queue without waiting in it.
	for range 2 {
		if _, err := b.Execute(canceled(t), request(id, uuid.NewString(), deposit(1))); !errors.Is(err, context.Canceled) {
			t.Fatalf("a queued command: %v", err)
		}
	}
	one := request(id, "one too many", deposit(1))
	if _, err := b.Execute(t.Context(), one); !errors.Is(err, command.ErrOverloaded) {
		t.Fatalf("behind a full queue: %v", err)
	}
	close(leave)
	for range 3 {
		if err := <-held; err != nil {
			t.Errorf("a held command: %v", err)
		}
	}
	for {
		if _, err := b.Execute(t.Context(), one); !errors.Is(err, command.ErrOverloaded) {
			if err != nil {
				t.Errorf("when the queue is free again: %v", err)
			}
			break
		}
	}
	if got := fold(t, store.Store, id); got.Balance != 4 {
		t.Errorf("balance %d: want the three held commands and the one that came again, not those that left", got.Balance)
	}
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestStopFinishesWhatIsQueued(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b, id := start(t, store, command.Config{}), uuid.New()
	execute(t, b, request(id, "open", open(id, 0)))
	var all sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for i := range 50 {
		all.Go(func() {
			_, err := b.Execute(t.Context(), request(id, fmt.Sprint(i), deposit(1)))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				accepted++
			} else if !errors.Is(err, command.ErrStopping) {
				t.Errorf("execute: %v", err)
			}
		})
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if got := fold(t, store, id); int(got.Balance) != accepted {
		t.Errorf("%d commands were acknowledged, the balance is %d", accepted, got.Balance)
	}
	if _, err := b.Execute(t.Context(), request(id, "late", deposit(1))); !errors.Is(err, command.ErrStopping) {
		t.Errorf("after the stop: %v", err)
	}
}
