package readmodel

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/readmodel/internal/pgcopy"
)

// Fold is what some streams are folded into in memory: their states, and the rows their events have added. The engine makes
// one for each batch, a rebuild one for each shard of all streams. It is for one goroutine.
type Fold interface {
	// Apply folds the event into its stream, and keeps no pointer to it; an event that the projection is not made of passes by. Of a
	// stream not loaded the first event is version 1. When the event cannot be applied, its stream stays as it was before it, and
	// the later events of the stream wait behind it; events of other streams go on.
	Apply(e *Event)
	// Skip has events passed over that cannot be applied and that an operator has decided about. Call it before Apply.
	Skip(skips Skips)
	// Refused returns, by stream, the first event that cannot be applied and all that wait behind it, each stream's in their
	// order; nil when every event was applied.
	Refused() []*Refusal
	// Added are the rows since the last Forget.
	Added() *pgcopy.Rows
	// Forget empties the rows and keeps the states.
	Forget()
	// Streams is the number of states.
	Streams() int

	// CopyAdded writes the rows added.
	CopyAdded(ctx context.Context, tx pgx.Tx) error
	// CopyStates writes every state as a new row, into a table that has none of them.
	CopyStates(ctx context.Context, tx pgx.Tx) error

	load(ctx context.Context, tx pgx.Tx, all []Fold, streams [][16]byte) error
	store(ctx context.Context, tx pgx.Tx, all []Fold) error
	copyAdded(ctx context.Context, tx pgx.Tx, all []Fold) error
}

// Refusal is what could not be applied of one stream.
type Refusal struct {
	Stream  uuid.UUID
	Err     *EventError // about the first of the events
	Events  []Event
	version int64 // of the stream in the rows
}

// folded is one stream of a fold.
type folded[S any] struct {
	state   S
	version int64 // of the last event in the state
	changed bool
	refusal *Refusal
}

// foldOf is the Fold over a projection's own states.
type foldOf[S any] struct {
	definition *Definition[S]
	stream     string // the type of streams it is made of
	streams    map[uuid.UUID]*folded[S]
	changed    []*S // in the order of their first change
	added      pgcopy.Rows
	refused    []*Refusal
	skips      Skips
	types      []string                          // empty: all
	finish     func(state *S, rows *pgcopy.Rows) // nil: nothing is forgotten
}

// follows is the guard of each row against a lost or a repeated event. Between two events of some types there may be others.
func (f *foldOf[S]) follows(version int64, e *Event) bool {
	return e.Version == version+1 || len(f.types) > 0 && e.Version > version
}

// Skip implements Fold.
func (f *foldOf[S]) Skip(skips Skips) { f.skips = skips }

// Apply implements Fold.
func (f *foldOf[S]) Apply(e *Event) {
	if e.StreamType != f.stream || len(f.types) > 0 && !slices.Contains(f.types, e.Type) {
		return
	}
	a := f.streams[e.StreamID]
	if a == nil {
		a = &folded[S]{}
		f.streams[e.StreamID] = a
	}
	if a.refusal != nil {
		a.refusal.Events = append(a.refusal.Events, *e)
		return
	}
	if err := f.assign(a, e); err != nil {
		if f.follows(a.version, e) && f.skips.has(e.StreamID, e.Version) {
			a.version = e.Version
			return
		}
		a.refusal = &Refusal{Stream: e.StreamID, Err: &EventError{e.Position, err}, Events: []Event{*e}, version: a.version}
		f.refused = append(f.refused, a.refusal)
		return
	}
	if a.version = e.Version; !a.changed {
		a.changed = true
		f.changed = append(f.changed, &a.state)
	}
}

// assign changes the state and adds rows, or does neither.
func (f *foldOf[S]) assign(a *folded[S], e *Event) error {
	if e.Version > a.version+1 { // the rows do not know of those that were passed over
		a.version = f.skips.behind(e.StreamID, a.version, e.Version)
	}
	if e.fault != nil {
		return e.fault
	}
	if !f.follows(a.version, e) {
		return &versionError{e.StreamID, a.version, e.Version}
	}
	before, mark := a.state, f.added.Mark()
	err := f.apply(a, e)
	if err != nil {
		a.state = before
		f.added.Truncate(mark)
	}
	return err
}

// apply is the projection's own code, whose panic is an error about the event.
func (f *foldOf[S]) apply(a *folded[S], e *Event) (err error) {
	defer recovered(&err)
	if err = f.definition.Apply(&a.state, e, &f.added); err == nil && f.finish != nil {
		f.finish(&a.state, &f.added)
	}
	if err != nil {
		return err
	}
	return f.added.Err()
}

// Refused implements Fold.
func (f *foldOf[S]) Refused() []*Refusal { return f.refused }

// Added implements Fold.
func (f *foldOf[S]) Added() *pgcopy.Rows { return &f.added }

// Forget implements Fold.
func (f *foldOf[S]) Forget() { f.added.Reset() }

// Streams implements Fold.
func (f *foldOf[S]) Streams() int { return len(f.streams) }

// load fetches the states of those of the streams that have rows, each into its shard.
func (f *foldOf[S]) load(ctx context.Context, tx pgx.Tx, all []Fold, streams [][16]byte) error {
	if len(streams) == 0 {
		return nil
	}
	return f.definition.Load(ctx, tx, streams, func(id uuid.UUID, version int64, state S) {
		shard := all[Shard(id, len(all))].(*foldOf[S])
		shard.streams[id] = &folded[S]{state: state, version: version}
	})
}

// store writes the states that changed in all folds of the same projection.
func (f *foldOf[S]) store(ctx context.Context, tx pgx.Tx, all []Fold) error {
	if f.definition.Store == nil {
		return nil
	}
	var states []*S
	for _, one := range all {
		states = append(states, one.(*foldOf[S]).changed...)
	}
	if len(states) == 0 {
		return nil
	}
	return f.definition.Store(ctx, tx, states)
}

// copyAdded writes the rows that were added in all folds of the same projection.
func (f *foldOf[S]) copyAdded(ctx context.Context, tx pgx.Tx, all []Fold) error {
	if f.definition.CopyAdded == "" {
		return nil
	}
	buffers := make([]*pgcopy.Rows, len(all))
	for i, one := range all {
		buffers[i] = one.Added()
	}
	if err := pgcopy.Copy(ctx, tx.Conn().PgConn(), f.definition.CopyAdded, buffers...); err != nil {
		return fmt.Errorf("write the rows added: %w", err)
	}
	return nil
}

// CopyAdded implements Fold.
func (f *foldOf[S]) CopyAdded(ctx context.Context, tx pgx.Tx) error {
	return f.copyAdded(ctx, tx, []Fold{f})
}

// CopyStates implements Fold.
func (f *foldOf[S]) CopyStates(ctx context.Context, tx pgx.Tx) error {
	if f.definition.CopyStates == "" {
		return nil
	}
	var rows pgcopy.Rows
	for _, a := range f.streams {
		if a.version == 0 {
			continue
		}
		f.definition.Row(&a.state, &rows)
		if rows.Size() >= copyBufferMax {
			if err := f.sendStates(ctx, tx, &rows); err != nil {
				return err
			}
		}
	}
	return f.sendStates(ctx, tx, &rows)
}

// copyBufferMax bounds the rows that are held to be sent.
const copyBufferMax = 4 << 20

func (f *foldOf[S]) sendStates(ctx context.Context, tx pgx.Tx, rows *pgcopy.Rows) error {
	if err := pgcopy.Copy(ctx, tx.Conn().PgConn(), f.definition.CopyStates, rows); err != nil {
		return fmt.Errorf("write the rows of accounts: %w", err)
	}
	rows.Reset()
	return nil
}
