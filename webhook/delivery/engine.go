package delivery

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/lease"
	"passbook/internal/supervise"
	"passbook/readmodel"
	"passbook/webhook"
)

// LeaseName is what the one leads that works.
const LeaseName = "webhooks"

// Config bounds the work. What is zero gets the default named beside it.
type Config struct {
	Concurrency   int           // requests under way at once; 64
	PerWebhook    int           // of them those of one subscription; 4
	Timeout       time.Duration // of one request, to the end of what is read of its answer; 15 s
	RetryFirst    time.Duration // the first break; each is three times the one before; 5 s
	RetryMax      time.Duration // the longest; 6 h
	AttemptsMax   int           // of one delivery; 20
	GiveUpAfter   time.Duration // that a delivery is tried; 72 h
	DisableAfter  time.Duration // that all attempts of a subscription fail, and it is disabled; 72 h
	RetryAfterMax time.Duration // that a receiver may ask for; 1 h
	PendingMax    int           // deliveries on the list of one subscription; 1,000
	Retention     time.Duration // of deliveries that have ended, and of attempts; 14 days
	Poll          time.Duration // between two looks; 100 ms
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field    *int
		fallback int
	}{{&c.Concurrency, 64}, {&c.PerWebhook, 4}, {&c.AttemptsMax, 20}, {&c.PendingMax, 1_000}} {
		if *d.field <= 0 {
			*d.field = d.fallback
		}
	}
	for _, d := range []struct {
		field    *time.Duration
		fallback time.Duration
	}{
		{&c.Timeout, 15 * time.Second}, {&c.RetryFirst, 5 * time.Second}, {&c.RetryMax, 6 * time.Hour}, {&c.GiveUpAfter, 72 * time.Hour}, {&c.DisableAfter, 72 * time.Hour},
		{&c.RetryAfterMax, time.Hour}, {&c.Retention, 14 * 24 * time.Hour}, {&c.Poll, 100 * time.Millisecond},
	} {
		if *d.field <= 0 {
			*d.field = d.fallback
		}
	}
	return c
}

// Source is where news come from: readmodel.Queries.
type Source interface {
	News(ctx context.Context, filter readmodel.NewsFilter, after int64) (readmodel.NewsPage, error)
	Reached(ctx context.Context) (reached, head int64, err error)
}

// Render is an event as GET /v1/stream tells it: its type, and its data, a JSON object.
type Render func(n *readmodel.News) (kind string, data []byte)

// Leader calls lead while this process leads: *lease.Lease.
type Leader interface {
	Run(ctx context.Context, lead lease.Lead) error
}

// Engine is one process's stake in the work. See the package comment.
type Engine struct {
	config  Config
	list    list
	leader  Leader
	source  Source
	render  Render
	sender  *Sender
	log     *slog.Logger
	metrics *metrics
}

// New makes an engine; Run makes it work. The pool has the role passbook_webhooks.
func New(pool *pgxpool.Pool, leader Leader, source Source, render Render, policy webhook.Policy, config Config, log *slog.Logger, registerer prometheus.Registerer) *Engine {
	config = config.withDefaults()
	return &Engine{
		config: config, list: newTable(pool), leader: leader, source: source, render: render, sender: NewSender(policy, config.Timeout),
		log: log.With("part", "webhooks"), metrics: newMetrics(registerer),
	}
}

// Run competes for the lease and works while it leads, until ctx is done.
func (e *Engine) Run(ctx context.Context) error {
	defer e.sender.Close()
	return e.leader.Run(ctx, e.lead)
}

// Pauses after a failure of the database.
const (
	pauseFirst = 200 * time.Millisecond
	pauseMax   = 10 * time.Second
)

// lead works until ctx is done, session after session.
func (e *Engine) lead(ctx context.Context, _ int64) error {
	e.metrics.leader.Set(1)
	defer e.metrics.stepDown()
	for pause := pauseFirst; ctx.Err() == nil; pause = min(2*pause, pauseMax) {
		began := time.Now()
		err := e.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		e.metrics.errors.Inc()
		e.log.ErrorContext(ctx, "interrupted, going on from what is noted", "pause", pause, slog.Any("error", err))
		if time.Since(began) > pauseMax {
			pause = pauseFirst
		}
		supervise.Wait(ctx, pause)
	}
	return nil
}

// stopGrace is how long requests under way may still be answered when the process stops. It is shorter than a lease's time.
const stopGrace = 3 * time.Second

// session works until something fails or ctx is done. Requests that are under way then are waited for, unless another process leads.
func (e *Engine) session(ctx context.Context) error {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	w := &work{Engine: e, sending: sending, atWork: map[uuid.UUID]bool{}, busy: map[uuid.UUID]int{}, results: make(chan result, e.config.Concurrency)}
	err := w.run(ctx)
	if errors.Is(context.Cause(ctx), lease.ErrLost) {
		cancel()
	}
	grace := time.AfterFunc(stopGrace, cancel)
	defer grace.Stop()
	return errors.Join(err, w.finish(context.WithoutCancel(ctx)))
}
