package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
	banking "passbook/domain/bank"
	"passbook/eventstore"
)

// counter counts the events that a load delivers.
type counter struct {
	snapshots, events int
	state             json.RawMessage
}

func (c *counter) Snapshot(s eventstore.Snapshot) error {
	c.snapshots++
	c.state = s.State
	return nil
}

func (c *counter) Event(eventstore.Event) error {
	c.events++
	return nil
}

func TestSnapshotShortensTheLoad(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	id := uuid.New()
	first := start(t, store, command.Config{SnapshotEvery: 10})
	execute(t, first, request(id, "open", open(id, 0)))
	for i := range 24 {
		execute(t, first, request(id, fmt.Sprint(i), deposit(1)))
	}
	if err := first.stop(); err != nil { // saves what waits
		t.Fatal(err)
	}
	var c counter
	if err := store.Load(t.Context(), []uuid.UUID{id}, banking.FoldFingerprint(), &c); err != nil {
		t.Fatal(err)
	}
	if c.snapshots != 1 || c.events > 5 {
		t.Errorf("a load reads %d snapshots and %d events of 25", c.snapshots, c.events)
	}
	second := start(t, store, command.Config{})
	expect(t, execute(t, second, request(id, "more", deposit(1))), 201, "balance 25 version 26 position 26")
}

// A long history that had no snapshot, as after a change of the fold, is read whole once.
func TestLoadOfALongHistoryLeavesASnapshot(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	id := uuid.New()
	first := start(t, store, command.Config{SnapshotEvery: -1})
	execute(t, first, request(id, "open", open(id, 0)))
	for i := range 24 {
		execute(t, first, request(id, fmt.Sprint(i), deposit(1)))
	}
	second := start(t, store, command.Config{SnapshotEvery: 10})
	expect(t, execute(t, second, request(id, "unfreeze", account.Unfreeze{})), 201, "balance 24 version 25 position 25")
	if err := second.stop(); err != nil { // saves what waits
		t.Fatal(err)
	}
	var c counter
	if err := store.Load(t.Context(), []uuid.UUID{id}, banking.FoldFingerprint(), &c); err != nil || c.snapshots != 1 || c.events != 0 {
		t.Errorf("a load reads %d snapshots and %d events, %v", c.snapshots, c.events, err)
	}
}

// A snapshot that does not fit what is behind it is not believed.
func TestUnusableSnapshotIsPassedOver(t *testing.T) {
	t.Parallel()
	for name, snapshot := range map[string]eventstore.Snapshot{
		"of another fold": {Version: 2, Fold: "other", State: []byte(`{"version":2,"balance":1000000}`)},
		"not readable":    {Version: 2, Fold: banking.FoldFingerprint(), State: []byte(`{"version":"two"}`)},
		"ahead of itself": {Version: 2, Fold: banking.FoldFingerprint(), State: []byte(`{"version":1}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newDatabase(t)
			id := uuid.New()
			first := start(t, store, command.Config{})
			for i, c := range []account.Command{open(id, 0), deposit(1), deposit(1)} {
				execute(t, first, request(id, fmt.Sprint(i), c))
			}
			snapshot.StreamID = id
			if err := store.SaveSnapshots(context.Background(), []eventstore.Snapshot{snapshot}); err != nil {
				t.Fatal(err)
			}
			expect(t, execute(t, start(t, store, command.Config{}), request(id, "more", deposit(1))), 201, "balance 3 version 4 position 4")
		})
	}
}
