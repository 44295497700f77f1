package process

import (
	"github.com/prometheus/client_golang/prometheus"

	"passbook/domain/payment"
)

type metrics struct {
	leader, open, stuck, due, holds, lag, position prometheus.Gauge
	requested, stuckTotal, contradictions, errors  prometheus.Counter
	steps, attempts, answers, outcomes, commands   *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	const ns = "passbook_process_"
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: ns + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: ns + name, Help: help})
	}
	vector := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: ns + name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	answers := []string{string(payment.AnswerAccepted), string(payment.AnswerSettled), string(payment.AnswerRejected)}
	m := &metrics{
		leader:         gauge("leader", "1 while this instance carries payments through."),
		open:           gauge("payments_open", "Payments without an outcome; of the leader."),
		stuck:          gauge("payments_stuck", "Payments marked as stuck; of the leader."),
		due:            gauge("payments_due", "Payments whose next step is due or under way; of the leader."),
		holds:          gauge("holds_expiring", "Open holds that expire; of the leader."),
		lag:            gauge("lag_events", "Events of the log that have not been looked at; of the leader."),
		position:       gauge("position", "How far the log has been looked at; of the leader."),
		requested:      counter("payments_requested_total", "Payments taken up."),
		stuckTotal:     counter("payments_stuck_total", "Payments marked as stuck."),
		contradictions: counter("contradictions_total", "Answers of the gateway that contradict a payment's outcome."),
		errors:         counter("errors_total", "Interruptions of the work."),
		steps: vector("steps_total", "Steps taken, by what they are.", "step",
			string(payment.DoSubmit), string(payment.DoAskStatus), string(payment.DoMarkStuck), string(payment.DoTimeOut), stepExpireHolds, stepExpireApproval),
		attempts: vector("attempts_total", "Contacts with the gateway, by what came of them.", "result", append(answers, string(payment.AnswerUnknown), "in_vain")...),
		answers:  vector("answers_total", "Answers that the gateway gave by itself, by what they said.", "answer", answers...),
		outcomes: vector("payments_ended_total", "Payments that have their outcome, by outcome.", "outcome",
			string(payment.StatusSettled), string(payment.StatusRejected), string(payment.StatusTimedOut), string(payment.StatusCancelled)),
		commands: vector("commands_total", "Commands given, by what came of them.", "result", "done", "failed"),
	}
	registerer.MustRegister(m.leader, m.open, m.stuck, m.due, m.holds, m.lag, m.position, m.requested, m.stuckTotal, m.contradictions, m.errors,
		m.steps, m.attempts, m.answers, m.outcomes, m.commands)
	return m
}

// stepDown: what only the leader knows is not known any more.
func (m *metrics) stepDown() {
	for _, g := range []prometheus.Gauge{m.leader, m.open, m.stuck, m.due, m.holds, m.lag} {
		g.Set(0)
	}
}
