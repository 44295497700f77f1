package auditor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// ContinuousConfig bounds what continuous verification costs.
type ContinuousConfig struct {
	Accounts int           // in one step, each a snapshot of its own
	Rate     int           // events folded a second, at most, over a step and the pause behind it
	Share    int           // the pause is at least so many times as long as the step was: 19 is a twentieth of one processor
	Rest     time.Duration // least time from the beginning of one round to that of the next
}

// DefaultContinuousConfig is for any size of bank.
func DefaultContinuousConfig() ContinuousConfig {
	return ContinuousConfig{Accounts: 200, Rate: 5_000, Share: 19, Rest: time.Minute}
}

// Continuous verifies range after range of accounts in the background, round after round. It proves of each account what Verify
// proves; what is about the log as a whole (positions, repeated ids) is left to that.
type Continuous struct {
	pool    *pgxpool.Pool
	decoder Decoder
	config  ContinuousConfig
	log     *slog.Logger
	metrics continuousMetrics
}

type continuousMetrics struct {
	events, rounds       prometheus.Counter
	differences          *prometheus.GaugeVec
	position, finishedAt *prometheus.GaugeVec
}

// NewContinuous returns one that is not running yet.
func NewContinuous(pool *pgxpool.Pool, decoder Decoder, config ContinuousConfig, log *slog.Logger, registry prometheus.Registerer) *Continuous {
	factory := promauto.With(registry)
	label := []string{"projection"}
	return &Continuous{pool: pool, decoder: decoder, config: config, log: log, metrics: continuousMetrics{
		events: factory.NewCounter(prometheus.CounterOpts{
			Name: "passbook_verify_events_total", Help: "Events folded by continuous verification."}),
		rounds: factory.NewCounter(prometheus.CounterOpts{
			Name: "passbook_verify_rounds_total", Help: "Rounds over all accounts that were completed."}),
		differences: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passbook_verify_differences", Help: "Differences found in this round so far, or in the whole last one if they were more."}, label),
		position: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passbook_verify_position", Help: "Every account was verified at this position or a later one, in the last round."}, label),
		finishedAt: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passbook_verify_finished_timestamp_seconds", Help: "When the last round was completed."}, label),
	}}
}

// round is one way through all accounts.
type round struct {
	after       uuid.UUID
	steps       int
	differences map[string]int64 // by projection; "log" for what is wrong with the log itself
	position    map[string]int64 // the least
}

// Run verifies until ctx is done. A database that is away is waited for.
func (c *Continuous) Run(ctx context.Context) error {
	last := map[string]int64{}
	for ctx.Err() == nil {
		begun := time.Now()
		r := &round{differences: map[string]int64{"log": 0}, position: map[string]int64{}}
		for more := true; more && ctx.Err() == nil; {
			started := time.Now()
			var report Report
			var err error
			if report, more, err = c.step(ctx, r, last); err != nil {
				if ctx.Err() == nil {
					c.log.WarnContext(ctx, "continuous verification interrupted, trying again", "after", r.after, "error", err)
				}
				more = true
				pause(ctx, c.config.Rest/10)
				continue
			}
			took := time.Since(started)
			pause(ctx, max(time.Duration(c.config.Share)*took, time.Duration(report.Events)*time.Second/time.Duration(c.config.Rate)-took))
		}
		if ctx.Err() != nil {
			break
		}
		c.completed(ctx, r, time.Since(begun))
		last = r.differences
		pause(ctx, c.config.Rest-time.Since(begun))
	}
	return nil
}

// selectThrough is the last of some accounts behind one.
const selectThrough = `SELECT account_id FROM readmodel.balances WHERE account_id > $1 ORDER BY account_id OFFSET $2 LIMIT 1`

// step verifies the next range. more is false when it was the last one.
func (c *Continuous) step(ctx context.Context, r *round, last map[string]int64) (report Report, more bool, err error) {
	within := Range{After: r.after}
	err = c.pool.QueryRow(ctx, selectThrough, r.after, c.config.Accounts-1).Scan(&within.Through)
	if more = err == nil; !more {
		if !errors.Is(err, pgx.ErrNoRows) {
			return report, more, fmt.Errorf("choose the next accounts: %w", err)
		}
		within.Through = uuid.Max
		if r.after == uuid.Nil {
			if empty, err := c.empty(ctx); err != nil || empty { // the whole log would be one step
				return report, false, err
			}
		}
	}
	report, err = Verify(ctx, c.pool, c.decoder, Options{Range: &within, DifferencesMax: 10})
	if err != nil {
		return report, more, err
	}
	r.after = within.Through
	r.steps++
	c.count(ctx, r, &report, last)
	return report, more, nil
}

// empty reports whether no account has a row yet.
func (c *Continuous) empty(ctx context.Context) (bool, error) {
	var empty bool
	if err := c.pool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM readmodel.balances)`).Scan(&empty); err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	return empty, nil
}

func (c *Continuous) count(ctx context.Context, r *round, report *Report, last map[string]int64) {
	c.metrics.events.Add(float64(report.Events))
	others := report.DifferencesTotal
	for _, p := range report.Projections {
		r.differences[p.Name] += p.Differences
		others -= p.Differences
		if at, known := r.position[p.Name]; !known || p.Position < at {
			r.position[p.Name] = p.Position
		}
	}
	r.differences["log"] += others
	for name, n := range r.differences {
		c.metrics.differences.WithLabelValues(name).Set(float64(max(n, last[name])))
	}
	for _, d := range report.Differences {
		c.log.ErrorContext(ctx, "verification finds a difference", "check", d.Check, "account_id", d.AccountID, "position", d.Position, "detail", d.Detail)
	}
}

func (c *Continuous) completed(ctx context.Context, r *round, took time.Duration) {
	c.metrics.rounds.Inc()
	for name, n := range r.differences {
		c.metrics.differences.WithLabelValues(name).Set(float64(n))
	}
	for name, position := range r.position {
		c.metrics.position.WithLabelValues(name).Set(float64(position))
		c.metrics.finishedAt.WithLabelValues(name).Set(float64(time.Now().Unix()))
	}
	c.log.DebugContext(ctx, "all accounts verified", "steps", r.steps, "positions", r.position, "differences", r.differences, "took", took)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
