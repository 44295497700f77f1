package httpapi

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of one API. Routes are labelled by their template, so that ids do not become labels.
type metrics struct {
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
}

func newMetrics(api string, registry prometheus.Registerer) (*metrics, error) {
	labels := prometheus.Labels{"api": api}
	m := &metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "passbook_http_request_duration_seconds", ConstLabels: labels,
			Help:    "Time to answer a request, by route, method and status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "passbook_http_requests_in_flight", ConstLabels: labels,
			Help: "Requests being answered.",
		}),
	}
	for _, c := range []prometheus.Collector{m.durations, m.inFlight} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the %s API: %w", api, err)
		}
	}
	return m, nil
}

// timings are the histograms of one route, kept so that a request need not look them up by their labels.
type timings struct {
	metrics       *metrics
	route, method string
	byStatus      sync.Map // of status to prometheus.Observer
}

func (t *timings) observe(status int, elapsed time.Duration) {
	observer, ok := t.byStatus.Load(status)
	if !ok {
		observer, _ = t.byStatus.LoadOrStore(status, t.metrics.durations.WithLabelValues(t.route, t.method, strconv.Itoa(status)))
	}
	observer.(prometheus.Observer).Observe(elapsed.Seconds())
}
