package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// ErrNone means that there is nothing of the kind to do it with.
var ErrNone = errors.New("nothing to do")

// Rollback makes the previous generation the live one again, and the other way round. It is brought to the live one's position by
// this process when the code is of its version. When it is not, it stays where it is: readers are then taken back to its position,
// which is refused with readmodel.ErrBehind unless behind allows it.
func (r *Rebuilder) Rollback(ctx context.Context, p readmodel.Projector, o Options, behind bool) (to readmodel.Generation, err error) {
	o = o.orDefault()
	err = exclusively(ctx, r.parts.Pool, p.Name, o.Holder, o.LeaseTTL, r.parts.Logger, func(string) {}, func(ctx context.Context) error {
		to, err = r.rollback(ctx, p, behind)
		return err
	})
	return to, err
}

func (r *Rebuilder) rollback(ctx context.Context, p readmodel.Projector, behind bool) (readmodel.Generation, error) {
	gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, p.Name)
	if err != nil {
		return readmodel.Generation{}, err
	}
	live, _ := gs.At(readmodel.PlaceLive)
	previous, ok := gs.At(readmodel.PlacePrevious)
	if !ok {
		return previous, fmt.Errorf("%s has no previous generation: %w", p.Name, ErrNone)
	}
	swap := readmodel.Swap{Pool: r.parts.Pool, Projector: p, From: readmodel.PlacePrevious}
	if previous.CodeVersion != p.Version {
		if previous.Position < live.Position && !behind {
			return previous, fmt.Errorf("generation %d is of code version %d, this is %d and cannot continue it; it stands at %d, %d events behind: %w",
				previous.Number, previous.CodeVersion, p.Version, previous.Position, live.Position-previous.Position, readmodel.ErrBehind)
		}
		return swap.Repeat(ctx, func(context.Context, error) error { return nil })
	}
	swap.Follower, err = r.follower(p, readmodel.PlacePrevious)
	if err != nil {
		return previous, err
	}
	return swap.Repeat(ctx, func(ctx context.Context, _ error) error { return r.follow(ctx, swap.Follower, p) })
}

// follow brings a generation near to the live one, beside others that may do the same.
func (r *Rebuilder) follow(ctx context.Context, f *readmodel.Follower, p readmodel.Projector) error {
	for {
		gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, p.Name)
		if err != nil {
			return err
		}
		if _, _, err := f.Load(ctx); err != nil {
			return err
		}
		live, _ := gs.At(readmodel.PlaceLive)
		if live.Position-f.Position() <= nearEnough {
			return nil
		}
		if err := f.Step(ctx, live.Position); err != nil && !errors.Is(err, readmodel.ErrMoved) {
			return err
		}
	}
}

// DropPrevious removes the previous generation: there is no rollback any more.
func (r *Rebuilder) DropPrevious(ctx context.Context, p readmodel.Projector, o Options) (dropped readmodel.Generation, err error) {
	o = o.orDefault()
	err = exclusively(ctx, r.parts.Pool, p.Name, o.Holder, o.LeaseTTL, r.parts.Logger, func(string) {}, func(ctx context.Context) error {
		dropped, err = r.drop(ctx, p, readmodel.PlacePrevious)
		return err
	})
	return dropped, err
}

func (r *Rebuilder) drop(ctx context.Context, p readmodel.Projector, place readmodel.Place) (g readmodel.Generation, err error) {
	err = pgx.BeginFunc(ctx, r.parts.Pool, func(tx pgx.Tx) error {
		var ok bool
		if g, ok, err = readmodel.Drop(ctx, tx, p, place); err == nil && !ok {
			err = fmt.Errorf("%s has no %s generation: %w", p.Name, place, ErrNone)
		}
		return err
	})
	return g, err
}

// Cancel ends a rebuild and drops what it has made. A process that runs it stops at its next write.
func (r *Rebuilder) Cancel(ctx context.Context, p readmodel.Projector, o Options) (dropped readmodel.Generation, err error) {
	o = o.orDefault()
	marked, err := db.New(r.parts.Pool).CancelRebuild(ctx, p.Name)
	if err != nil {
		return dropped, fmt.Errorf("cancel the rebuild of %s: %w", p.Name, err)
	}
	if marked == 0 {
		return dropped, fmt.Errorf("%s is not being rebuilt: %w", p.Name, ErrNone)
	}
	for {
		err := exclusively(ctx, r.parts.Pool, p.Name, o.Holder, o.LeaseTTL, r.parts.Logger, func(string) {}, func(ctx context.Context) error {
			dropped, err = r.drop(ctx, p, readmodel.PlaceNext)
			return err
		})
		if _, running := errors.AsType[*RunningError](err); !running {
			return dropped, err
		}
	}
}

// pauseAfterOther is how long a rebuild that begins by itself leaves one that another process runs alone.
const pauseAfterOther = 2 * time.Second

// Auto rebuilds projections whose code is newer than their live generation, at the start of a projector.
type Auto struct {
	Rebuilder *Rebuilder
	Options   Options
	// Record, when set, does what it is given, and keeps record of it.
	Record func(ctx context.Context, do func() error) error
}

// ErrRolledBack means that the live generation is older than the code because an operator has rolled back to it.
var ErrRolledBack = errors.New("an operator has rolled back to the generation of an older version of the code")

// Rebuild implements readmodel.Rebuilder.
func (a Auto) Rebuild(ctx context.Context, p readmodel.Projector) error {
	r := a.Rebuilder
	gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, p.Name)
	if err != nil {
		return err
	}
	live, _ := gs.At(readmodel.PlaceLive)
	if slices.ContainsFunc(gs, func(g readmodel.Generation) bool {
		return g.Place == readmodel.PlacePrevious && g.CodeVersion == p.Version
	}) {
		return fmt.Errorf("%w: it is of version %d, this one is %d", ErrRolledBack, live.CodeVersion, p.Version)
	}
	stored, err := db.New(r.parts.Pool).LoadRebuild(ctx, p.Name)
	next, ok := gs.At(readmodel.PlaceNext)
	if err == nil && stored.Phase == phaseDiffers && ok && next.CodeVersion == p.Version {
		return fmt.Errorf("generation %d waits for an operator to accept or to cancel it: %s", stored.Generation, stored.Finding)
	}
	r.parts.Logger.InfoContext(ctx, "the code is newer than the live generation: rebuilding", "projection", p.Name, "live_version", live.CodeVersion, "version", p.Version)
	options := a.Options
	options.IfOlder = true // another may have done it by the time that it is our turn
	run := func() error {
		_, err := r.Run(ctx, []readmodel.Projector{p}, options)
		return err
	}
	if a.Record == nil {
		err = run()
	} else {
		err = a.Record(ctx, run)
	}
	if other, running := errors.AsType[*RunningError](err); running {
		r.parts.Logger.InfoContext(ctx, "another process rebuilds", "projection", p.Name, "holder", other.Holder)
		select {
		case <-time.After(pauseAfterOther):
		case <-ctx.Done():
		}
		return nil
	}
	return err
}
