package decodelog

import (
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

// part is one of n parts of all streams.
type part struct{ number, of uint64 }

func (p part) has(stream uuid.UUID) bool {
	h := binary.BigEndian.Uint64(stream[:8]) ^ binary.BigEndian.Uint64(stream[8:])*0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return h%p.of == p.number
}

// folds are the states of a part of all streams. When there are too many of them, the part is halved, and the other half is left
// for another pass.
type folds struct {
	part
	left   []part
	max    int
	from   int64
	states map[uuid.UUID]*fold
}

// fold is a stream as far as it was read.
type fold struct {
	state  account.State
	middle bool   // it is read from the middle, and its balance is not known yet
	broken bool   // an event could not be read or folded: there is nothing to hold the later ones against
	fault  *Fault // the event that could not be folded; of those that cannot be read it is said elsewhere
}

func newFolds(p part, streamsMax int, from int64) *folds {
	return &folds{part: p, max: streamsMax, from: from, states: map[uuid.UUID]*fold{}}
}

// add folds an event into its stream; nil is one that cannot be read, which is said elsewhere.
func (f *folds) add(stored *eventstore.Event, payload account.Event) {
	if stored.StreamType != account.StreamType || !f.has(stored.StreamID) {
		return
	}
	s := f.states[stored.StreamID]
	if s == nil {
		for len(f.states) == f.max {
			f.halve()
			if !f.has(stored.StreamID) {
				return
			}
		}
		s = &fold{}
		f.states[stored.StreamID] = s
		if f.from > 1 {
			s.state.Version, s.middle = stored.Version-1, true
		}
	}
	if payload == nil {
		s.broken = true
	}
	if s.broken {
		return
	}
	if err := s.evolve(stored, payload); err != nil {
		s.broken, s.fault = true, new(newFault(stored, ClassFold, err))
	}
}

func (f *folds) halve() {
	f.left = append(f.left, part{f.number + f.of, 2 * f.of})
	f.of *= 2
	maps.DeleteFunc(f.states, func(stream uuid.UUID, _ *fold) bool { return !f.has(stream) })
}

// evolve is the domain's own fold, held against what the event says of it.
func (s *fold) evolve(stored *eventstore.Event, payload account.Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	before := s.state
	if stored.Version != before.Version+1 {
		return fmt.Errorf("version %d follows version %d", stored.Version, before.Version)
	}
	if _, opens := payload.(account.Opened); opens != (stored.Version == 1) {
		return fmt.Errorf("version %d is %s", stored.Version, stored.Type)
	}
	s.state = account.Evolve(before, payload, stored.RecordedAt)
	s.state.OwnerID, s.state.OwnerName, s.state.Metadata = "", "", nil // texts are most of a state, and nothing is decided here
	if m, moves := account.MovementOf(payload); moves && !s.middle && before.Balance+m.Amount != m.BalanceAfter {
		return fmt.Errorf("%d and %d make %d, the event says %d", before.Balance, m.Amount, before.Balance+m.Amount, m.BalanceAfter)
	}
	if _, stated := account.BalancesOf(payload); stated {
		s.middle = false
	}
	return nil
}
