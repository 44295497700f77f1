package figure_test

import (
	"slices"
	"testing"

	"passbook/bench/figure"
)

func TestOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   figure.Spread
	}{
		{nil, figure.Spread{}},
		{[]float64{7}, figure.Spread{Min: 7, Median: 7, Max: 7}},
		{[]float64{3, 1}, figure.Spread{Min: 1, Median: 2, Max: 3}},
		{[]float64{30, 10, 20}, figure.Spread{Min: 10, Median: 20, Max: 30}},
		{[]float64{4, 1, 3, 2}, figure.Spread{Min: 1, Median: 2.5, Max: 4}},
		{[]float64{5, 5, 1, 9, 5}, figure.Spread{Min: 1, Median: 5, Max: 9}},
	} {
		given := slices.Clone(c.values)
		if got := figure.Over(c.values); got != c.want {
			t.Errorf("spread of %v is %+v, want %+v", c.values, got, c.want)
		}
		if !slices.Equal(given, c.values) {
			t.Errorf("%v was reordered to %v: rounds must keep their order", given, c.values)
		}
	}
}

func TestRatiosPairRounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want []float64 }{
		{[]float64{10, 30}, []float64{5, 10}, []float64{2, 3}},
		{[]float64{10, 30, 40}, []float64{5, 10}, []float64{2, 3}},
		{[]float64{10}, []float64{5, 10}, []float64{2}},
		{[]float64{10, 30}, []float64{0, 10}, []float64{3}},
		{nil, []float64{1}, nil},
	} {
		if got := figure.Ratios(c.a, c.b); !slices.Equal(got, c.want) {
			t.Errorf("%v over %v is %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// The median of ratios is not the ratio of medians: when the machine slows down in one round, both sides slow down.
func TestRatiosSurviveDrift(t *testing.T) {
	t.Parallel()
	ours, theirs := []float64{120, 60, 240}, []float64{100, 50, 200}
	if got := figure.Over(figure.Ratios(ours, theirs)); got != (figure.Spread{Min: 1.2, Median: 1.2, Max: 1.2}) {
		t.Errorf("the ratio under drift is %+v, want 1.2 throughout", got)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(i + 1)
	}
	for _, c := range []struct {
		q    float64
		want int64
	}{{0, 1}, {0.5, 50}, {0.99, 99}, {0.995, 100}, {1, 100}} {
		if got := figure.Quantile(hundred, c.q); got != c.want {
			t.Errorf("quantile %v is %d, want %d", c.q, got, c.want)
		}
	}
	if got := figure.Quantile([]int64(nil), 0.5); got != 0 {
		t.Errorf("quantile of nothing is %d", got)
	}
}
