package readmodel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/lease"
	"passbook/internal/supervise"
)

// Parts is what an engine is made of.
type Parts struct {
	Pool       *pgxpool.Pool // role passbook_projector; PoolLeast connections or more, shared with no other engine
	Log        Log
	Decoder    Decoder
	Source     Source // nil: the log is polled
	Projectors []Projector
	Rebuilder  Rebuilder // nil: a projection whose code is newer than its rows stays stopped until it is rebuilt by hand
	Logger     *slog.Logger
	Registry   prometheus.Registerer
}

// Rebuilder makes the next generation of a projection whose code is newer than its live one, and switches to it.
type Rebuilder interface {
	// Rebuild returns nil when the live generation is of the projection's code version. The generation before serves readers
	// until then.
	Rebuild(ctx context.Context, p Projector) error
}

// Engine keeps projections up to date. Run it once; Status may be called from anywhere.
type Engine struct {
	rebuilder Rebuilder
	runners   []*runner // of the live generations
	attended  []attended
}

// attended is a runner with the lease under which it runs.
type attended struct {
	runner *runner
	lease  *lease.Lease
}

// previousPoll is how often the log is looked at for a generation that serves nobody: it gets its events in few large batches.
const previousPoll = time.Second

// NewEngine returns an engine for the live generation of each projection, and for the one before while it is kept.
func NewEngine(parts Parts, config Config) (*Engine, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	open, err := newTransactions(parts.Pool)
	if err != nil {
		return nil, err
	}
	metrics := newMetrics(parts.Registry)
	e := &Engine{rebuilder: parts.Rebuilder}
	for _, p := range parts.Projectors {
		live, err := newRunner(parts, config, p, PlaceLive, metrics)
		if err != nil {
			return nil, err
		}
		e.runners = append(e.runners, live)
		e.attend(parts, config, live, LeaseName(p.Name))
		e.attendPrevious(parts, config, p, metrics)
	}
	for _, a := range e.attended {
		a.runner.open = open
	}
	return e, nil
}

func (e *Engine) attend(parts Parts, config Config, r *runner, leaseName string) {
	e.attended = append(e.attended, attended{r, lease.New(parts.Pool, leaseName, config.Holder, config.LeaseTTL, parts.Logger)})
}

func (e *Engine) attendPrevious(parts Parts, config Config, p Projector, metrics metrics) {
	parts.Source = nil
	config.Poll = max(config.Poll, previousPoll)
	r, err := newRunner(parts, config, p, PlacePrevious, metrics)
	if err != nil {
		panic(err) // the same projection as the live one
	}
	e.attend(parts, config, r, LeaseName(p.Name)+"/"+string(PlacePrevious))
}

// LeaseName is the lease under which one instance applies the projection.
func LeaseName(projection string) string { return "projection/" + projection }

// Run follows the log with each projection whose lease this instance gets, until ctx is done. No failure of the database,
// the source or an event ends it.
func (e *Engine) Run(ctx context.Context) error {
	var running sync.WaitGroup
	failures := make(chan error, len(e.attended))
	for _, a := range e.attended {
		running.Go(func() {
			if err := e.keep(ctx, a); err != nil {
				failures <- fmt.Errorf("projection %s: %w", a.runner.projector.Name, err)
			}
		})
	}
	running.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

// keep competes for the lease while there is a generation at the place that this code can continue.
func (e *Engine) keep(ctx context.Context, a attended) error {
	r := a.runner
	for ctx.Err() == nil {
		var err error
		if r.position, err = r.checkpoint.load(ctx, r.pool); notOurs(err) {
			e.without(ctx, r, err)
			continue
		}
		leading, cancel := context.WithCancel(ctx)
		err = a.lease.Run(leading, func(ctx context.Context, epoch int64) error {
			err := r.lead(ctx, epoch)
			if err != nil {
				cancel() // nothing to lead: let another have the lease, one whose code it is
			}
			return nil
		})
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// without is for a place where there is nothing to do: it brings the live generation to the code's version, or waits.
func (e *Engine) without(ctx context.Context, r *runner, cause error) {
	if r.checkpoint.place != PlaceLive || errors.Is(cause, errOlderCode) {
		supervise.Wait(ctx, r.config.Poll)
		return
	}
	if e.rebuilder != nil {
		cause = e.rebuilder.Rebuild(ctx, r.projector)
	}
	if cause != nil && ctx.Err() == nil {
		r.stopped(ctx, cause)
		supervise.Wait(ctx, r.config.RetryMax)
	}
}

// RunnerStatus is what this instance knows of one projection.
type RunnerStatus struct {
	Projection string
	Active     bool  // this instance holds the lease and follows
	Position   int64 // applied through; 0 until this instance was active
}

// Status returns one entry a projection.
func (e *Engine) Status() []RunnerStatus {
	statuses := make([]RunnerStatus, len(e.runners))
	for i, r := range e.runners {
		statuses[i] = RunnerStatus{r.projector.Name, r.active.Load(), r.applied.Load()}
	}
	return statuses
}
