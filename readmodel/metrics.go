package readmodel

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	applied  *prometheus.CounterVec
	fromLog  *prometheus.CounterVec
	failures *prometheus.CounterVec
	position *prometheus.GaugeVec
	active   *prometheus.GaugeVec
	stopped  *prometheus.GaugeVec
	parked   *prometheus.GaugeVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(registry prometheus.Registerer) metrics {
	factory := promauto.With(registry)
	label := []string{"projection"}
	return metrics{
		applied: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "passbook_projection_events_applied_total", Help: "Events applied and committed."}, label),
		fromLog: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "passbook_projection_events_from_log_total", Help: "Events read from the log because the source had not delivered them."}, label),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "passbook_projection_failures_total", Help: "Interruptions, each followed by a new start from the checkpoint."}, label),
		position: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passbook_projection_position", Help: "Log position applied through by this instance."}, label),
		active: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passbook_projection_active", Help: "1 while this instance holds the projection's lease."}, label),
		stopped: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passbook_projection_stopped", Help: "1 while an event cannot be applied."}, label),
		parked: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passbook_projection_parked_accounts", Help: "Accounts set aside because one of their events cannot be applied."}, label),
		seconds: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "passbook_projection_transaction_seconds", Help: "Duration of one transaction of a projection.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 9)}, label),
	}
}

// runnerMetrics are those of one projection, looked up once.
type runnerMetrics struct {
	applied, fromLog, failures prometheus.Counter
	position, active, stopped  prometheus.Gauge
	parked                     prometheus.Gauge
	seconds                    prometheus.Observer
}

func (m metrics) of(projection string) runnerMetrics {
	return runnerMetrics{
		applied:  m.applied.WithLabelValues(projection),
		fromLog:  m.fromLog.WithLabelValues(projection),
		failures: m.failures.WithLabelValues(projection),
		position: m.position.WithLabelValues(projection),
		active:   m.active.WithLabelValues(projection),
		stopped:  m.stopped.WithLabelValues(projection),
		parked:   m.parked.WithLabelValues(projection),
		seconds:  m.seconds.WithLabelValues(projection),
	}
}
