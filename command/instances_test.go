package command_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/money"
	"passbook/eventstore"
)

// A decision is made against the truth, whoever wrote last: also a refusal, which writes nothing that could collide.
func TestAnotherInstanceIsSeen(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	one, two, id := start(t, store, command.Config{}), start(t, store, command.Config{}), uuid.New()
	execute(t, one, request(id, "open", open(id, 0)))
	expect(t, execute(t, two, request(id, "a", deposit(100))), 201, "balance 100 version 2 position 2")
	expect(t, execute(t, one, request(id, "b", withdraw(100))), 201, "balance 0 version 3 position 3")
	if refused := execute(t, two, request(id, "c", withdraw(1))); refused.Status != 422 {
		t.Errorf("two paid out what was gone: %s", refused.Body)
	}
	execute(t, two, request(id, "d", deposit(50)))
	expect(t, execute(t, one, request(id, "e", withdraw(50))), 201, "balance 0 version 5 position 5")
	stale := request(id, "f", deposit(1))
	stale.IfVersion = 4
	var mismatch *command.VersionMismatch
	execute(t, two, request(id, "g", deposit(1)))
	if _, err := one.Execute(t.Context(), stale); !errors.As(err, &mismatch) || mismatch.Actual != 6 {
		t.Errorf("a stale version: %v", err)
	}
}

// A processor that was away for long drops its accounts instead of reading everything it missed.
func TestPictureTooFarBehindIsDropped(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	one, two := start(t, store, command.Config{CatchUpMax: 3}), start(t, store, command.Config{})
	id := uuid.New()
	execute(t, one, request(id, "open", open(id, 0)))
	for i := range 10 {
		execute(t, two, request(id, fmt.Sprint(i), deposit(1)))
	}
	expect(t, execute(t, one, request(id, "back", deposit(1))), 201, "balance 11 version 12 position 12")
}

// Many callers, several instances with tiny caches, few accounts: what was acknowledged is what the log holds, no account
// is below its limit.
func TestInstancesShareTheAccounts(t *testing.T) {
	t.Parallel()
	const accounts, callers, each = 5, 24, 40
	store := newDatabase(t)
	banks := []house{
		start(t, store, command.Config{CacheBytes: 1}),
		start(t, store, command.Config{BatchMax: 3}),
		start(t, store, command.Config{CatchUpMax: 2}),
	}
	ids := make([]uuid.UUID, accounts)
	for i := range ids {
		ids[i] = uuid.New()
		execute(t, banks[0], request(ids[i], fmt.Sprint("open ", i), open(ids[i], 50)))
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	var all sync.WaitGroup
	want := map[uuid.UUID]money.Amount{}
	for c := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(c))) //nolint:gosec // a test's choices
			for i := range each {
				id, amount := ids[random.IntN(accounts)], money.Amount(random.IntN(60)+1)
				r, sign := request(id, fmt.Sprint(c, "-", i), deposit(amount)), money.Amount(1)
				if random.IntN(3) > 0 {
					r, sign = request(id, r.Key, withdraw(amount)), -1
				}
				if answer := execute(t, banks[random.IntN(len(banks))], r); answer.Status == 201 {
					mu.Lock()
					want[id] += sign * amount
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if got := fold(t, store, id); got.Balance != want[id] {
			t.Errorf("account %s: the log says %d, acknowledged were %d", id, got.Balance, want[id])
		}
	}
	gapless(t, store)
}

func gapless(t *testing.T, store *eventstore.Store) {
	t.Helper()
	for after := int64(0); ; {
		events, err := store.ReadLog(t.Context(), after, eventstore.ReadMax)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return
		}
		after = events[len(events)-1].Position
	}
}
