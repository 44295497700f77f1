package relay

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	published prometheus.Counter
	skipped   prometheus.Counter
	errors    prometheus.Counter
	position  prometheus.Gauge
	leader    prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) metrics {
	factory := promauto.With(registry)
	return metrics{
		published: factory.NewCounter(prometheus.CounterOpts{
			Name: "passbook_relay_published_total", Help: "Events acknowledged by JetStream."}),
		skipped: factory.NewCounter(prometheus.CounterOpts{
			Name: "passbook_relay_skipped_total", Help: "Events that cannot be published: too large, or metadata of no known shape."}),
		errors: factory.NewCounter(prometheus.CounterOpts{
			Name: "passbook_relay_errors_total", Help: "Interruptions, each followed by a new start from the last message."}),
		position: factory.NewGauge(prometheus.GaugeOpts{
			Name: "passbook_relay_position", Help: "Log position up to which this relay has published."}),
		leader: factory.NewGauge(prometheus.GaugeOpts{
			Name: "passbook_relay_leader", Help: "1 while this relay leads."}),
	}
}
