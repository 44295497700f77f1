package readmodel

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/lease"
)

// Parts is what an engine is made of.
type Parts struct {
	Pool       *pgxpool.Pool // role passbook_projector; two connections a projection
	Log        Log
	Decoder    Decoder
	Source     Source // nil: the log is polled
	Projectors []Projector
	Logger     *slog.Logger
	Registry   prometheus.Registerer
}

// Engine keeps projections up to date. Run it once; Status may be called from anywhere.
type Engine struct {
	runners []*runner
	leases  []*lease.Lease
}

// NewEngine returns an engine for the live generation of each projection.
func NewEngine(parts Parts, config Config) (*Engine, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	metrics := newMetrics(parts.Registry)
	e := &Engine{}
	for _, p := range parts.Projectors {
		r, err := newRunner(parts, config, p, metrics)
		if err != nil {
			return nil, err
		}
		e.runners = append(e.runners, r)
		e.leases = append(e.leases, lease.New(parts.Pool, LeaseName(p.Name), config.Holder, config.LeaseTTL, parts.Logger))
	}
	return e, nil
}

// LeaseName is the lease under which one instance applies the projection.
func LeaseName(projection string) string { return "projection/" + projection }

// Run follows the log with each projection whose lease this instance gets, until ctx is done. No failure of the database,
// the source or an event ends it.
func (e *Engine) Run(ctx context.Context) error {
	var running sync.WaitGroup
	failures := make(chan error, len(e.runners))
	for i, r := range e.runners {
		running.Go(func() {
			if err := e.leases[i].Run(ctx, r.lead); err != nil {
				failures <- fmt.Errorf("projection %s: %w", r.projector.Name, err)
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
