package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// Parts is what a Rebuilder is made of.
type Parts struct {
	Pool    *pgxpool.Pool // role passbook_projector; ten connections
	Log     readmodel.Log
	Decoder readmodel.Decoder
	Logger  *slog.Logger
	Config  readmodel.Config // of the projectors: what can be parked, and the build
}

// Options of a rebuild.
type Options struct {
	Holder     string        // this process, unique among those that run at the same time
	StartedBy  string        // who asked for it
	LeaseTTL   time.Duration // how long the next one waits after this process was killed; 0: five seconds
	IfOlder    bool          // only projections whose live generation is of an older version of the code, once nobody else has them in hand
	AcceptDiff bool          // switch although rows differ from the live generation's
	MaxRate    int           // events a second; 0: no limit
	Pressed    Pressed       // zero: DefaultPressed
	Report     func(Progress)
}

func (o Options) orDefault() Options {
	if o.LeaseTTL == 0 {
		o.LeaseTTL = 5 * time.Second
	}
	if o.Pressed == (Pressed{}) {
		o.Pressed = DefaultPressed()
	}
	return o
}

// Rebuilder makes generations and exchanges them.
type Rebuilder struct {
	parts Parts
}

// New returns a rebuilder.
func New(parts Parts) *Rebuilder { return &Rebuilder{parts} }

var (
	// ErrCancelled means that an operator has cancelled the rebuild.
	ErrCancelled = errors.New("the rebuild was cancelled")
	// errNotOurs: another process has moved the shard, or the rebuild is gone.
	errNotOurs = errors.New("the rebuild is not where this process left it")
)

// DiffersError means that rows of the next generation differ from the live one's and nobody has accepted that. The next
// generation is kept: the same rebuild with AcceptDiff goes on from there.
type DiffersError struct {
	Projection string
	Finding    Finding
}

func (e *DiffersError) Error() string {
	return fmt.Sprintf("%s: %s", e.Projection, e.Finding.Text)
}

// Result is what a rebuild of one projection came to.
type Result struct {
	Projection string        `json:"projection"`
	Generation int           `json:"generation"`
	Position   int64         `json:"position"`
	Replayed   int64         `json:"replayed"`
	Resumed    bool          `json:"resumed"`
	Finding    Finding       `json:"finding"`
	Elapsed    time.Duration `json:"elapsed_ns"`
}

// Run rebuilds projections: it makes the next generation of each, or goes on where an interrupted rebuild was, and switches to it.
// The replay of all of them reads the log once. Whatever ends it, also a done ctx, leaves a state from which Run goes on; readers
// are served by the live generations until the switch. A projection that another process has in hand is a *RunningError.
func (r *Rebuilder) Run(ctx context.Context, projectors []readmodel.Projector, o Options) ([]Result, error) {
	o = o.orDefault()
	slices.SortFunc(projectors, func(a, b readmodel.Projector) int { return strings.Compare(a.Name, b.Name) })
	run := &run{Rebuilder: r, options: o, progress: newProgress(o.Report)}
	err := run.under(ctx, projectors, func(ctx context.Context) error { return run.all(ctx, projectors) })
	if other, running := errors.AsType[*RunningError](err); running {
		if stored, err := db.New(r.parts.Pool).LoadRebuild(ctx, other.Projection); err == nil {
			other.StartedBy, other.StartedAt = stored.StartedBy, stored.StartedAt
		}
	}
	if err != nil && run.cancelled(context.WithoutCancel(ctx)) {
		err = errors.Join(ErrCancelled, err)
	}
	return run.results, err
}

// run is one call of Run.
type run struct {
	*Rebuilder
	options  Options
	progress *progress
	jobs     []*job
	results  []Result
}

// job is the rebuild of one projection.
type job struct {
	projector  readmodel.Projector
	generation int
	phase      string
	through    int64 // of the replay
	resumed    bool
	shards     []shardState
	follower   *readmodel.Follower
	finding    Finding
}

// shardState is what is durable of a shard.
type shardState struct {
	position int64
	done     bool
}

// Phases, as they stand in the table.
const (
	phaseReplay  = "replay"
	phaseIndex   = "index"
	phaseCatchUp = "catch_up"
	phaseDiffers = "differs"
)

// under holds the leases of all projections, in their order.
func (r *run) under(ctx context.Context, projectors []readmodel.Projector, do func(ctx context.Context) error) error {
	if len(projectors) == 0 {
		return do(ctx)
	}
	return exclusively(ctx, r.parts.Pool, projectors[0].Name, r.options.Holder, r.options.LeaseTTL, r.parts.Logger, r.waits(projectors[0]), func(ctx context.Context) error {
		return r.under(ctx, projectors[1:], do)
	})
}

func (r *run) waits(p readmodel.Projector) func(holder string) {
	return func(holder string) {
		r.progress.enter("wait", []string{p.Name}, 0)
		r.progress.note("in the hands of " + holder + ": it lives, or its time is up in some seconds")
	}
}

func (r *run) all(ctx context.Context, projectors []readmodel.Projector) error {
	for _, p := range projectors {
		if r.options.IfOlder && !r.older(ctx, p) {
			continue
		}
		j, err := r.open(ctx, p)
		if err != nil {
			return fmt.Errorf("begin the rebuild of %s: %w", p.Name, err)
		}
		r.jobs = append(r.jobs, j)
	}
	if err := r.replayAll(ctx); err != nil {
		return err
	}
	var differ error
	for _, j := range r.jobs {
		err := r.conclude(ctx, j)
		if _, differs := errors.AsType[*DiffersError](err); differs {
			differ = errors.Join(differ, err) // the others go on
			continue
		}
		if err != nil {
			return fmt.Errorf("rebuild %s: %w", j.projector.Name, err)
		}
	}
	return differ
}

// open begins the next generation, or finds the one that was begun.
func (r *run) open(ctx context.Context, p readmodel.Projector) (*job, error) {
	j := &job{projector: p}
	stored, err := db.New(r.parts.Pool).LoadRebuild(ctx, p.Name)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = r.begin(ctx, j)
	case err == nil && r.stale(ctx, p):
		r.parts.Logger.InfoContext(ctx, "the generation begun by another version of the code is dropped", "projection", p.Name, "generation", stored.Generation)
		if _, err = r.drop(ctx, p, readmodel.PlaceNext); err == nil {
			err = r.begin(ctx, j)
		}
	case err == nil && stored.Cancelled:
		return nil, ErrCancelled
	case err == nil:
		j.generation, j.phase, j.through, j.resumed = stored.Generation, stored.Phase, stored.Through, true
	}
	if err != nil {
		return nil, err
	}
	if err := r.loadShards(ctx, j); err != nil {
		return nil, err
	}
	j.follower, err = r.follower(p, readmodel.PlaceNext)
	return j, err
}

func (r *Rebuilder) follower(p readmodel.Projector, place readmodel.Place) (*readmodel.Follower, error) {
	return readmodel.NewFollower(readmodel.Parts{
		Pool: r.parts.Pool, Log: r.parts.Log, Decoder: r.parts.Decoder, Logger: r.parts.Logger}, r.parts.Config, p, place)
}

// older tells whether the live generation is of an older version of the code. Who does not know tries.
func (r *run) older(ctx context.Context, p readmodel.Projector) bool {
	gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, p.Name)
	live, ok := gs.At(readmodel.PlaceLive)
	return err != nil || !ok || live.CodeVersion < p.Version
}

// stale tells whether the next generation is of another version of the code.
func (r *run) stale(ctx context.Context, p readmodel.Projector) bool {
	gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, p.Name)
	next, ok := gs.At(readmodel.PlaceNext)
	return err == nil && ok && next.CodeVersion != p.Version
}

// begin makes the bare tables. The replay ends at the live generation's position: there the two can be compared.
func (r *run) begin(ctx context.Context, j *job) error {
	streams, err := db.New(r.parts.Pool).CountStreams(ctx)
	if err != nil {
		return fmt.Errorf("count the streams: %w", err)
	}
	if err := readmodel.BeginLive(ctx, r.parts.Pool, j.projector); err != nil {
		return err
	}
	gs, head, err := readmodel.LoadGenerations(ctx, r.parts.Pool, j.projector.Name)
	if err != nil {
		return err
	}
	live, _ := gs.At(readmodel.PlaceLive)
	if j.phase, j.through = phaseReplay, min(live.Position, head); live.Position == 0 { // there is nothing to compare with
		j.through = head
	}
	return pgx.BeginFunc(ctx, r.parts.Pool, func(tx pgx.Tx) error {
		next, err := readmodel.CreateNext(ctx, tx, j.projector)
		if err != nil {
			return err
		}
		j.generation = next.Number
		q := db.New(tx)
		err = q.BeginRebuild(ctx, db.BeginRebuildParams{
			Projection: j.projector.Name, Generation: next.Number, Through: j.through, StartedBy: r.options.StartedBy})
		if err != nil {
			return err
		}
		return q.BeginShards(ctx, db.BeginShardsParams{Projection: j.projector.Name, Shards: shardsFor(streams)})
	})
}

func (r *run) loadShards(ctx context.Context, j *job) error {
	rows, err := db.New(r.parts.Pool).LoadShards(ctx, j.projector.Name)
	if err != nil {
		return err
	}
	for _, row := range rows {
		j.shards = append(j.shards, shardState{row.Position, row.Done})
	}
	return nil
}

// cancelled tells whether an operator has cancelled one of the rebuilds.
func (r *run) cancelled(ctx context.Context) bool {
	for _, j := range r.jobs {
		if stored, err := db.New(r.parts.Pool).LoadRebuild(ctx, j.projector.Name); err == nil && stored.Cancelled {
			return true
		}
	}
	return false
}

// replayAll replays what is not replayed yet, one group after another of the same number of shards.
func (r *run) replayAll(ctx context.Context) error {
	groups := map[int][]*job{}
	for _, j := range r.jobs {
		if j.phase == phaseReplay {
			groups[len(j.shards)] = append(groups[len(j.shards)], j)
		}
	}
	for shards, jobs := range groups {
		if err := r.replayGroup(ctx, shards, jobs); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) replayGroup(ctx context.Context, shards int, jobs []*job) error {
	names := make([]string, len(jobs))
	for i, j := range jobs {
		names[i] = j.projector.Name
	}
	t := newThrottle(r.options.MaxRate, r.progress.slowed)
	whole := &replay{
		pool: r.parts.Pool, decoder: r.parts.Decoder, config: r.parts.Config, jobs: jobs, shards: shards, throttle: t, progress: r.progress,
	}
	r.progress.enter("replay", names, whole.events())
	beside, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { (&probe{pool: r.parts.Pool, pressed: r.options.Pressed, names: names}).run(beside, t.feel) })
	running.Go(func() { newSettler(r.parts.Pool, jobs).run(beside) })
	err := whole.run(ctx)
	stop()
	running.Wait()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := r.replayed(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// replayed says that the rows are the fold of the log up to where the replay ended.
func (r *run) replayed(ctx context.Context, j *job) error {
	err := pgx.BeginFunc(ctx, r.parts.Pool, func(tx pgx.Tx) error {
		q := db.New(tx)
		placed, err := q.PlaceReplayed(ctx, db.PlaceReplayedParams{
			Through: j.through, Projection: j.projector.Name, Generation: j.generation})
		if err != nil {
			return err
		}
		entered, err := q.EnterPhase(ctx, db.EnterPhaseParams{Projection: j.projector.Name, Generation: j.generation, Phase: phaseIndex})
		if err == nil && (placed != 1 || entered != 1) {
			err = errNotOurs
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("end the replay of %s: %w", j.projector.Name, err)
	}
	j.phase = phaseIndex
	return nil
}

func (r *run) enter(ctx context.Context, j *job, phase, finding string) error {
	entered, err := db.New(r.parts.Pool).EnterPhase(ctx, db.EnterPhaseParams{
		Projection: j.projector.Name, Generation: j.generation, Phase: phase, Finding: finding})
	if err == nil && entered != 1 {
		err = errNotOurs
	}
	if err != nil {
		return fmt.Errorf("enter phase %s: %w", phase, err)
	}
	j.phase = phase
	return nil
}
