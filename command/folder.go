package command

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

// foldFingerprint names the code that folds: a snapshot of other code is passed over.
var foldFingerprint = account.FoldFingerprint()

// folder folds accounts out of snapshots and events. An account whose history cannot be read breaks alone.
type folder struct {
	decode func(eventstore.Event) (account.Event, error)
	states map[uuid.UUID]account.State
	broken map[uuid.UUID]error
	folded map[uuid.UUID]int64 // events read, beside the snapshot
	gap    bool
}

func newFolder(decode func(eventstore.Event) (account.Event, error)) *folder {
	return &folder{decode: decode}
}

// load folds the accounts. A snapshot may be replaced by a later one between the reads of Load, whose events then do not
// follow: the second time it reads the histories whole.
func (f *folder) load(ctx context.Context, from loadSource, ids []uuid.UUID) error {
	for _, fold := range []string{foldFingerprint, ""} {
		f.states, f.broken, f.gap = make(map[uuid.UUID]account.State, len(ids)), map[uuid.UUID]error{}, false
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
	var state account.State
	if err := json.Unmarshal(s.State, &state); err != nil {
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
	if stored.Version != state.Version+1 {
		f.gap = true
		f.broken[stored.StreamID] = fmt.Errorf("account %s: version %d does not follow %d", stored.StreamID, stored.Version, state.Version)
		return nil
	}
	event, err := f.decode(stored)
	if err != nil {
		f.broken[stored.StreamID] = fmt.Errorf("account %s: %w", stored.StreamID, err)
		return nil
	}
	f.states[stored.StreamID] = account.Evolve(state, event, stored.RecordedAt)
	f.folded[stored.StreamID]++
	return nil
}
