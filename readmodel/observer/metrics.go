package observer

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"passbook/readmodel"
)

type metrics struct {
	healthy    prometheus.Gauge
	head       prometheus.Gauge
	sound      *prometheus.GaugeVec
	lagEvents  *prometheus.GaugeVec
	lagSeconds *prometheus.GaugeVec
	rate       *prometheus.GaugeVec
	held       *prometheus.GaugeVec
	checkpoint *prometheus.GaugeVec

	relayVisible    prometheus.Gauge
	relayLagEvents  prometheus.Gauge
	relayLagSeconds prometheus.Gauge
	streamMessages  prometheus.Gauge
	streamBytes     prometheus.Gauge
	pending         *prometheus.GaugeVec
	unconfirmed     *prometheus.GaugeVec
	redelivered     *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) metrics {
	factory := promauto.With(registry)
	gauge := func(name, help string) prometheus.Gauge {
		return factory.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return factory.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	const projection, consumer = "projection", "consumer"
	return metrics{
		healthy:    gauge("passbook_projections_healthy", "1 while every wanted projection follows the log and is led by somebody."),
		head:       gauge("passbook_log_head", "The last position of the log."),
		sound:      vec("passbook_projection_following", "1 while the live generation is neither stopped, stalled, ahead of the log nor waiting.", projection),
		lagEvents:  vec("passbook_projection_lag_events", "Events of the log that the live generation does not contain.", projection),
		lagSeconds: vec("passbook_projection_lag_seconds", "Age of the oldest of them.", projection),
		rate:       vec("passbook_projection_rate", "Events applied a second, over the last ten.", projection),
		held:       vec("passbook_projection_lease_held", "1 while some instance holds the lease.", projection),
		checkpoint: vec("passbook_projection_checkpoint", "Position of each generation, as stored.", projection, "generation"),

		relayVisible:    gauge("passbook_stream_visible", "1 while the stream can be seen and is of this log."),
		relayLagEvents:  gauge("passbook_stream_lag_events", "Events of the log behind the last message of the stream."),
		relayLagSeconds: gauge("passbook_stream_lag_seconds", "Age of the oldest of them."),
		streamMessages:  gauge("passbook_stream_messages", "Messages in the stream."),
		streamBytes:     gauge("passbook_stream_bytes", "Their size."),
		pending:         vec("passbook_stream_consumer_pending", "Messages not delivered to the consumer yet.", consumer),
		unconfirmed:     vec("passbook_stream_consumer_unconfirmed", "Messages delivered to the consumer and not acknowledged.", consumer),
		redelivered:     vec("passbook_stream_consumer_redelivered", "Messages delivered to the consumer more than once and not acknowledged.", consumer),
	}
}

func (m *metrics) show(s *readmodel.Status) {
	m.healthy.Set(truth(s.Healthy))
	m.head.Set(float64(s.Head))
	m.checkpoint.Reset() // generations come and go
	for i := range s.Projections {
		m.showProjection(&s.Projections[i])
	}
	m.showStream(&s.Relay)
}

func (m *metrics) showProjection(p *readmodel.Projection) {
	m.checkpoint.WithLabelValues(p.Name, strconv.Itoa(p.Generation)).Set(float64(p.Position))
	if !p.Live && p.State != readmodel.StateWaiting {
		return
	}
	follows := p.State == readmodel.StateLive || p.State == readmodel.StateCatchingUp
	m.sound.WithLabelValues(p.Name).Set(truth(follows))
	m.lagEvents.WithLabelValues(p.Name).Set(float64(p.LagEvents))
	m.lagSeconds.WithLabelValues(p.Name).Set(float64(p.LagMilliseconds) / 1000)
	m.rate.WithLabelValues(p.Name).Set(p.Rate)
	m.held.WithLabelValues(p.Name).Set(truth(p.Lease.Held))
}

func (m *metrics) showStream(r *readmodel.Relay) {
	m.relayVisible.Set(truth(r.State == readmodel.RelayLive || r.State == readmodel.RelayCatchingUp))
	m.relayLagEvents.Set(float64(r.LagEvents))
	m.relayLagSeconds.Set(float64(r.LagMilliseconds) / 1000)
	m.streamMessages.Set(float64(r.Stream.Messages))
	m.streamBytes.Set(float64(r.Stream.Bytes))
	for _, vec := range []*prometheus.GaugeVec{m.pending, m.unconfirmed, m.redelivered} {
		vec.Reset()
	}
	for _, c := range r.Stream.Consumers {
		m.pending.WithLabelValues(c.Name).Set(float64(c.Pending))
		m.unconfirmed.WithLabelValues(c.Name).Set(float64(c.Unconfirmed))
		m.redelivered.WithLabelValues(c.Name).Set(float64(c.Redelivered))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
