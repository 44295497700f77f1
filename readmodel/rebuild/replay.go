package rebuild

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// Bounds of a replay. They bound its memory: see doc.go.
const (
	workersMax    = 4 // shards folded at a time
	readersMax    = 2
	segmentsAhead = 2 // segments that are read before they are needed, a reader
)

var (
	streamsMax int64 = 300_000 // streams in memory at a time; a log of more is read several times, for a part of them each
	flushBytes       = 8 << 20 // rows of a shard that are held to be written
)

func workers() int { return min(workersMax, runtime.GOMAXPROCS(0)) }

// shardsFor is in how many parts so many streams are replayed.
func shardsFor(streams int64) int {
	passes := (streams + streamsMax - 1) / streamsMax
	return int(max(1, passes)) * workers()
}

// replay folds the log into the bare tables of several projections at once, which have the same number of shards: what is read
// and decoded is of use to all.
type replay struct {
	pool     *pgxpool.Pool
	decoder  readmodel.Decoder
	config   readmodel.Config
	jobs     []*job
	shards   int
	throttle *throttle
	progress *progress
}

// run goes through the log once for each part of the accounts that fits into memory.
func (r *replay) run(ctx context.Context) error {
	width := workers()
	for from := 0; from < r.shards; from += width {
		p := &pass{replay: r, from: from, to: min(from+width, r.shards)}
		if p.done() {
			continue
		}
		if err := p.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// through is where the replay of the last job ends.
func (r *replay) through() (position int64) {
	for _, j := range r.jobs {
		position = max(position, j.through)
	}
	return position
}

// pass is one reading of the log for some of the shards.
type pass struct {
	*replay
	from, to int
}

func (p *pass) done() bool {
	for _, j := range p.jobs {
		for _, s := range j.shards[p.from:p.to] {
			if !s.done {
				return false
			}
		}
	}
	return true
}

// run reads segments ahead, in parallel, and hands them in their order to a worker for each shard. The first failure ends all.
func (p *pass) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	toRead := make(chan *segment)
	inOrder := make(chan *segment, readersMax*segmentsAhead)
	running.Go(func() { p.plan(ctx, toRead, inOrder) })
	for range readersMax {
		running.Go(func() { p.read(ctx, toRead) })
	}
	inputs := make([]chan *segment, p.to-p.from)
	for i := range inputs {
		inputs[i] = make(chan *segment, 1)
		running.Go(func() {
			if err := p.work(ctx, p.from+i, inputs[i]); err != nil {
				cancel(err)
			}
		})
	}
	running.Go(func() {
		if err := p.deal(ctx, inOrder, inputs); err != nil {
			cancel(err)
		}
	})
	running.Wait()
	return context.Cause(ctx)
}

// plan cuts the log into segments.
func (p *pass) plan(ctx context.Context, toRead, inOrder chan<- *segment) {
	defer close(toRead)
	defer close(inOrder)
	through := p.through()
	for after := int64(0); after < through; after += segmentEvents {
		s := &segment{after: after, through: min(after+segmentEvents, through), ready: make(chan struct{})}
		if p.throttle.wait(ctx, s.through-s.after) != nil {
			return
		}
		select {
		case inOrder <- s:
		case <-ctx.Done():
			return
		}
		select {
		case toRead <- s:
		case <-ctx.Done():
			return
		}
	}
}

func (p *pass) read(ctx context.Context, toRead <-chan *segment) {
	r := &reader{pool: p.pool, decoder: p.decoder, shards: p.shards, from: p.from, to: p.to}
	for _, j := range p.jobs {
		r.projectors = append(r.projectors, j.projector)
	}
	for s := range toRead {
		r.read(ctx, s)
	}
}

// deal gives each worker each segment, in the order of the log.
func (p *pass) deal(ctx context.Context, inOrder <-chan *segment, inputs []chan *segment) error {
	defer func() {
		for _, in := range inputs {
			close(in)
		}
	}()
	for s := range inOrder {
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil
		}
		if s.err != nil {
			return s.err
		}
		for _, in := range inputs {
			select {
			case in <- s:
			case <-ctx.Done():
				return nil
			}
		}
		p.progress.add(s.through - s.after)
	}
	return nil
}

// work folds one shard of every job.
func (p *pass) work(ctx context.Context, shard int, in <-chan *segment) error {
	writers := make([]*writer, len(p.jobs))
	for i, j := range p.jobs {
		writers[i] = &writer{replay: p.replay, job: j, shard: shard, fold: j.projector.NewReplay()}
		skips, err := readmodel.LoadSkips(ctx, p.pool, j.projector.Name)
		if err != nil {
			return err
		}
		writers[i].fold.Skip(skips)
	}
	last := int64(0)
	for s := range in {
		for _, w := range writers {
			if err := w.take(ctx, s); err != nil {
				return err
			}
		}
		last = s.through
	}
	if last != p.through() { // somebody else has failed
		return nil
	}
	for _, w := range writers {
		if err := w.finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// writer is one shard of one projection.
type writer struct {
	*replay
	job   *job
	shard int
	fold  readmodel.Fold
}

func (w *writer) state() *shardState { return &w.job.shards[w.shard] }

// take folds a segment. Up to where the shard was before an interruption it only gets the states back into memory.
func (w *writer) take(ctx context.Context, s *segment) error {
	written := w.state().position
	if w.state().done || s.after >= w.job.through {
		return nil
	}
	events := s.shards[w.shard]
	for i := range events {
		e := &events[i]
		if e.Position > w.job.through {
			break
		}
		mark := w.fold.Added().Mark()
		w.fold.Apply(e)
		if e.Position <= written {
			w.fold.Added().Truncate(mark)
		}
	}
	if w.fold.Added().Size() < flushBytes {
		return nil
	}
	return w.flush(ctx, min(s.through, w.job.through), false)
}

// finish writes the rest, and the states.
func (w *writer) finish(ctx context.Context) error {
	if w.state().done {
		return nil
	}
	return w.flush(ctx, w.job.through, true)
}

// flush writes rows together with how far they go.
func (w *writer) flush(ctx context.Context, through int64, last bool) error {
	err := pgx.BeginTxFunc(ctx, w.pool, readmodel.PlaceNext.Begin(), func(tx pgx.Tx) error {
		moved, err := db.New(tx).AdvanceShard(ctx, db.AdvanceShardParams{
			Projection: w.job.projector.Name, Generation: w.job.generation, Shard: w.shard,
			After: w.state().position, Through: through, Done: last,
		})
		if err != nil {
			return err
		}
		if moved != 1 {
			return errNotOurs
		}
		if err := w.fold.CopyAdded(ctx, tx); err != nil || !last {
			return err
		}
		if err := w.fold.CopyStates(ctx, tx); err != nil {
			return err
		}
		return readmodel.ParkReplayed(ctx, tx, w.config, w.job.projector, w.job.generation, w.fold.Refused())
	})
	if err != nil {
		return fmt.Errorf("write shard %d of %s through event %d: %w", w.shard, w.job.projector.Name, through, err)
	}
	w.fold.Forget()
	*w.state() = shardState{through, last}
	return nil
}

// events is how many events the passes that are left read.
func (r *replay) events() (total int64) {
	for from := 0; from < r.shards; from += workers() {
		if p := (&pass{replay: r, from: from, to: min(from+workers(), r.shards)}); !p.done() {
			total += r.through()
		}
	}
	return total
}
