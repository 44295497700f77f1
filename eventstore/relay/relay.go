package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/internal/lease"
	"passbook/internal/supervise"
)

// Log is what the relay reads: *eventstore.Store.
type Log interface {
	Head(ctx context.Context) (eventstore.Head, error)
	ReadLog(ctx context.Context, after int64, limit int) ([]eventstore.Event, error)
}

// Leader calls lead while this process leads: *lease.Lease.
type Leader interface {
	Run(ctx context.Context, lead lease.Lead) error
}

// Relay publishes the log. Run it once; the other methods may be called from anywhere.
type Relay struct {
	events  Log
	js      jetstream.JetStream
	leader  Leader
	config  Config
	log     *slog.Logger
	metrics metrics

	wake     chan struct{}
	leading  atomic.Bool
	position atomic.Int64
}

// New returns a relay over the connection, which stays the caller's to close.
func New(events Log, conn *nats.Conn, leader Leader, config Config, log *slog.Logger, registry prometheus.Registerer) (*Relay, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn,
		jetstream.WithPublishAsyncMaxPending(config.Window+1), // never reached: the relay counts for itself
		jetstream.WithPublishAsyncTimeout(config.AckTimeout),
		jetstream.WithDefaultTimeout(config.Timeout))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	return &Relay{
		events: events, js: js, leader: leader, config: config, log: log, metrics: newMetrics(registry),
		wake: make(chan struct{}, 1),
	}, nil
}

// Run competes for the lease and publishes while it leads, until ctx is done. No failure of the log or the broker ends it.
func (r *Relay) Run(ctx context.Context) error {
	defer r.js.CleanupPublisher()
	return r.leader.Run(ctx, r.lead)
}

// Notify says that the log has grown, so that the relay need not wait for its next look. It never blocks.
func (r *Relay) Notify() {
	select {
	case r.wake <- struct{}{}:
	default: // a look is due anyway
	}
}

// Status is what a relay knows of itself.
type Status struct {
	Leading  bool
	Position int64 // everything up to it has been published; 0 until this relay has led
}

// Status returns the present one.
func (r *Relay) Status() Status {
	return Status{Leading: r.leading.Load(), Position: r.position.Load()}
}

// lead publishes until ctx is done, session after session.
func (r *Relay) lead(ctx context.Context, epoch int64) error {
	r.leading.Store(true)
	r.metrics.leader.Set(1)
	defer func() {
		r.leading.Store(false)
		r.metrics.leader.Set(0)
	}()
	l := &leadership{Relay: r, epoch: epoch}
	pause := r.config.RetryMin
	for ctx.Err() == nil {
		before := l.acked
		err := l.session(ctx)
		if ctx.Err() != nil || errors.Is(err, errRepeated) {
			continue
		}
		r.metrics.errors.Inc()
		r.log.WarnContext(ctx, "relay interrupted, resuming", "position", l.acked, "pause", pause, "error", err)
		if l.acked > before {
			pause = r.config.RetryMin
		}
		supervise.Wait(ctx, pause)
		pause = min(2*pause, r.config.RetryMax)
	}
	return nil
}
