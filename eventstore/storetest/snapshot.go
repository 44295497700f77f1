package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"passbook/eventstore"
)

func snapshotParts() []part {
	return []part{
		{"a load is the snapshot and the events behind it", loadBehindSnapshot},
		{"a snapshot of another fold is passed over", foreignFold},
		{"a later snapshot is not replaced by an earlier one", laterSnapshotStays},
		{"many streams load at once", loadMany},
	}
}

// loaded writes down what Load delivers, in order.
type loaded []string

func (l *loaded) Snapshot(s eventstore.Snapshot) error {
	*l = append(*l, fmt.Sprintf("snapshot %d %s", s.Version, s.State))
	return nil
}

func (l *loaded) Event(e eventstore.Event) error {
	*l = append(*l, fmt.Sprintf("event %d", e.Version))
	return nil
}

func load(t *testing.T, env Env, fold string, ids ...uuid.UUID) []string {
	t.Helper()
	var l loaded
	if err := env.Store.Load(t.Context(), ids, fold, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func save(t *testing.T, env Env, snapshots ...eventstore.Snapshot) {
	t.Helper()
	if err := env.Store.SaveSnapshots(t.Context(), snapshots); err != nil {
		t.Fatal(err)
	}
}

func loadBehindSnapshot(t *testing.T, env Env) {
	stream := uuid.New()
	mustAppend(t, env.Store, entry(stream, 0, 4))
	save(t, env, eventstore.Snapshot{StreamID: stream, Version: 2, Fold: "a", State: []byte(`{"s":2}`)})
	if got, want := load(t, env, "a", stream), []string{`snapshot 2 {"s":2}`, "event 3", "event 4"}; !slices.Equal(got, want) {
		t.Errorf("loaded %v, want %v", got, want)
	}
}

func foreignFold(t *testing.T, env Env) {
	stream := uuid.New()
	mustAppend(t, env.Store, entry(stream, 0, 2))
	save(t, env, eventstore.Snapshot{StreamID: stream, Version: 2, Fold: "a", State: []byte(`{}`)})
	if got, want := load(t, env, "b", stream), []string{"event 1", "event 2"}; !slices.Equal(got, want) {
		t.Errorf("loaded %v, want %v", got, want)
	}
	save(t, env, eventstore.Snapshot{StreamID: stream, Version: 1, Fold: "b", State: []byte(`{}`)})
	if got, want := load(t, env, "b", stream), []string{"snapshot 1 {}", "event 2"}; !slices.Equal(got, want) {
		t.Errorf("after a deployment loaded %v, want %v", got, want)
	}
}

func laterSnapshotStays(t *testing.T, env Env) {
	stream := uuid.New()
	mustAppend(t, env.Store, entry(stream, 0, 3))
	save(t, env, eventstore.Snapshot{StreamID: stream, Version: 3, Fold: "a", State: []byte(`{}`)})
	save(t, env, eventstore.Snapshot{StreamID: stream, Version: 1, Fold: "a", State: []byte(`{}`)})
	if got, want := load(t, env, "a", stream), []string{"snapshot 3 {}"}; !slices.Equal(got, want) {
		t.Errorf("loaded %v, want %v", got, want)
	}
}

func loadMany(t *testing.T, env Env) {
	one, two, unknown := uuid.New(), uuid.New(), uuid.New()
	mustAppend(t, env.Store, entry(one, 0, 1), entry(two, 0, 2))
	if got := load(t, env, "a", unknown, two, one); len(got) != 3 {
		t.Errorf("loaded %v, want three events", got)
	}
}
