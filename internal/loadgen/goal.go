package loadgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Goal is a bound that a measurement must keep.
type Goal struct {
	Metric  string
	AtLeast bool    // else at most
	Bound   float64 // times in milliseconds
	text    string
}

// GoalResult is a goal and what was measured.
type GoalResult struct {
	Goal     string  `json:"goal"`
	Measured float64 `json:"measured"` // times in milliseconds
	Met      bool    `json:"met"`
}

// metric is something a goal can be about.
type metric struct {
	name    string
	time    bool // in milliseconds
	lag     bool // measured only where the lag is
	measure func(m *Measurement) float64
}

var metrics = []metric{
	{name: "rate", measure: func(m *Measurement) float64 { return m.Rate }},
	{name: "errors", measure: func(m *Measurement) float64 { return float64(m.Errors) }},
	{name: "refused", measure: func(m *Measurement) float64 { return float64(m.Refused) }},
	{name: "unsent", measure: func(m *Measurement) float64 { return float64(m.Unsent) }},
	{name: "p50", time: true, measure: func(m *Measurement) float64 { return m.Latency.P50 }},
	{name: "p90", time: true, measure: func(m *Measurement) float64 { return m.Latency.P90 }},
	{name: "p99", time: true, measure: func(m *Measurement) float64 { return m.Latency.P99 }},
	{name: "p99.9", time: true, measure: func(m *Measurement) float64 { return m.Latency.P999 }},
	{name: "max", time: true, measure: func(m *Measurement) float64 { return m.Latency.Max }},
	{name: "refused_p99", time: true, measure: func(m *Measurement) float64 { return m.RefusedLatency.P99 }},
	{name: "refused_max", time: true, measure: func(m *Measurement) float64 { return m.RefusedLatency.Max }},
	{name: "refused_service_p99", time: true, measure: func(m *Measurement) float64 { return m.RefusedService.P99 }},
	{name: "refused_service_max", time: true, measure: func(m *Measurement) float64 { return m.RefusedService.Max }},
	{name: "lag_p50", time: true, lag: true, measure: func(m *Measurement) float64 { return m.Lag.P50 }},
	{name: "lag_p99", time: true, lag: true, measure: func(m *Measurement) float64 { return m.Lag.P99 }},
	{name: "lag_max", time: true, lag: true, measure: func(m *Measurement) float64 { return m.Lag.Max }},
}

func findMetric(name string) (metric, bool) {
	i := slices.IndexFunc(metrics, func(m metric) bool { return m.name == name })
	if i < 0 {
		return metric{}, false
	}
	return metrics[i], true
}

// MetricNames lists what goals can be about.
func MetricNames() []string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.name
	}
	return names
}

// ParseGoals reads bounds separated by commas: rate>=20000,p99<=50ms,errors<=0. Times have a unit; nothing else has.
func ParseGoals(text string) ([]Goal, error) {
	var goals []Goal
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		g, err := parseGoal(part)
		if err != nil {
			return nil, fmt.Errorf("goal %q: %w", part, err)
		}
		goals = append(goals, g)
	}
	return goals, nil
}

func parseGoal(part string) (Goal, error) {
	g := Goal{text: part}
	name, bound, found := strings.Cut(part, "<=")
	if !found {
		if name, bound, found = strings.Cut(part, ">="); !found {
			return g, fmt.Errorf("neither <= nor >= stands in it")
		}
		g.AtLeast = true
	}
	g.Metric, bound = strings.TrimSpace(name), strings.TrimSpace(bound)
	m, known := findMetric(g.Metric)
	if !known {
		return g, fmt.Errorf("%q is none of %s", g.Metric, strings.Join(MetricNames(), ", "))
	}
	if m.time {
		d, err := time.ParseDuration(bound)
		g.Bound = float64(d) / float64(time.Millisecond)
		return g, err
	}
	var err error
	g.Bound, err = strconv.ParseFloat(bound, 64)
	return g, err
}

// NeedsLag reports whether the goal is about the lag.
func (g Goal) NeedsLag() bool {
	m, _ := findMetric(g.Metric)
	return m.lag
}

// check holds a measurement to the goal. A latency of nothing at all is no success: without accepted answers no bound on
// their times is kept, and without samples none on the lag.
func (g Goal) check(m *Measurement) GoalResult {
	metric, _ := findMetric(g.Metric)
	if metric.lag && (m.Lag == nil || m.Lag.Count == 0 || m.Lag.Failed > 0) || metric.time && m.Accepted == 0 {
		return GoalResult{Goal: g.text}
	}
	r := GoalResult{Goal: g.text, Measured: metric.measure(m)}
	r.Met = r.Measured <= g.Bound
	if g.AtLeast {
		r.Met = r.Measured >= g.Bound
	}
	return r
}
