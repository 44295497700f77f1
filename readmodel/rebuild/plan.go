package rebuild

import (
	"context"
	"fmt"
	"time"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// Plan is what a rebuild of a projection would do.
type Plan struct {
	Projection string        `json:"projection"`
	Live       int           `json:"live_generation"`
	Next       int           `json:"next_generation"`
	Resumes    string        `json:"resumes,omitempty"` // the phase in which a rebuild was interrupted
	Drops      int           `json:"drops_generation,omitempty"`
	Events     int64         `json:"events"`     // to replay
	Accounts   int64         `json:"accounts"`   // or streams of the type that the projection is made of
	Rows       int64         `json:"rows"`       // about, from the live tables' statistics
	DiskBytes  int64         `json:"disk_bytes"` // that the new tables need, about what the live ones take
	Passes     int           `json:"passes"`     // readings of the log
	Estimate   time.Duration `json:"-"`
	Seconds    float64       `json:"estimated_seconds"`
}

// sampleSegments are read and folded to learn this machine's rate.
const sampleSegments = 3

// writeShare is how long a rebuild takes in all for what reading, decoding and folding take by themselves: rows are written and
// indexed, and generations compared. Measured with both projections of the bank.
const writeShare = 4

// Plan tells what Run would do, and does nothing of it.
func (r *Rebuilder) Plan(ctx context.Context, projectors []readmodel.Projector) ([]Plan, error) {
	streams, err := db.New(r.parts.Pool).CountStreams(ctx)
	if err != nil {
		return nil, fmt.Errorf("count the streams: %w", err)
	}
	plans := make([]Plan, len(projectors))
	for i, p := range projectors {
		if plans[i], err = r.plan(ctx, p); err != nil {
			return nil, fmt.Errorf("plan the rebuild of %s: %w", p.Name, err)
		}
		if plans[i].Accounts, err = db.New(r.parts.Pool).CountStreamsOf(ctx, p.Stream); err != nil {
			return nil, fmt.Errorf("count the streams of %s: %w", p.Name, err)
		}
		plans[i].Passes = shardsFor(streams) / workers()
	}
	each, err := r.sample(ctx, projectors, plans)
	for i := range plans {
		plans[i].Estimate = time.Duration(plans[i].Events) * each * writeShare * time.Duration(plans[i].Passes)
		plans[i].Seconds = plans[i].Estimate.Seconds()
	}
	return plans, err
}

func (r *Rebuilder) plan(ctx context.Context, p readmodel.Projector) (Plan, error) {
	gs, head, err := readmodel.LoadGenerations(ctx, r.parts.Pool, p.Name)
	if err != nil {
		return Plan{}, err
	}
	live, ok := gs.At(readmodel.PlaceLive)
	plan := Plan{Projection: p.Name, Live: live.Number, Next: 2, Events: min(live.Position, head)}
	if ok {
		plan.Next = gs[len(gs)-1].Number + 1
	} else if err := r.headOf(ctx, &plan); err != nil {
		return Plan{}, err
	}
	if live.Position == 0 {
		plan.Events = max(plan.Events, head)
	}
	if next, ok := gs.At(readmodel.PlaceNext); ok {
		plan.Next = next.Number
		if stored, err := db.New(r.parts.Pool).LoadRebuild(ctx, p.Name); err == nil {
			plan.Resumes = stored.Phase
		}
	}
	if previous, ok := gs.At(readmodel.PlacePrevious); ok {
		plan.Drops = previous.Number
	}
	for _, table := range p.Tables {
		rows, bytes, err := readmodel.TableSize(ctx, r.parts.Pool, table)
		if err != nil {
			return Plan{}, err
		}
		plan.Rows, plan.DiskBytes = plan.Rows+rows, plan.DiskBytes+bytes
	}
	return plan, nil
}

// headOf sets the events of a projection that has never begun.
func (r *Rebuilder) headOf(ctx context.Context, plan *Plan) (err error) {
	plan.Live, plan.Events = 1, 0
	plan.Events, err = db.New(r.parts.Pool).Head(ctx)
	return err
}

// sample folds the beginning of the log and returns what an event takes.
func (r *Rebuilder) sample(ctx context.Context, projectors []readmodel.Projector, plans []Plan) (time.Duration, error) {
	through := sampleSegments * segmentEvents
	for _, plan := range plans {
		through = min(through, plan.Events)
	}
	if through == 0 {
		return 0, nil
	}
	folds := make([]readmodel.Fold, len(projectors))
	for i, p := range projectors {
		folds[i] = p.NewReplay()
	}
	reader := &reader{pool: r.parts.Pool, decoder: r.parts.Decoder, projectors: projectors, shards: 1, to: 1}
	started := time.Now()
	for after := int64(0); after < through; after += segmentEvents {
		s := &segment{after: after, through: min(after+segmentEvents, through), ready: make(chan struct{})}
		if reader.read(ctx, s); s.err != nil {
			return 0, s.err
		}
		for _, fold := range folds {
			for i := range s.shards[0] {
				fold.Apply(&s.shards[0][i])
			}
			fold.Forget()
		}
	}
	return time.Since(started) / time.Duration(through), nil
}
