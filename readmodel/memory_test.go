package readmodel

import (
	"testing"

	"github.com/google/uuid"
)

// remembering is a memory of numbers and a way to fold through it.
type remembering struct {
	*memoryOf[int]
	settled int
}

func newRemembering(most int) *remembering {
	r := &remembering{}
	r.memoryOf = newMemory(most, func(*int) { r.settled++ })
	return r
}

// folds returns empty folds, as a batch has them.
func folds(n int) []Fold {
	all := make([]Fold, n)
	for i := range all {
		all[i] = &foldOf[int]{streams: map[uuid.UUID]*folded[int]{}}
	}
	return all
}

func put(into []Fold, id uuid.UUID, a folded[int]) {
	into[Shard(id, len(into))].(*foldOf[int]).streams[id] = &a
}

func TestMemoryGivesBackWhatWasCommitted(t *testing.T) {
	t.Parallel()
	m := newRemembering(100)
	moved, parked, unseen, unknown := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	committed := folds(2)
	put(committed, moved, folded[int]{state: 7, version: 3, changed: true})
	put(committed, parked, folded[int]{state: 8, version: 4, refusal: &Refusal{}})
	put(committed, unseen, folded[int]{})
	m.keep(committed)
	if m.settled != 1 {
		t.Errorf("%d states settled, want the one that is kept", m.settled)
	}
	next := folds(1) // another number of shards
	missing := m.take([][16]byte{moved, parked, unseen, unknown}, next)
	if len(missing) != 3 {
		t.Errorf("missing %v, want all but the one that was kept", missing)
	}
	a := next[0].(*foldOf[int]).streams[moved]
	if a == nil || a.state != 7 || a.version != 3 || a.changed {
		t.Errorf("got %+v", a)
	}
	if missing := m.take([][16]byte{moved}, folds(1)); len(missing) != 1 {
		t.Error("a state that is in a batch which may fail is still remembered")
	}
}

func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	m := newRemembering(100)
	id, batch := uuid.New(), folds(1)
	put(batch, id, folded[int]{version: 1})
	m.keep(batch)
	m.forget()
	if missing := m.take([][16]byte{id}, folds(1)); len(missing) != 1 {
		t.Error("remembered")
	}
}

// Whatever is in use stays, however many others pass by once, and memory is bounded.
func TestMemoryKeepsTheLatest(t *testing.T) {
	t.Parallel()
	const most = 64
	m := newRemembering(most)
	used := uuid.New()
	first := folds(1)
	put(first, used, folded[int]{version: 1})
	m.keep(first)
	for i := range 10 * most {
		batch := folds(1)
		put(batch, uuid.New(), folded[int]{version: 1})
		if i%8 == 0 {
			if missing := m.take([][16]byte{used}, batch); len(missing) != 0 {
				t.Fatalf("forgotten after %d others", i)
			}
		}
		m.keep(batch)
		if n := len(m.young) + len(m.old); n > most {
			t.Fatalf("%d states, at most %d", n, most)
		}
	}
}
