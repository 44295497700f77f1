package command

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/bank"
	"passbook/eventstore"
)

// foldFingerprint names the code that folds: a snapshot of other code is passed over.
var foldFingerprint = bank.FoldFingerprint()

// folder folds aggregates out of snapshots and events. One whose history cannot be read breaks alone.
type folder struct {
	decode func(eventstore.Event) (any, error)
	states map[uuid.UUID]bank.Aggregate
	broken map[uuid.UUID]error
	folded map[uuid.UUID]int64 // events read, beside the snapshot
	gap    bool
}

func newFolder(decode func(eventstore.Event) (any, error)) *folder {
	return &folder{decode: decode}
}

// load folds the aggregates. A snapshot may be replaced by a later one between the reads of Load, whose events then do not
// follow: the second time it reads the histories whole.
func (f *folder) load(ctx context.Context, from loadSource, ids []uuid.UUID) error {
	for _, fold := range []string{foldFingerprint, ""} {
		f.states, f.broken, f.gap = make(map[uuid.UUID]bank.Aggregate, len(ids)), map[uuid.UUID]error{}, false
		f.folded = make(map[uuid.UUID]int64, len(ids))
		if err := from.Load(ctx, ids, fold, f); err != nil {
			return err
		}
		if !f.gap {
			return nil
		}
	}
	return nil
}

// Snapshot implements eventstore.Loader.
func (f *folder) Snapshot(s eventstore.Snapshot) error {
	state, err := bank.Restore(s.State)
	if err != nil {
		f.gap = true // unreadable: read the history instead
		return nil   //nolint:nilerr // a snapshot is disposable
	}
	f.states[s.StreamID] = state
	return nil
}

// Event implements eventstore.Loader.
func (f *folder) Event(stored eventstore.Event) error {
	if f.broken[stored.StreamID] != nil {
		return nil
	}
	state := f.states[stored.StreamID]
	if stored.Version != bank.Version(state)+1 {
		f.gap = true
		f.broken[stored.StreamID] = fmt.Errorf("%s %s: version %d does not follow %d", stored.StreamType, stored.StreamID, stored.Version, bank.Version(state))
		return nil
	}
	event, err := f.decode(stored)
	if err != nil {
		f.broken[stored.StreamID] = fmt.Errorf("%s %s: %w", stored.StreamType, stored.StreamID, err)
		return nil
	}
	after, fits := bank.Evolve(state, stored.StreamID, event, stored.RecordedAt)
	if !fits {
		f.broken[stored.StreamID] = fmt.Errorf("%s %s: %s does not belong there", stored.StreamType, stored.StreamID, stored.Type)
		return nil
	}
	f.states[stored.StreamID] = after
	f.folded[stored.StreamID]++
	return nil
}
