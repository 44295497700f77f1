package command

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
)

type metrics struct {
	commands   *prometheus.CounterVec
	events     prometheus.Counter
	batchSize  prometheus.Histogram
	batchTime  prometheus.Histogram
	taken      prometheus.Counter
	overloaded prometheus.Counter
	collisions *prometheus.CounterVec
	exclusive  prometheus.Counter
	lookups    *prometheus.CounterVec
	hit, miss  prometheus.Counter
	accepted   prometheus.Counter
	replayed   prometheus.Counter
	refused    prometheus.Counter
	forwarded  prometheus.Counter
	fallbacks  *prometheus.CounterVec
	forOthers  prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, queued func() float64) *metrics {
	const ns = "passbook_command_"
	m := &metrics{
		commands:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: ns + "commands_total", Help: "Commands answered, by outcome."}, []string{"outcome"}),
		events:     prometheus.NewCounter(prometheus.CounterOpts{Name: ns + "events_total", Help: "Events committed."}),
		batchSize:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: ns + "batch_commands", Help: "Commands in one transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 12)}),
		batchTime:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: ns + "batch_seconds", Help: "Time from taking a batch to its commit.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		taken:      prometheus.NewCounter(prometheus.CounterOpts{Name: ns + "taken_total", Help: "Commands taken from the queue."}),
		overloaded: prometheus.NewCounter(prometheus.CounterOpts{Name: ns + "overloaded_total", Help: "Commands refused because there was too much to do."}),
		collisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: ns + "collisions_total", Help: "Batches decided again, by cause."}, []string{"cause"}),
		exclusive:  prometheus.NewCounter(prometheus.CounterOpts{Name: ns + "exclusive_batches_total", Help: "Batches committed while holding the head of the log."}),
		lookups:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: ns + "account_lookups_total", Help: "Accounts looked up in memory, by result."}, []string{"result"}),
	}
	m.forwarded = prometheus.NewCounter(prometheus.CounterOpts{Name: ns + "forwarded_total", Help: "Commands sent to the instance that decides for all."})
	m.fallbacks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: ns + "fallbacks_total", Help: "Commands decided by this instance although another one should have, by cause."}, []string{"cause"})
	m.forOthers = prometheus.NewCounter(prometheus.CounterOpts{Name: ns + "accepted_for_others_total", Help: "Commands taken from other instances to be decided here."})
	for _, cause := range Causes() {
		m.fallbacks.WithLabelValues(string(cause))
	}
	for _, cause := range []string{headMoved, keyTaken, failure} {
		m.collisions.WithLabelValues(cause)
	}
	m.hit, m.miss = m.lookups.WithLabelValues("hit"), m.lookups.WithLabelValues("miss")
	m.accepted, m.replayed, m.refused = m.commands.WithLabelValues("accepted"), m.commands.WithLabelValues("replayed"), m.commands.WithLabelValues("refused")
	depth := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: ns + "queue_depth", Help: "Commands waiting."}, queued)
	registerer.MustRegister(m.commands, m.events, m.batchSize, m.batchTime, m.taken, m.overloaded, m.collisions, m.exclusive, m.lookups, m.forwarded, m.fallbacks, m.forOthers, depth)
	return m
}

func (m *metrics) batch(commands int, events int64, took time.Duration) {
	m.batchSize.Observe(float64(commands))
	m.batchTime.Observe(took.Seconds())
	m.events.Add(float64(events))
}

func (m *metrics) cache(hits, misses int) {
	m.hit.Add(float64(hits))
	m.miss.Add(float64(misses))
}

func (m *metrics) answered(r reply) {
	switch {
	case r.answer.Replayed:
		m.replayed.Inc()
	case r.err == nil && r.answer.Status < 300:
		m.accepted.Inc()
	default:
		m.refused.Inc()
	}
}

// The causes of collisions.
const (
	headMoved = "head_moved"
	keyTaken  = "key_taken"
	failure   = "failure"
)

func (m *metrics) fallback(cause Cause, commands int) {
	m.fallbacks.WithLabelValues(string(cause)).Add(float64(commands))
}

func (m *metrics) collision(err error) {
	cause := failure
	var taken *eventstore.KeyTaken
	switch {
	case errors.Is(err, eventstore.ErrHeadMoved):
		cause = headMoved
	case errors.As(err, &taken):
		cause = keyTaken
	}
	m.collisions.WithLabelValues(cause).Inc()
}
