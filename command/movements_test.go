package command_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
	rules "passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/reversal"
	"passbook/domain/transfer"
	"passbook/eventstore"
)

// asked is a request for any command of the bank.
func asked(key string, c rules.Command) command.Request {
	r := request(uuid.Nil, key, nil)
	r.Command = c
	return r
}

func move(from, to uuid.UUID, amount money.Amount) rules.Transfer {
	return rules.Transfer{TransactionID: uuid.Must(uuid.NewV7()), SourceID: from, TargetID: to, Money: money.Money{Amount: amount, Currency: euro}}
}

func opened(t *testing.T, b house, balances ...money.Amount) []uuid.UUID {
	t.Helper()
	ids := make([]uuid.UUID, len(balances))
	for i, balance := range balances {
		ids[i] = uuid.Must(uuid.NewV7())
		execute(t, b, request(ids[i], "open "+ids[i].String(), open(ids[i], 0)))
		if balance > 0 {
			execute(t, b, request(ids[i], "first "+ids[i].String(), deposit(balance)))
		}
	}
	return ids
}

// A transfer stands on both accounts or on neither, whoever wrote last.
func TestTransfersAcrossInstances(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	one, two := start(t, store, command.Config{}), start(t, store, command.Config{})
	ids := opened(t, one, 100, 0)
	there := execute(t, two, asked("there", move(ids[0], ids[1], 60)))
	if there.Status != 201 || there.Version != 3 {
		t.Fatalf("a transfer: %+v %s", there, there.Body)
	}
	if again := execute(t, one, asked("too much", move(ids[0], ids[1], 41))); again.Status != 422 {
		t.Errorf("more than there is: %s", again.Body)
	}
	if back := execute(t, one, asked("back", move(ids[1], ids[0], 60))); back.Status != 201 {
		t.Errorf("back: %s", back.Body)
	}
	for i, want := range []money.Amount{100, 0} {
		if s := fold(t, store, ids[i]); s.Balance != want || s.Version != int64(4-i) {
			t.Errorf("account %d has %d at version %d", i, s.Balance, s.Version)
		}
	}
}

// Many callers move money at random among few accounts through two instances: none is created or lost, and each acknowledged
// transfer is on both sides once.
func TestTransfersConserveMoney(t *testing.T) {
	t.Parallel()
	const callers, each, accounts = 24, 40, 5
	store := newDatabase(t)
	houses := []house{start(t, store, command.Config{CacheBytes: 1}), start(t, store, command.Config{BatchMax: 7})}
	ids := opened(t, houses[0], 100, 100, 100, 100, 100)
	var acknowledged atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(caller), 7)) //nolint:gosec // small
			for n := range each {
				from, to := random.IntN(accounts), random.IntN(accounts)
				r := asked(fmt.Sprintf("%d/%d", caller, n), move(ids[from], ids[to], money.Amount(1+random.IntN(90))))
				if answer := execute(t, houses[random.IntN(2)], r); answer.Status == 201 {
					acknowledged.Add(1)
				}
			}
		})
	}
	all.Wait()
	var total money.Amount
	sides := map[uuid.UUID][]account.Event{}
	for _, id := range ids {
		total += fold(t, store, id).Balance
		collectTransfers(t, store, id, sides)
	}
	if total != 500 {
		t.Errorf("500 were there, now there are %d", total)
	}
	if int64(len(sides)) != acknowledged.Load() || acknowledged.Load() < callers {
		t.Errorf("%d transfers in the log, %d were acknowledged", len(sides), acknowledged.Load())
	}
	for id, both := range sides {
		if len(both) != 2 {
			t.Errorf("transfer %s is on %d accounts", id, len(both))
		}
	}
}

func collectTransfers(t *testing.T, store *eventstore.Store, id uuid.UUID, sides map[uuid.UUID][]account.Event) {
	t.Helper()
	events, err := store.ReadStream(t.Context(), id, 0, eventstore.ReadMax)
	if err != nil {
		t.Fatal(err)
	}
	for _, stored := range events {
		event, err := account.Decode(stored.Type, stored.Schema, stored.Data)
		if err != nil {
			continue // of a shape that is no transfer's
		}
		switch e := event.(type) {
		case account.TransferSent:
			sides[e.TransactionID] = append(sides[e.TransactionID], e)
		case account.TransferReceived:
			sides[e.TransactionID] = append(sides[e.TransactionID], e)
		}
	}
}

// Fifty at once undo one transaction, through two instances: whole reversals stand once, parts up to the original.
func TestReversalsAtOnce(t *testing.T) {
	t.Parallel()
	for name, amount := range map[string]*money.Amount{"whole": nil, "parts of 7 of 100": new(money.Amount(7))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newDatabase(t)
			houses := []house{start(t, store, command.Config{}), start(t, store, command.Config{BatchMax: 5})}
			ids := opened(t, houses[0], 100, 0)
			sent := move(ids[0], ids[1], 100)
			execute(t, houses[0], asked("transfer", sent))
			finder, err := command.NewFinder(store)
			if err != nil {
				t.Fatal(err)
			}
			original, err := finder.Transaction(t.Context(), sent.TransactionID)
			if err != nil || original.AccountID != ids[0] || original.CounterpartyID != ids[1] {
				t.Fatalf("found %+v, %v", original, err)
			}
			var stand atomic.Int64
			var all sync.WaitGroup
			for n := range 50 {
				all.Go(func() {
					c := rules.Reverse{ReversalID: uuid.Must(uuid.NewV7()), Original: original, Amount: amount, Reason: "test"}
					if answer := execute(t, houses[n%2], asked(fmt.Sprint("undo ", n), c)); answer.Status == 201 {
						stand.Add(1)
					}
				})
			}
			all.Wait()
			want, undone := int64(1), money.Amount(100)
			if amount != nil {
				want, undone = 14, 98
			}
			if stand.Load() != want {
				t.Errorf("%d reversals stand, want %d", stand.Load(), want)
			}
			if a, b := fold(t, store, ids[0]), fold(t, store, ids[1]); a.Balance != undone || b.Balance != 100-undone {
				t.Errorf("the accounts have %d and %d", a.Balance, b.Balance)
			}
			events, err := store.ReadStream(t.Context(), sent.TransactionID, 0, 100)
			if err != nil || int64(len(events)) != want || events[0].Type != reversal.TypeReversed {
				t.Errorf("the transaction's stream: %v, %v", events, err)
			}
		})
	}
}

// A group stands whole or leaves nothing behind, not even answers; what it decided is forgotten in memory, too.
func TestGroupsStandTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b := start(t, store, command.Config{})
	ids := opened(t, b, 100, 0)
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	group := []command.Request{
		asked("g1", move(ids[0], ids[1], 100)),
		request(ids[1], "g2", withdraw(40)), // sees what the one before brought
		request(ids[0], "g3", withdraw(1)),  // there is nothing any more
	}
	var undone *command.Undone
	if _, err := b.ExecuteAtomic(t.Context(), group); !errors.As(err, &undone) || undone.Index != 2 || undone.Answer.Status != 422 {
		t.Fatalf("a group with a bad end: %v", err)
	}
	if after, err := store.Head(t.Context()); err != nil || after.Position != head.Position {
		t.Errorf("the log went from %+v to %+v, %v", head, after, err)
	}
	group[2] = request(ids[0], "g3", deposit(5))
	answers, err := b.ExecuteAtomic(t.Context(), group)
	if err != nil || len(answers) != 3 {
		t.Fatalf("a good group: %v", err)
	}
	expect(t, answers[0], 201, fmt.Sprintf("balance 0 version 3 position %d", head.Position+2))
	expect(t, answers[1], 201, fmt.Sprintf("balance 60 version 3 position %d", head.Position+3))
	expect(t, answers[2], 201, fmt.Sprintf("balance 5 version 4 position %d", head.Position+4))
	again, err := b.ExecuteAtomic(t.Context(), group)
	if err != nil || !again[0].Replayed || !again[2].Replayed || string(again[1].Body) != string(answers[1].Body) {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if one := execute(t, b, group[1]); !one.Replayed {
		t.Errorf("one of the group by itself: %+v", one)
	}
}

// Ten thousand commands in one group, while others go on.
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b := start(t, store, command.Config{})
	ids := opened(t, b, 10_000, 0, 0)
	group := make([]command.Request, command.GroupMax)
	for i := range group {
		group[i] = asked(fmt.Sprint("part ", i), move(ids[0], ids[1], 1))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() {
		for n := range 50 {
			execute(t, b, request(ids[2], fmt.Sprint("other ", n), deposit(1)))
		}
	})
	answers, err := b.ExecuteAtomic(ctx, group)
	others.Wait()
	if err != nil || len(answers) != len(group) || answers[len(group)-1].Version-answers[0].Version != int64(len(group)-1) {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	events, err := store.ReadStream(t.Context(), ids[1], 1+int64(len(group))-1, 10)
	if err != nil || len(events) != 1 {
		t.Errorf("the last of the group: %v, %v", events, err)
	}
	if _, err := b.ExecuteAtomic(ctx, append(group, group[0])); !errors.Is(err, command.ErrGroupTooLarge) {
		t.Errorf("one too many: %v", err)
	}
}

// A dry run tells what would be, and leaves nothing: not in the log, not in memory, not under its key.
func TestDryRunLeavesNothing(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b := start(t, store, command.Config{})
	ids := opened(t, b, 100, 0)
	dry := asked("key", move(ids[0], ids[1], 100))
	dry.DryRun = true
	first, second := execute(t, b, dry), execute(t, b, dry)
	expect(t, first, 201, "balance 0 version 3 position 5")
	if string(first.Body) != string(second.Body) || second.Replayed {
		t.Errorf("the second time: %+v", second)
	}
	wet := dry
	wet.DryRun = false
	if real := execute(t, b, wet); string(real.Body) != string(first.Body) || real.Replayed {
		t.Errorf("in earnest: %+v %s", real, real.Body)
	}
	dry.Command = move(ids[0], ids[1], 1)
	if refused := execute(t, b, dry); refused.Status != 422 {
		t.Errorf("once more dry: %s", refused.Body)
	}
}

// The refusal of the other side names it.
func TestRefusalOfTheTarget(t *testing.T) {
	t.Parallel()
	b := start(t, newDatabase(t), command.Config{})
	ids := opened(t, b, 100, 0)
	execute(t, b, request(ids[1], "freeze", account.Freeze{Reason: "r"}))
	got := execute(t, b, asked("to a frozen account", move(ids[0], ids[1], 1)))
	want := transfer.Refused{Side: transfer.Target, AccountID: ids[1], Refusal: account.FrozenAccount{Scope: account.FreezeAll}}
	expect(t, got, 422, fmt.Sprint("request-to a frozen account ", want))
}

// A hold expires when its time is over, whether or not a job has run.
func TestHoldsExpireByTime(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b := start(t, store, command.Config{})
	id := opened(t, b, 100)[0]
	until := time.Now().Add(150 * time.Millisecond)
	hold := account.PlaceHold{HoldID: uuid.Must(uuid.NewV7()), Money: money.Money{Amount: 80, Currency: euro}, ExpiresAt: until}
	if placed := execute(t, b, request(id, "hold", hold)); placed.Status != 201 || placed.SubjectID != hold.HoldID {
		t.Fatalf("place: %+v", placed)
	}
	finder, err := command.NewFinder(store)
	if err != nil {
		t.Fatal(err)
	}
	if on, err := finder.Hold(t.Context(), hold.HoldID); err != nil || on != id {
		t.Errorf("the hold is found on %s, %v", on, err)
	}
	if _, err := finder.Hold(t.Context(), id); !errors.Is(err, command.ErrNotFound) {
		t.Errorf("no hold: %v", err)
	}
	<-time.After(time.Until(until))
	if all := execute(t, b, request(id, "all", withdraw(100))); all.Status != 201 {
		t.Errorf("after the expiry: %s", all.Body)
	}
	if s := fold(t, store, id); s.Held != 0 || s.Version != 5 {
		t.Errorf("held %d at version %d: the expiry is a fact of its own", s.Held, s.Version)
	}
}
