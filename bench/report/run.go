// Package report turns what was measured into what people read: a table on the terminal, a JSON file, and the block of
// figures in docs/performance.md.
package report

import (
	"time"

	"passbook/bench/contender"
	"passbook/bench/figure"
	"passbook/bench/rig"
)

// Run is one run of the whole comparison.
type Run struct {
	Started time.Time         `json:"started"`
	Commit  string            `json:"commit"`
	Command string            `json:"command"`
	Machine rig.Machine       `json:"machine"`
	Server  map[string]string `json:"server"` // settings of Postgres
	Others  rig.Others        `json:"others"`
	Rounds  int               `json:"rounds"`
	Seconds float64           `json:"seconds"` // of one measurement
	Results []*Result         `json:"results"`
	LeftOut map[string]string `json:"left_out,omitempty"` // contenders that could not be had, and why
	Goals   []Verdict         `json:"goals"`
}

// Result is one measure over all rounds.
type Result struct {
	contender.Measure
	Rounds []contender.Sample `json:"rounds"`
	Rate   figure.Spread      `json:"rate"`             // a second
	Ratios []float64          `json:"ratios,omitempty"` // to Measure.Over, round by round
	Ratio  figure.Spread      `json:"ratio"`
}

// Add takes in what a contender came to in one round.
func (r *Run) Add(c contender.Contender, samples map[string]contender.Sample) {
	for _, m := range c.Measures {
		result := r.result(m.ID)
		if result == nil {
			result = &Result{Measure: m}
			r.Results = append(r.Results, result)
		}
		result.Rounds = append(result.Rounds, samples[m.ID])
	}
}

// Finish computes spreads, ratios and verdicts.
func (r *Run) Finish() {
	for _, result := range r.Results {
		result.Rate = figure.Over(result.rates())
		if over := r.result(result.Over); over != nil {
			result.Ratios = figure.Ratios(result.rates(), over.rates())
			result.Ratio = figure.Over(result.Ratios)
		}
	}
	r.Goals = nil
	for _, g := range Goals {
		r.Goals = append(r.Goals, g.judge(r))
	}
}

func (r *Run) result(id string) *Result {
	for _, result := range r.Results {
		if result.ID == id {
			return result
		}
	}
	return nil
}

func (r *Result) rates() []float64 {
	return r.each(func(s contender.Sample) (float64, bool) { return s.Rate, true })
}

// each picks a figure of every round that has it.
func (r *Result) each(pick func(contender.Sample) (float64, bool)) []float64 {
	var figures []float64
	for _, s := range r.Rounds {
		if f, ok := pick(s); ok {
			figures = append(figures, f)
		}
	}
	return figures
}
