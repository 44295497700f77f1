package contender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"passbook/internal/loadgen"
	"passbook/internal/loadgen/logcheck"
)

// bank is the bank as the load generator sees it, in the contender's turn.
type bank struct {
	stage    *Stage
	programs []program
	load     loadgen.Config // what all of its loads have in common
	acks     string         // file of everything that was acknowledged
}

// requestMax is more than any request takes while the bank works.
const requestMax = time.Minute

// newBank opens the accounts, by a first load that is not looked at.
func (s *Stage) newBank(ctx context.Context, b *bank) (*bank, error) {
	b.stage, b.acks = s, filepath.Join(s.dir, "acknowledged")
	b.programs = append(b.programs, self("load generator"))
	acks, err := loadgen.CreateAckLog(b.acks)
	if err != nil {
		return nil, err
	}
	b.load.Acks = acks
	b.load.Seed, b.load.Accounts, b.load.Timeout, b.load.Notes = 1, streams, requestMax, io.Discard
	b.load.Duration, b.load.Connections = time.Second, connectionsToOpen
	if b.load.Scenario == "" {
		b.load.Scenario = loadgen.Spread
	}
	if _, err := loadgen.Run(ctx, b.load); err != nil {
		return nil, errors.Join(fmt.Errorf("open accounts: %w", err), acks.Close())
	}
	return b, nil
}

const connectionsToOpen = 64

// measure runs one load over so many connections, each as fast as it is answered.
func (b *bank) measure(ctx context.Context, id string, scenario loadgen.Scenario, connections int) error {
	s := b.stage
	watch, err := s.begin(ctx)
	if err != nil {
		return err
	}
	meter := &meter{stage: s, programs: b.programs}
	load := b.load
	load.Scenario, load.Connections, load.Database = scenario, connections, meter
	load.Warmup, load.Duration = s.bench.Pace.Warm, s.bench.Pace.Measured
	report, err := loadgen.Run(ctx, load)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	sample, err := fromLoad(report.Result)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if sample.Cost, err = meter.cost(sample.Operations); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return s.keep(id, sample, watch)
}

// fromLoad takes a measurement over. A bank that is not overloaded on purpose refuses nobody and fails nobody.
func fromLoad(m *loadgen.Measurement) (Sample, error) {
	if m.Errors > 0 || m.Refused > 0 || m.Accepted == 0 {
		return Sample{}, fmt.Errorf("%d accepted, %d refused, %d failed: %v", m.Accepted, m.Refused, m.Errors, m.Causes)
	}
	s := Sample{Operations: m.Accepted, Rate: m.Rate, Latency: fromLatency(m.Latency)}
	if m.Lag == nil {
		return s, nil
	}
	if m.Lag.Failed > 0 || m.Lag.Unreached > 0 {
		return Sample{}, fmt.Errorf("of the reads that demand a position %d failed and %d were given up", m.Lag.Failed, m.Lag.Unreached)
	}
	s.Lag = &Lag{Quantiles: *fromLatency(m.Lag.Latency), FirstThird: m.Lag.First.P99, LastThird: m.Lag.Last.P99}
	return s, nil
}

func fromLatency(l loadgen.Latency) *Quantiles {
	return &Quantiles{P50: l.P50, P99: l.P99, P999: l.P999, Max: l.Max}
}

// prove holds everything that was acknowledged against the log, each exactly once, and audits log and read models. Where they
// are kept, they must have come to the log's end.
func (b *bank) prove(ctx context.Context, projected bool) error {
	if err := b.load.Acks.Close(); err != nil {
		return err
	}
	database, err := logcheck.Open(ctx, b.stage.url())
	if err != nil {
		return err
	}
	defer database.Close()
	report, err := database.Check(ctx, b.acks)
	if errors.Is(err, logcheck.ErrNotProved) {
		var text strings.Builder
		_ = report.WriteText(&text) // a Builder takes everything
		return fmt.Errorf("%w:\n%s", err, text.String())
	}
	if err != nil || !projected {
		return err
	}
	return atTheEnd(report.Audit)
}

// awaitProjected returns when all projections have come to the end of the log, so that nothing of one load is left for the time
// of the next.
func (b *bank) awaitProjected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		var behind int64
		if err := b.stage.pool.QueryRow(ctx, selectBehind).Scan(&behind); err != nil {
			return fmt.Errorf("wait for the projections: %w", err)
		}
		if behind == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the projections, which are %d events behind: %w", behind, ctx.Err())
		}
	}
}

const (
	patience     = 2 * time.Minute
	selectBehind = `SELECT max(head.position - c.position) FROM log_head head, readmodel.checkpoints c WHERE c.live`
)
