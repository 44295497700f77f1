package readmodel

import "github.com/google/uuid"

// memory keeps the states of streams from one batch to the next, so that they need not be read from the rows again. It is of one
// runner, whose checkpoint is the fence: a state is what the rows say for as long as nobody else has moved the checkpoint or changed
// what is parked, and whoever does is found out before the state is used. What is taken out comes back only by keep, after the
// commit: a batch that fails, or whose end nobody knows, leaves nothing of its streams here.
type memory interface {
	// take moves the states of the streams into the folds, each into its shard, and returns the streams whose states it has not.
	take(streams [][16]byte, into []Fold) (unknown [][16]byte)
	// keep takes the states of the folds, whose batch is committed.
	keep(from []Fold)
	// forget drops them all.
	forget()
}

// memoryMax bounds the streams of which a projection remembers the state: those of the latest events. A state is some hundred bytes.
const memoryMax = 1 << 16

// memoryOf is the memory of a projection's own states: two halves, the older of which is dropped when the younger is full.
type memoryOf[S any] struct {
	young, old map[uuid.UUID]*folded[S]
	max        int
	settle     func(state *S)
}

func newMemory[S any](most int, settle func(state *S)) *memoryOf[S] {
	m := &memoryOf[S]{max: most, settle: settle}
	m.forget()
	return m
}

func (m *memoryOf[S]) take(streams [][16]byte, into []Fold) (unknown [][16]byte) {
	for _, id := range streams {
		a := m.young[id]
		if a != nil {
			delete(m.young, id)
		} else if a = m.old[id]; a != nil {
			delete(m.old, id)
		} else {
			unknown = append(unknown, id)
			continue
		}
		into[Shard(id, len(into))].(*foldOf[S]).streams[id] = a
	}
	return unknown
}

func (m *memoryOf[S]) keep(from []Fold) {
	for _, shard := range from {
		for id, a := range shard.(*foldOf[S]).streams {
			if a.version == 0 || a.refusal != nil {
				continue
			}
			if len(m.young) >= m.max/2 {
				m.old, m.young = m.young, make(map[uuid.UUID]*folded[S])
			}
			m.settle(&a.state)
			a.changed = false
			m.young[id] = a
		}
	}
}

func (m *memoryOf[S]) forget() {
	m.young, m.old = map[uuid.UUID]*folded[S]{}, map[uuid.UUID]*folded[S]{}
}
