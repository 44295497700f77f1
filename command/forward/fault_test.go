package forward_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/internal/lease"
)

// The decider dies between its commit and its answer, or just before its commit: the follower finds out which.
func TestTheDeciderDies(t *testing.T) {
	t.Parallel()
	for name, committed := range map[string]bool{"after the commit": true, "before the commit": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			decider, follower := f.pair(command.Config{})
			id := uuid.New()
			follower.execute(request(id, "open", open(id, 0)))
			decider.gate.set(func(next func() error) error {
				if committed {
					if err := next(); err != nil {
						t.Error(err)
					}
				}
				decider.kill()
				return errDead
			})
			answer := follower.execute(request(id, "pay", deposit(100)))
			if string(answer.Body) != "balance 100 version 2" || answer.Replayed != committed {
				t.Errorf("answered %+v", answer)
			}
			follower.awaitDeciding()
			follower.expect(request(id, "next", deposit(1)), 201, "balance 101 version 3")
			f.audit(3)
		})
	}
}

// The decider still has the commands when the follower has given it up and decides them itself. Then the decider comes to them:
// nothing is done twice, and nobody was told of a command that it has no effect which had one later.
func TestTheDeciderIsLate(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	decider, follower := f.pair(command.Config{})
	id, later := uuid.New(), uuid.New()
	follower.execute(request(id, "open", open(id, 0)))
	entered, leave := decider.hold()
	pay, early := request(id, "pay", deposit(100)), request(later, "too early", deposit(7))
	paid := follower.begin(pay)
	<-entered
	tooEarly := follower.begin(early)
	await(t, "the decider to have both", func() bool { return decider.metric("passbook_command_taken_total") == 3 })
	decider.conn.Close()

	if o := f.end(paid); o.err != nil || string(o.answer.Body) != "balance 100 version 2" {
		t.Errorf("the payment: %+v", o)
	}
	if o := f.end(tooEarly); !errors.Is(o.err, command.ErrUnavailable) {
		t.Errorf("the caller is told %d %q, %v: that the command had no effect", o.answer.Status, o.answer.Body, o.err)
	}
	follower.execute(request(later, "open later", open(later, 0)))
	leave()
	await(t, "the decider to be done", func() bool { return decider.metric("passbook_command_commands_total") >= 3 })
	if again := follower.execute(early); !again.Replayed || string(again.Body) != "balance 7 version 2" {
		t.Errorf("the late effect: %+v", again)
	}
	if again := decider.execute(pay); !again.Replayed {
		t.Errorf("paid twice: %+v", again)
	}
	f.audit(4)
}

// A lease that anybody has, at once.
type everybodys struct {
	*lease.Lease
	epoch int64
}

func (e everybodys) Run(ctx context.Context, lead lease.Lead) error { return lead(ctx, e.epoch) }

func (everybodys) Announce(context.Context, int64, []byte) error { return nil }

func (everybodys) Announcement(context.Context) (int64, []byte, error) { return 0, nil, nil }

func TestTwoBelieveThatTheyDecide(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	decider, follower := f.pair(command.Config{})
	usurper := f.startLeading(command.Config{}, everybodys{epoch: 99})
	usurper.awaitDeciding()
	l := f.newLoad(5)
	l.run(12, 40, func(n uint64) *instance { return []*instance{decider, follower, usurper}[n%3] })
	l.check()
	if usurper.metric("passbook_command_collisions_total")+decider.metric("passbook_command_collisions_total") == 0 {
		t.Error("two deciders never collided: this test has lost its subject")
	}
}

// A decider that stops hands over first: nobody who talks to another instance sees an error.
func TestAGracefulStopIsNotSeen(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	decider, follower := f.pair(command.Config{})
	l := f.newLoad(5)
	l.strict = true
	stopping := make(chan struct{})
	go func() {
		defer close(stopping)
		<-l.halfway
		decider.stop()
	}()
	l.run(16, 100, func(uint64) *instance { return follower })
	<-stopping
	follower.awaitDeciding()
	l.check()
}

// Whatever happens to the instances, to NATS and to the lease: each acknowledged command is in the log exactly once.
func TestFaults(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var instances [3]atomic.Pointer[instance]
	for n := range instances {
		instances[n].Store(f.start(command.Config{}))
	}
	l := f.newLoad(6)
	faults := make(chan struct{})
	go func() {
		defer close(faults)
		for range 12 {
			l.progress(60)
			at := &instances[random.IntN(len(instances))]
			old := at.Load()
			switch random.IntN(5) {
			case 0:
				at.Store(f.start(command.Config{}))
				old.stop()
			case 1:
				at.Store(f.start(command.Config{}))
				old.kill()
			case 2:
				f.nats.Restart()
			case 3:
				f.nats.Stop()
				l.progress(60)
				f.nats.Restart()
			case 4:
				f.steal()
			}
		}
		l.enough.Store(true)
	}()
	l.run(16, 1_000_000, func(n uint64) *instance { return instances[n%3].Load() })
	<-faults
	l.check()
}

// steal makes the holder of the lease another one, who never announces.
func (f *fleet) steal() {
	_, err := f.db.Pool(f.t, "").Exec(context.Background(), `UPDATE leases SET holder = 'thief', epoch = epoch + 1 WHERE name = 'decider'`)
	if err != nil {
		f.t.Error(err)
	}
}

// load is callers who go on under the same key until they know.
type load struct {
	fleet   *fleet
	ids     []uuid.UUID
	strict  bool          // any error is a failure
	halfway chan struct{} // closed when half of it is done
	enough  atomic.Bool
	done    atomic.Int64

	mu     sync.Mutex
	want   map[uuid.UUID]money.Amount
	events int64
}

func (f *fleet) newLoad(accounts int) *load {
	f.t.Helper()
	l := &load{fleet: f, want: map[uuid.UUID]money.Amount{}, halfway: make(chan struct{})}
	opener := f.start(command.Config{})
	for range accounts {
		id := uuid.New()
		l.ids = append(l.ids, id)
		opener.execute(request(id, "open "+id.String(), open(id, 50)))
		l.events++
	}
	opener.stop()
	return l
}

// progress returns when so many more commands are done.
func (l *load) progress(n int64) {
	until := l.done.Load() + n
	await(l.fleet.t, "the load to go on", func() bool { return l.done.Load() >= until || l.fleet.t.Failed() })
}

// run has callers execute up to each commands, at whatever instance pick names.
func (l *load) run(callers, each int, pick func(n uint64) *instance) {
	l.fleet.t.Helper()
	seed := rand.Uint64()
	l.fleet.t.Logf("seed of the load %d", seed)
	var all sync.WaitGroup
	var half sync.Once
	for c := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(c))) //nolint:gosec // a test's choices
			for n := 0; n < each && !l.enough.Load() && !l.fleet.t.Failed(); n++ {
				l.one(random, fmt.Sprint(c, "-", n), pick)
				if l.done.Add(1) >= int64(callers*each/2) {
					half.Do(func() { close(l.halfway) })
				}
			}
		})
	}
	all.Wait()
}

func (l *load) one(random *rand.Rand, key string, pick func(n uint64) *instance) {
	id, amount := l.ids[random.IntN(len(l.ids))], money.Amount(random.IntN(60)+1)
	var c account.Command = deposit(amount)
	sign := money.Amount(1)
	if random.IntN(3) > 0 {
		c, sign = withdraw(amount), -1
	}
	r := request(id, key, c)
	for {
		answer, err := pick(random.Uint64()).Execute(l.fleet.t.Context(), r)
		if err != nil {
			if l.strict || l.fleet.t.Failed() {
				l.fleet.t.Errorf("%s: %v", key, err)
				return
			}
			continue // the same key tells
		}
		if answer.Status == 201 {
			l.mu.Lock()
			l.want[id] += sign * amount
			l.events++
			l.mu.Unlock()
		}
		return
	}
}

// check holds what was acknowledged against the log.
func (l *load) check() {
	l.fleet.t.Helper()
	for _, id := range l.ids {
		events, err := l.fleet.store.ReadStream(l.fleet.t.Context(), id, 0, eventstore.ReadMax)
		if err != nil {
			l.fleet.t.Fatal(err)
		}
		var state account.State
		for _, stored := range events {
			event, err := account.Decode(stored.Type, stored.Schema, stored.Data)
			if err != nil {
				l.fleet.t.Fatal(err)
			}
			state = account.Evolve(state, event, stored.RecordedAt)
		}
		if state.Balance != l.want[id] {
			l.fleet.t.Errorf("account %s: the log says %d, acknowledged were %d", id, state.Balance, l.want[id])
		}
	}
	l.fleet.audit(l.events)
}
