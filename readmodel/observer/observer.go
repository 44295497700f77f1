// Package observer looks at the projections, the log and the stream from outside, as an operator would, and makes it known: to the
// query API and the operators' commands through Postgres, to a monitoring system as metrics, to whoever asks for health.
//
// Every instance looks at Postgres about twice a second. One of them, by a lease, also looks at the stream every two seconds and
// records what it saw; and it leaves marks: which position each projection had reached when. From marks come rates and the times
// of projector trace.
//
// It looks at what is stored, never at what a runner believes of itself: a runner that hangs, or that runs nowhere, is seen all
// the same.
package observer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/lease"
	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

const (
	lookEvery    = 500 * time.Millisecond
	streamLooks  = 4   // looks between two looks at the stream
	thinLooks    = 120 // looks between two thinnings of the marks
	inspectLimit = 2 * time.Second
	lookLimit    = 5 * time.Second

	leaseName = "observer"
	leaseTTL  = 5 * time.Second
)

// Parts is what an observer is made of.
type Parts struct {
	Pool     *pgxpool.Pool    // role passbook_projector
	Stream   readmodel.Stream // nil: it is not looked at
	Wanted   []string         // projections that must be there
	Holder   string           // this instance's name
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Observer is one instance's. Run it once; Healthy may be called from anywhere.
type Observer struct {
	Parts
	queries *readmodel.Queries
	leader  *lease.Lease
	metrics metrics
	failing bool // the last look failed: said once
}

// New returns an observer.
func New(parts Parts) *Observer {
	return &Observer{
		Parts: parts, queries: readmodel.NewQueries(parts.Pool), metrics: newMetrics(parts.Registry),
		leader: lease.New(parts.Pool, leaseName, parts.Holder, leaseTTL, parts.Log),
	}
}

// Healthy reports whether every wanted projection follows the log; the error says which does not, and why.
func (o *Observer) Healthy(ctx context.Context) error {
	status, err := o.queries.Status(ctx, o.Wanted...)
	if err != nil {
		return err
	}
	if !status.Healthy {
		return errors.New(strings.Join(status.Problems, "; "))
	}
	return nil
}

// Run looks until ctx is done. No failure ends it.
func (o *Observer) Run(ctx context.Context) error {
	var leading sync.WaitGroup
	leading.Go(func() {
		_ = o.leader.Run(ctx, func(ctx context.Context, _ int64) error { // it never fails
			<-ctx.Done()
			return nil
		})
	})
	defer leading.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		o.report(ctx, o.look(ctx, n))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (o *Observer) report(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		o.metrics.healthy.Set(0)
		if !o.failing {
			o.Log.WarnContext(ctx, "the projections cannot be looked at", "error", err)
		}
	}
	o.failing = err != nil
}

// look looks once; the leader also records.
func (o *Observer) look(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	if o.leader.IsLeader() {
		if err := o.record(ctx, n); err != nil {
			return err
		}
	}
	status, err := o.queries.Status(ctx, o.Wanted...)
	if err != nil {
		return err
	}
	o.metrics.show(&status)
	return nil
}

func (o *Observer) record(ctx context.Context, n int) error {
	q := db.New(o.Pool)
	if err := q.MarkCheckpoints(ctx); err != nil {
		return fmt.Errorf("mark the checkpoints: %w", err)
	}
	if n%streamLooks == 0 && o.Stream != nil {
		if err := o.recordStream(ctx, q); err != nil {
			return err
		}
	}
	if n%thinLooks == thinLooks-1 {
		if err := q.ThinMarks(ctx); err != nil {
			return fmt.Errorf("thin the marks: %w", err)
		}
	}
	return nil
}

// recordStream records what was seen, or why nothing was.
func (o *Observer) recordStream(ctx context.Context, q *db.Queries) error {
	limited, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	seen, err := o.Stream.Inspect(limited)
	if err != nil {
		seen.Cause = err.Error()
	}
	text, err := json.Marshal(seen)
	if err != nil {
		return fmt.Errorf("encode the state of the stream: %w", err)
	}
	if err := q.RecordTransport(ctx, db.RecordTransportParams{ObservedAt: seen.ObservedAt, Observer: o.Holder, Seen: text}); err != nil {
		return fmt.Errorf("record the state of the stream: %w", err)
	}
	if seen.Position == 0 || seen.EventID == uuid.Nil {
		return nil
	}
	if err := q.MarkRelay(ctx, db.MarkRelayParams{Position: seen.Position, At: seen.StoredAt, EventID: seen.EventID}); err != nil {
		return fmt.Errorf("mark the relay: %w", err)
	}
	return nil
}
