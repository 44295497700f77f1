package contender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/bench/rig"
)

// Pace is how long a measure takes.
type Pace struct {
	Warm     time.Duration // before the time counts
	Measured time.Duration
}

// Bench is what all contenders share.
type Bench struct {
	Server   *rig.Server
	Binaries rig.Binaries
	Issuer   *Issuer
	Dir      string // for what a turn leaves in files; anybody may enter it
	Peers    string // where the sources of the peers are that are not in Go
	Pace     Pace
	Log      *slog.Logger
}

// Turn sets the stage for a contender, has it measured and clears up. The samples are by measure.
func (b *Bench) Turn(ctx context.Context, c Contender) (samples map[string]Sample, err error) {
	s := &Stage{bench: b, name: "bench_" + c.Name, samples: map[string]Sample{}}
	defer func() { err = errors.Join(err, s.clear(ctx)) }()
	if err := s.set(ctx); err != nil {
		return nil, err
	}
	if err := c.turn(ctx, s); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	for _, m := range c.Measures {
		if _, ok := s.samples[m.ID]; !ok {
			return nil, fmt.Errorf("%s: %s was not measured", c.Name, m.ID)
		}
	}
	return s.samples, nil
}

// Stage is one contender's turn in one round.
type Stage struct {
	bench   *Bench
	name    string // of the database
	dir     string
	pool    *pgxpool.Pool
	samples map[string]Sample
	undo    []func(ctx context.Context) error
	running []func() (rig.Usage, error) // processes that have a part in it, beside the server

	// acknowledged counts what clients were told is done, warming up included: all of it must be found.
	acknowledged int64
}

func (s *Stage) set(ctx context.Context) (err error) {
	if s.dir, err = os.MkdirTemp(s.bench.Dir, s.name+"-"); err != nil {
		return err
	}
	s.later(func(context.Context) error { return os.RemoveAll(s.dir) })
	if err := s.bench.Server.Create(ctx, s.name); err != nil {
		return err
	}
	s.later(func(ctx context.Context) error { return s.bench.Server.Drop(ctx, s.name) })
	if s.pool, err = pgxpool.New(ctx, s.url()); err != nil {
		return err
	}
	s.later(func(context.Context) error { s.pool.Close(); return nil })
	return nil
}

func (s *Stage) url() string { return s.bench.Server.URL(s.name) }

func (s *Stage) tcp() string { return s.bench.Server.TCPURL(s.name) }

// later is done when the turn is over, in reverse order.
func (s *Stage) later(undo func(ctx context.Context) error) { s.undo = append(s.undo, undo) }

func (s *Stage) clear(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx)
	for i := len(s.undo) - 1; i >= 0; i-- {
		err = errors.Join(err, s.undo[i](ctx))
	}
	return err
}

// exec runs statements on the contender's database.
func (s *Stage) exec(ctx context.Context, sql string) error {
	_, err := s.pool.Exec(ctx, sql)
	return err
}

// work is a load that runs for so long and says what it did.
type work func(ctx context.Context, d time.Duration) (Sample, error)

// measure warms up, then measures. programs are those whose use of the machine is the cost, beside the server's; nil means that
// no costs are taken.
func (s *Stage) measure(ctx context.Context, id string, programs []program, do work) error {
	watch, err := s.begin(ctx)
	if err != nil {
		return err
	}
	warm, err := do(ctx, s.bench.Pace.Warm)
	if err != nil {
		return fmt.Errorf("%s: warm up: %w", id, err)
	}
	m := &meter{stage: s, programs: programs}
	if err := m.read(ctx); err != nil {
		return err
	}
	sample, err := do(ctx, s.bench.Pace.Measured)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if sample.Operations == 0 {
		return fmt.Errorf("%s: nothing was done", id)
	}
	if err := m.read(ctx); err != nil {
		return err
	}
	if sample.Cost, err = m.cost(sample.Operations); err != nil {
		return err
	}
	s.acknowledged += warm.Operations + sample.Operations
	return s.keep(id, sample, watch)
}

// begin comes before a measure.
func (s *Stage) begin(ctx context.Context) (*rig.OthersWatch, error) {
	if err := s.bench.Server.Checkpoint(ctx); err != nil {
		return nil, err
	}
	return rig.WatchOthers(s.bench.Server, append(slices.Clone(s.running), s.bench.Issuer.Usage)...)
}

// keep takes in what a measure came to.
func (s *Stage) keep(id string, sample Sample, watch *rig.OthersWatch) error {
	others, err := watch.Others()
	if err != nil {
		return err
	}
	sample.Others = others.Used
	s.samples[id] = sample
	return nil
}
