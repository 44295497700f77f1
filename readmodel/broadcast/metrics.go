package broadcast

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	listeners, behind, position prometheus.Gauge
	told                        prometheus.Counter
	ended                       *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) (metrics, error) {
	m := metrics{
		listeners: prometheus.NewGauge(prometheus.GaugeOpts{Name: "passbook_broadcast_listeners", Help: "Open event streams."}),
		behind:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "passbook_broadcast_behind", Help: "Of them those that read the log by themselves, to catch up."}),
		position:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "passbook_broadcast_position", Help: "Position up to which events were told; it rests while nobody listens."}),
		told:      prometheus.NewCounter(prometheus.CounterOpts{Name: "passbook_broadcast_told_total", Help: "Events handed to listeners, each counted once a listener."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passbook_broadcast_ended_total", Help: "Event streams that ended, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range Reasons() {
		m.ended.WithLabelValues(string(reason))
	}
	for _, c := range []prometheus.Collector{m.listeners, m.behind, m.position, m.told, m.ended} {
		if err := registry.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}
