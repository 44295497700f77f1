package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"passbook/bench/contender"
	"passbook/bench/figure"
)

const none = "-"

func (r *Run) goals() *table {
	t := &table{head: []string{"Goal", "bound", "measured", "", "with pgbench over a Unix socket"}, right: []bool{false, true, true, false, true}}
	for _, v := range r.Goals {
		beside := none
		if v.Socket != (figure.Spread{}) {
			beside = spread(v.Socket, ratio)
		}
		switch {
		case len(v.Rounds) == 0:
			t.add(v.Title, v.bound(), none, "not measured", beside)
		case v.Met:
			t.add(v.Title, v.bound(), v.spread(), "met", beside)
		default:
			t.add(v.Title, v.bound(), v.spread(), "SHORT", beside)
		}
	}
	return t
}

func (r *Run) figures() *table {
	t := &table{
		head:  []string{"What", "a second", "over yardstick", "p50 ms", "p99 ms", "p99.9 ms", "conflicts", "others"},
		right: []bool{false, true, true, true, true, true, true, true},
	}
	for _, result := range r.Results {
		latency := func(pick func(*contender.Quantiles) float64) string {
			return over(result.each(func(s contender.Sample) (float64, bool) {
				if s.Latency == nil {
					return 0, false
				}
				return pick(s.Latency), true
			}))
		}
		t.add(result.Title, spread(result.Rate, number), yardstick(result),
			latency(func(q *contender.Quantiles) float64 { return q.P50 }),
			latency(func(q *contender.Quantiles) float64 { return q.P99 }),
			latency(func(q *contender.Quantiles) float64 { return q.P999 }),
			conflicts(result), others(result))
	}
	return t
}

func yardstick(r *Result) string {
	switch {
	case r.ID == r.Over:
		return "1"
	case len(r.Ratios) == 0:
		return none
	}
	return spread(r.Ratio, ratio)
}

// over is the median of the rounds.
func over(rounds []float64) string {
	if len(rounds) == 0 {
		return none
	}
	return number(figure.Over(rounds).Median)
}

// conflicts are by operation: how often, on average, one had to be tried again.
func conflicts(r *Result) string {
	shares := r.each(func(s contender.Sample) (float64, bool) {
		return float64(s.Conflicts) / float64(s.Operations), s.Conflicts > 0
	})
	if len(shares) == 0 {
		return none
	}
	return ratio(figure.Over(shares).Median)
}

// others is how much of the machine went elsewhere in the round in which it was most: what a doubtful figure may be due to.
func others(r *Result) string {
	shares := r.each(func(s contender.Sample) (float64, bool) { return s.Others, true })
	return whole(100*slices.Max(shares)) + " %"
}

func (r *Run) lags() *table {
	t := &table{
		head:  []string{"Lag", "p50 ms", "p99 ms", "p99, first third", "p99, last third", "worst ms"},
		right: []bool{false, true, true, true, true, true},
	}
	for _, result := range r.Results {
		lag := func(pick func(*contender.Lag) float64) []float64 {
			return result.each(func(s contender.Sample) (float64, bool) {
				if s.Lag == nil {
					return 0, false
				}
				return pick(s.Lag), true
			})
		}
		worst := lag(func(l *contender.Lag) float64 { return l.Max })
		if len(worst) == 0 {
			continue
		}
		t.add(result.Title,
			over(lag(func(l *contender.Lag) float64 { return l.P50 })),
			spread(figure.Over(lag(func(l *contender.Lag) float64 { return l.P99 })), number),
			over(lag(func(l *contender.Lag) float64 { return l.FirstThird })),
			over(lag(func(l *contender.Lag) float64 { return l.LastThird })),
			number(slices.Max(worst)))
	}
	return t
}

func (r *Run) costs() *table {
	t := &table{
		head:  []string{"Cost of one", "CPU µs", "WAL bytes", "bytes on disk", "memory MiB"},
		right: []bool{false, false, true, false, false},
	}
	for _, result := range r.Results {
		if !slices.ContainsFunc(result.Rounds, func(s contender.Sample) bool { return s.Cost != nil }) {
			continue
		}
		t.add(result.Title, result.parts(func(c *contender.Cost) map[string]float64 { return c.CPUMicros }, number),
			over(result.cost(func(c *contender.Cost) (float64, bool) { return c.WALBytes, true })),
			result.parts(func(c *contender.Cost) map[string]float64 { return c.Disk }, whole),
			result.parts(func(c *contender.Cost) map[string]float64 { return floats(c.Memory) }, mebibytes))
	}
	return t
}

func (r *Result) cost(pick func(*contender.Cost) (float64, bool)) []float64 {
	return r.each(func(s contender.Sample) (float64, bool) {
		if s.Cost == nil {
			return 0, false
		}
		return pick(s.Cost)
	})
}

// parts lists a cost by program or by table, the greatest first; each is the median of its rounds. What comes to nothing is
// left out.
func (r *Result) parts(pick func(*contender.Cost) map[string]float64, format func(float64) string) string {
	byName := map[string][]float64{}
	for _, s := range r.Rounds {
		if s.Cost == nil {
			continue
		}
		for name, amount := range pick(s.Cost) {
			byName[name] = append(byName[name], amount)
		}
	}
	medians := map[string]float64{}
	for name, amounts := range byName {
		medians[name] = figure.Over(amounts).Median
	}
	names := slices.SortedFunc(maps.Keys(medians), func(a, b string) int {
		return cmp.Or(cmp.Compare(medians[b], medians[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, name := range names {
		if text := format(medians[name]); text != "0" {
			parts = append(parts, name+" "+text)
		}
	}
	if len(parts) == 0 {
		return none
	}
	return strings.Join(parts, ", ")
}

func floats(amounts map[string]int64) map[string]float64 {
	f := map[string]float64{}
	for name, amount := range amounts {
		f[name] = float64(amount)
	}
	return f
}
