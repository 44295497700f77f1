package delivery

import (
	"github.com/prometheus/client_golang/prometheus"

	"passbook/webhook"
)

type metrics struct {
	leader, failing, pending, lag, inFlight prometheus.Gauge
	subscriptions                           *prometheus.GaugeVec
	enqueued, errors                        prometheus.Counter
	attempts, ended                         *prometheus.CounterVec
	seconds                                 prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	const ns = "passbook_webhooks_"
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: ns + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: ns + name, Help: help})
	}
	m := &metrics{
		leader:        gauge("leader", "1 while this instance delivers."),
		failing:       gauge("subscriptions_failing", "Subscriptions whose last attempt was in vain; of the leader."),
		pending:       gauge("deliveries_pending", "Deliveries that have not arrived yet, those of paused and disabled subscriptions included; of the leader."),
		lag:           gauge("lag_events", "Events of the log that the active subscription furthest behind has not been told of; of the leader."),
		inFlight:      gauge("requests_in_flight", "Requests under way."),
		subscriptions: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: ns + "subscriptions", Help: "Subscriptions by status; of the leader."}, []string{"status"}),
		enqueued:      counter("deliveries_total", "Deliveries put on lists."),
		errors:        counter("errors_total", "Interruptions of the work."),
		attempts:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: ns + "attempts_total", Help: "Requests, by what came of them."}, []string{"result"}),
		ended:         prometheus.NewCounterVec(prometheus.CounterOpts{Name: ns + "deliveries_ended_total", Help: "Deliveries that have arrived or were given up."}, []string{"state"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: ns + "attempt_seconds", Help: "How long requests took.", Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}),
	}
	for _, r := range webhook.Results() {
		m.attempts.WithLabelValues(string(r))
	}
	for _, s := range []webhook.State{webhook.Delivered, webhook.Failed} {
		m.ended.WithLabelValues(string(s))
	}
	registerer.MustRegister(m.leader, m.failing, m.pending, m.lag, m.inFlight, m.subscriptions, m.enqueued, m.errors, m.attempts, m.ended, m.seconds)
	return m
}

func (m *metrics) attempt(n noted) {
	m.attempts.WithLabelValues(string(n.Result)).Inc()
	m.seconds.Observe(n.Took.Seconds())
	if n.state != webhook.Pending {
		m.ended.WithLabelValues(string(n.state)).Inc()
	}
}

func (m *metrics) tally(n tally) {
	for status, count := range map[webhook.Status]int64{webhook.Active: n.active, webhook.Paused: n.paused, webhook.Disabled: n.disabled} {
		m.subscriptions.WithLabelValues(string(status)).Set(float64(count))
	}
	m.failing.Set(float64(n.failing))
	m.pending.Set(float64(n.pending))
}

// stepDown: what only the leader knows is not known any more.
func (m *metrics) stepDown() {
	for _, g := range []prometheus.Gauge{m.leader, m.failing, m.pending, m.lag, m.inFlight} {
		g.Set(0)
	}
	m.subscriptions.Reset()
}
