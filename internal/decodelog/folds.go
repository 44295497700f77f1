package decodelog

import (
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
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
	aggregate bank.Aggregate
	version   int64
	balance   money.Amount // of an account
	middle    bool         // it is read from the middle: what it was before is not known, so that nothing is folded onto it
	known     bool         // the balance is
	broken    bool         // an event could not be read or folded: there is nothing to hold the later ones against
	fault     *Fault       // the event that could not be folded; of those that cannot be read it is said elsewhere
}

func newFolds(p part, streamsMax int, from int64) *folds {
	return &folds{part: p, max: streamsMax, from: from, states: map[uuid.UUID]*fold{}}
}

// add folds an event into its stream; nil is one that cannot be read, which is said elsewhere.
func (f *folds) add(stored *eventstore.Event, payload bank.Event) {
	if !f.has(stored.StreamID) {
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
		s = &fold{known: true}
		if f.from > 1 && stored.Version > 1 {
			s = &fold{version: stored.Version - 1, middle: true}
		}
		f.states[stored.StreamID] = s
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
func (s *fold) evolve(stored *eventstore.Event, payload bank.Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if stored.Version != s.version+1 {
		return fmt.Errorf("version %d follows version %d", stored.Version, s.version)
	}
	s.version = stored.Version
	if !s.middle {
		var fits bool
		if s.aggregate, fits = bank.Evolve(s.aggregate, stored.StreamID, payload, stored.RecordedAt); !fits {
			return fmt.Errorf("%s in a stream of another kind", stored.Type)
		}
	}
	if e, ofAccount := payload.(account.Event); ofAccount {
		return s.account(stored, e)
	}
	return nil
}

// account holds an account's event against what was before it.
func (s *fold) account(stored *eventstore.Event, e account.Event) error {
	if _, opens := e.(account.Opened); opens != (stored.Version == 1) {
		return fmt.Errorf("version %d is %s", stored.Version, stored.Type)
	}
	before := s.balance
	if after, states := account.BalancesOf(e); states {
		s.balance = after.Balance
		if m, _ := account.MovementOf(e); s.known && before+m.Amount != after.Balance {
			return fmt.Errorf("%d and %d make %d, the event says %d", before, m.Amount, before+m.Amount, after.Balance)
		}
		s.known = true
	}
	if state, ok := s.aggregate.(account.State); ok { // texts are most of a state, and nothing is decided here
		state.OwnerID, state.OwnerName, state.Metadata = "", "", nil
		s.aggregate = state
	}
	return nil
}
