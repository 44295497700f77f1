package forward_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"passbook/command"
	"passbook/eventstore"
)

// Whatever a command comes to, it is answered as if it had been decided where it was sent.
func TestAnotherInstanceDecides(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	decider, follower := f.pair(command.Config{})
	id, other := uuid.New(), uuid.New()
	follower.expect(request(id, "open", open(id, 0)), 201, "balance 0 version 1")
	pay := request(id, "pay", deposit(100))
	follower.expect(pay, 201, "balance 100 version 2")
	decider.expect(request(id, "more", deposit(1)), 201, "balance 101 version 3")
	follower.expect(request(id, "too much", withdraw(500)), 422, "request-too much /somewhere 500 requested, 101 available")
	follower.expect(request(other, "nobody", deposit(1)), 404, "not found")

	if again := follower.execute(pay); !again.Replayed || string(again.Body) != "balance 100 version 2" || again.Version != 2 ||
		again.Position != 2 || again.SubjectID != id || again.Status != 201 {
		t.Errorf("under the same key: %+v", again)
	}
	follower.expectError(request(id, "pay", deposit(7)), command.ErrKeyReused)
	stale := request(id, "stale", deposit(1))
	stale.IfVersion = 2
	var mismatch *command.VersionMismatch
	if _, err := follower.Execute(t.Context(), stale); !errors.As(err, &mismatch) || *mismatch != (command.VersionMismatch{Expected: 2, Actual: 3}) {
		t.Errorf("a stale version: %v", err)
	}
	foreign := request(id, "foreign", deposit(1))
	foreign.OwnedBy = "somebody else"
	follower.expect(foreign, 404, "not found")

	if got := follower.metric("passbook_command_forwarded_total"); got != 8 {
		t.Errorf("%v commands were forwarded, want 8", got)
	}
	if got := decider.metric("passbook_command_accepted_for_others_total"); got != 8 {
		t.Errorf("%v commands were accepted, want 8", got)
	}
	if got := follower.metric("passbook_command_commands_total"); got != 0 {
		t.Errorf("%v commands were decided where they were not to be", got)
	}
	f.metadata(id)
	f.audit(3)
}

// metadata of a forwarded event is that of the instance that took the command from its caller.
func (f *fleet) metadata(id uuid.UUID) {
	f.t.Helper()
	events, err := f.store.ReadStream(f.t.Context(), id, 1, 1)
	if err != nil || len(events) != 1 {
		f.t.Fatal(err, len(events))
	}
	var got eventstore.Metadata
	if err := json.Unmarshal(events[0].Metadata, &got); err != nil {
		f.t.Fatal(err)
	}
	want := eventstore.Metadata{Actor: "actor", CorrelationID: "request-pay", IdempotencyKey: "pay", Traceparent: "trace", Client: "client", UserAgent: "agent", Address: "198.51.100.7"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.t.Errorf("the metadata is %+v, want %+v", got, want)
	}
}

// One key at two instances at once is one command, as it is at one.
func TestOneKeyAtBothInstances(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	decider, follower := f.pair(command.Config{})
	id := uuid.New()
	follower.execute(request(id, "open", open(id, 0)))
	for _, c := range []struct {
		key           string
		first, second *instance
	}{{"there first", follower, decider}, {"here first", decider, follower}} {
		entered, leave := decider.hold()
		pay := request(id, c.key, deposit(1))
		first := c.first.begin(pay)
		<-entered
		c.second.expectError(pay, command.ErrKeyInProgress)
		c.second.expectError(request(id, c.key, deposit(2)), command.ErrKeyInProgress) // the first may yet be refused
		leave()
		if o := f.end(first); o.err != nil || o.answer.Replayed {
			t.Errorf("%s: %+v", c.key, o)
		}
		if again := c.second.execute(pay); !again.Replayed {
			t.Errorf("%s: not replayed", c.key)
		}
		entered, leave = decider.hold()
		other := c.first.begin(request(id, c.key, deposit(2)))
		<-entered
		c.second.expectError(pay, command.ErrKeyInProgress) // and is not told that its key stands for another one
		leave()
		if o := f.end(other); !errors.Is(o.err, command.ErrKeyReused) {
			t.Errorf("%s: another request under the key: %+v", c.key, o)
		}
	}
	f.audit(3)
}

// hold keeps the next batch from being committed until leave.
func (i *instance) hold() (entered <-chan struct{}, leave func()) {
	in, out := make(chan struct{}), make(chan struct{})
	var once sync.Once
	i.gate.set(func(next func() error) error {
		once.Do(func() { close(in); <-out })
		return next()
	})
	leave = sync.OnceFunc(func() { close(out) })
	i.fleet.t.Cleanup(leave)
	return in, leave
}

// The broker, and whoever else is on NATS, cannot read a command, make one, or have one decided again.
func TestStrangersOnNATS(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	decider, follower := f.pair(command.Config{})
	stranger := f.nats.Connect()
	var mu sync.Mutex
	var seen []*nats.Msg
	record := func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, m)
	}
	for _, subject := range []string{"passbook.decide.>", "_INBOX.>"} {
		if _, err := stranger.Subscribe(subject, record); err != nil {
			t.Fatal(err)
		}
	}
	if err := stranger.Flush(); err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	follower.expect(request(id, "too early", deposit(1)), 404, "not found") // which is not stored
	follower.execute(request(id, "open", open(id, 0)))
	follower.execute(request(id, "pay", deposit(100)))
	await(t, "three commands and three answers to be seen", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) >= 6
	})
	mu.Lock()
	recorded := seen
	mu.Unlock()
	for _, m := range recorded {
		if bytes.Contains(m.Data, []byte("for the roof")) || bytes.Contains(m.Data, []byte("Ada")) || bytes.Contains(m.Data, []byte("balance")) {
			t.Error("customers' data can be read on NATS")
		}
		// The same again, the same with another number, and rubbish.
		changed := bytes.Clone(m.Data)
		changed[24]++
		for _, data := range [][]byte{m.Data, changed, m.Data[:len(m.Data)/2], []byte("{}"), nil} {
			if err := stranger.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: m.Reply, Data: data}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := stranger.Flush(); err != nil {
		t.Fatal(err)
	}
	follower.expect(request(id, "after", deposit(1)), 201, "balance 101 version 3")
	decider.expect(request(id, "after that", deposit(1)), 201, "balance 102 version 4")
	if got := follower.metric("passbook_command_fallbacks_total"); got != 0 {
		t.Errorf("%v commands were taken back", got)
	}
	f.audit(4)
}

// A queue that is full, or too slow, refuses commands of either instance's callers alike.
func TestOverloadReachesTheCaller(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	decider := f.start(command.Config{QueueMax: 2, BatchMax: 1})
	decider.awaitDeciding()
	follower := f.start(command.Config{})
	follower.awaitFollowing()
	id := uuid.New()
	follower.execute(request(id, "open", open(id, 0)))
	entered, leave := decider.hold()
	var waiting []<-chan outcome
	waiting = append(waiting, follower.begin(request(id, "in flight", deposit(1))))
	<-entered
	waiting = append(waiting, follower.begin(request(id, "in flight behind it", deposit(1))))
	await(t, "the batch behind to be decided", func() bool { return decider.metric("passbook_command_taken_total") == 3 })
	waiting = append(waiting, follower.begin(request(id, "open batch", deposit(1))))
	await(t, "the open batch to be decided", func() bool { return decider.metric("passbook_command_taken_total") == 4 })
	for n := range 2 {
		waiting = append(waiting, follower.begin(request(id, fmt.Sprint("queued ", n), deposit(1))))
	}
	await(t, "the queue to be full", func() bool { return decider.metric("passbook_command_queue_depth") == 2 })
	follower.expectError(request(id, "one too many", deposit(1)), command.ErrOverloaded)
	leave()
	for _, w := range waiting {
		if o := f.end(w); o.err != nil {
			t.Error(o.err)
		}
	}
	f.audit(6)
}
