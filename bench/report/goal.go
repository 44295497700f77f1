package report

import (
	"fmt"

	"passbook/bench/contender"
	"passbook/bench/figure"
)

// Goal is what a figure is held to: a ratio of two measures that must not be less, or a lag that must not be more.
type Goal struct {
	Title   string  `json:"title"`
	Measure string  `json:"measure"`
	Over    string  `json:"over,omitempty"` // of a ratio: what it is divided by
	AtLeast float64 `json:"at_least,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"` // of a lag: milliseconds
}

// Goals are those of the write path, the pipeline and the reads.
var Goals = []Goal{
	{"command-api alone, 64 connections, over pgbench INSERT", "command-api/spread/64", contender.YardstickWrite, 1.1, 0},
	{"command-api alone, 256 connections, over pgbench INSERT", "command-api/spread/256", contender.YardstickWrite, 1.3, 0},
	{"whole pipeline, 64 connections, over pgbench INSERT", "pipeline/64", contender.YardstickWrite, 0.55, 0},
	{"whole pipeline, 256 connections, over pgbench INSERT", "pipeline/256", contender.YardstickWrite, 0.75, 0},
	{"whole pipeline, 64 connections, lag p99 in ms", "pipeline/64", "", 0, 250},
	{"whole pipeline, 256 connections, lag p99 in ms", "pipeline/256", "", 0, 250},
	{"one account over 10,000, command-api, 64 connections", "command-api/hot/64", "command-api/spread/64", 0.95, 0},
	{"one account over 10,000, no HTTP, 64 waiting", "store/hot/64", "store/spread/64", 0.95, 0},
	{"one account over 10,000, no HTTP, 256 waiting", "store/hot/256", "store/spread/256", 0.95, 0},
	{"two command-api over one, 64 connections", "two-writers/64", "command-api/spread/64", 0.95, 0},
	{"write path without HTTP, 256 waiting, over pgbench INSERT", "store/spread/256", contender.YardstickWrite, 3, 0},
	{"GET account, 64 connections, over pgbench SELECT by key", "query-api/account/64", contender.YardstickRead, 0.4, 0},
}

// Verdict is what came of a goal. It is met when the median is.
type Verdict struct {
	Goal
	Rounds   []float64     `json:"rounds"` // empty: not measured in this run
	Measured figure.Spread `json:"measured"`
	Socket   figure.Spread `json:"socket"` // of a goal over pgbench: with pgbench over a Unix socket
	Met      bool          `json:"met"`
}

func (g Goal) judge(r *Run) Verdict {
	v := Verdict{Goal: g, Rounds: g.figures(r)}
	if rounds := g.ratios(r, contender.OverSocket(g.Over)); len(rounds) > 0 {
		v.Socket = figure.Over(rounds)
	}
	if len(v.Rounds) == 0 {
		return v
	}
	v.Measured = figure.Over(v.Rounds)
	v.Met = v.Measured.Median >= g.AtLeast && (g.AtMost == 0 || v.Measured.Median <= g.AtMost)
	return v
}

func (g Goal) figures(r *Run) []float64 {
	of := r.result(g.Measure)
	if of == nil {
		return nil
	}
	if g.AtMost > 0 {
		return of.each(func(s contender.Sample) (float64, bool) {
			if s.Lag == nil {
				return 0, false
			}
			return s.Lag.P99, true
		})
	}
	return g.ratios(r, g.Over)
}

// ratios are those of the measure over another one, round by round; none when one of them was not measured.
func (g Goal) ratios(r *Run, over string) []float64 {
	of, by := r.result(g.Measure), r.result(over)
	if of == nil || by == nil {
		return nil
	}
	return figure.Ratios(of.rates(), by.rates())
}

// String says it in one line, as in "goal 1.1, measured 1.32 (1.25-1.40)".
func (v Verdict) String() string {
	switch {
	case len(v.Rounds) == 0:
		return fmt.Sprintf("goal %s, not measured", v.bound())
	case !v.Met:
		return fmt.Sprintf("goal %s, measured %s%s: SHORT", v.bound(), v.spread(), v.beside())
	}
	return fmt.Sprintf("goal %s, measured %s%s", v.bound(), v.spread(), v.beside())
}

func (v Verdict) beside() string {
	if v.Socket == (figure.Spread{}) {
		return ""
	}
	return ", over a Unix socket " + spread(v.Socket, ratio)
}

func (v Verdict) bound() string {
	if v.AtMost > 0 {
		return "at most " + number(v.AtMost)
	}
	return number(v.AtLeast)
}

func (v Verdict) spread() string {
	if v.AtMost > 0 {
		return spread(v.Measured, number)
	}
	return spread(v.Measured, ratio)
}
