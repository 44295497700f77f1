package loadgen

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/internal/loadgen/lean"
)

// noAccount leaves the id of a new account to the bank.
var noAccount = uuid.Nil

// bench is a run: a bank, and the clients that put it under load.
type bench struct {
	cfg        Config
	population population
	mix        *mix
	commands   []*requests // by lane
	reading    *requests   // nil without a query API
	ops        *opsReader
	workers    []*worker
	samplers   []*worker
	acks       *AckLog

	name      string // of this run
	keyPrefix string
	sent      uint64 // numbers of requests given out by earlier loads of this run
}

// Run prepares the accounts, puts the bank under load and reports. An error is about the run itself; a bank that answered badly
// or not at all is in the report.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b, err := newBench(cfg)
	if err != nil {
		return nil, err
	}
	defer b.close()
	report := b.newReport(ctx)
	if err := b.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare the accounts: %w", err)
	}
	rate := cfg.Rate
	if cfg.FindLimit != nil {
		if report.Limit, err = b.findLimit(ctx); err != nil {
			return nil, err
		}
		if report.Result = report.Limit.held; report.Result != nil {
			return report, nil
		}
		rate = report.Limit.Rate
	}
	b.note("%v warm-up, %v measured, %s", cfg.Warmup, cfg.Duration, rateText(rate))
	report.Result, err = b.drive(ctx, load{rate: rate, warmup: cfg.Warmup, duration: cfg.Duration, lag: cfg.Lag})
	if err == nil && cfg.Scenario == Bulk {
		report.Bulk, err = b.driveBulks(ctx, report.Result)
	}
	return report, err
}

func newBench(cfg Config) (*bench, error) {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	b := &bench{
		cfg: cfg, acks: cfg.Acks, name: hex.EncodeToString(random[:]), ops: newOpsReader(cfg.OpsURLs),
		population: population{seed: cfg.Seed, size: cfg.accounts()},
		mix:        newMix(cfg.Scenario, cfg.accounts(), cfg.Seed),
	}
	b.keyPrefix = KeyPrefix + b.name + "-"
	owner := fmt.Sprintf("bench-%d", cfg.Seed)
	var endpoints []*lean.Endpoint
	for _, url := range cfg.CommandURLs {
		e, err := lean.NewEndpoint(url, cfg.TLS)
		if err != nil {
			return nil, fmt.Errorf("command API: %w", err)
		}
		endpoints = append(endpoints, e)
		b.commands = append(b.commands, newRequests(e, cfg.Token, owner))
	}
	var query *lean.Endpoint
	if cfg.Scenario.reads() || cfg.Lag {
		var err error
		if query, err = lean.NewEndpoint(cfg.QueryURL, cfg.TLS); err != nil {
			return nil, fmt.Errorf("query API: %w", err)
		}
		b.reading = newRequests(query, cfg.Token, owner)
	}
	for i := range cfg.Connections {
		lane := i % len(endpoints)
		b.workers = append(b.workers, newWorker(b, lane, endpoints[lane], query, cfg.Timeout))
	}
	if cfg.Lag {
		for range lagSamplers {
			b.samplers = append(b.samplers, newWorker(b, 0, endpoints[0], query, lagPatience))
		}
	}
	return b, nil
}

func newWorker(b *bench, lane int, command, query *lean.Endpoint, timeout time.Duration) *worker {
	w := &worker{bench: b, lane: lane, command: lean.New(command, timeout)}
	if query != nil {
		w.query = lean.New(query, timeout)
	}
	return w
}

func (b *bench) close() {
	b.ops.close()
	for _, w := range append(b.workers, b.samplers...) {
		w.command.Close()
		if w.query != nil {
			w.query.Close()
		}
	}
}

// opened is how many connections were opened so far.
func (b *bench) opened() int {
	sum := 0
	for _, w := range b.workers {
		sum += w.command.Opened()
		if w.query != nil {
			sum += w.query.Opened()
		}
	}
	return sum
}

func (b *bench) note(format string, args ...any) {
	_, _ = fmt.Fprintf(b.cfg.Notes, format+"\n", args...) // a note that cannot be shown is no reason to stop
}
