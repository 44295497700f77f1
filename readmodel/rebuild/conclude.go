package rebuild

import (
	"context"
	"errors"
	"fmt"
	"time"

	"passbook/readmodel"
)

// conclude takes a projection from the end of its replay to the switch.
func (r *run) conclude(ctx context.Context, j *job) error {
	names := []string{j.projector.Name}
	if j.phase == phaseIndex {
		r.progress.enter("index", names, 0)
		if err := r.index(ctx, j); err != nil {
			return err
		}
	}
	r.progress.enter("catch up", names, 0)
	if err := r.catchUp(ctx, j, nearEnough); err != nil {
		return err
	}
	r.progress.enter("compare", names, 0)
	if err := r.compare(ctx, j); err != nil {
		return err
	}
	if err := r.enter(ctx, j, phaseCatchUp, ""); err != nil { // or it was cancelled meanwhile
		return err
	}
	r.progress.enter("switch", names, 0)
	return r.swap(ctx, j)
}

// Memory of Postgres for the making of an index. It sorts, and two of its processes do so for a large table.
const setIndexMemory = `SET maintenance_work_mem = '256MB'`

// index completes the tables. A statement that was interrupted has left nothing.
func (r *run) index(ctx context.Context, j *job) error {
	pooled, err := r.parts.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := pooled.Hijack() // its settings are not for others
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, setIndexMemory); err != nil {
		return err
	}
	if err := readmodel.Complete(ctx, conn, j.projector, r.progress.note); err != nil {
		return err
	}
	return r.enter(ctx, j, phaseCatchUp, "")
}

// nearEnough is how far behind the live generation the next one may be when others are made to wait for the rest.
const nearEnough = 2_000

// catchUp applies events until the next generation is so near to the live one. It never passes it: the two are compared at the
// same position.
func (r *run) catchUp(ctx context.Context, j *job, near int64) error {
	if _, _, err := j.follower.Load(ctx); err != nil {
		return err
	}
	for {
		gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, j.projector.Name)
		if err != nil {
			return err
		}
		live, ok := gs.At(readmodel.PlaceLive)
		if !ok {
			return readmodel.ErrNoLive
		}
		behind := live.Position - j.follower.Position()
		if behind <= near {
			return nil
		}
		r.progress.note(fmt.Sprintf("%d events behind the live generation", behind))
		if err := j.follower.Step(ctx, live.Position); err != nil {
			return err
		}
	}
}

// swap switches, as soon as no reader holds the tables.
func (r *run) swap(ctx context.Context, j *job) error {
	started := time.Now()
	swap := readmodel.Swap{Pool: r.parts.Pool, Projector: j.projector, From: readmodel.PlaceNext, Follower: j.follower}
	to, err := swap.Repeat(ctx, func(ctx context.Context, cause error) error {
		if errors.Is(cause, readmodel.ErrInUse) {
			r.progress.note(fmt.Sprintf("waiting for those who read the tables, since %s", time.Since(started).Round(time.Second)))
		}
		return r.catchUp(ctx, j, nearEnough)
	})
	if err != nil {
		return fmt.Errorf("switch to generation %d: %w", j.generation, err)
	}
	r.results = append(r.results, Result{
		Projection: j.projector.Name, Generation: to.Number, Position: to.Position, Replayed: j.through, Resumed: j.resumed,
		Finding: j.finding, Elapsed: time.Since(r.progress.started),
	})
	r.parts.Logger.InfoContext(ctx, "generation switched", "projection", j.projector.Name, "generation", to.Number, "position", to.Position)
	return nil
}
