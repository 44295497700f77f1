// Package figure is the arithmetic of a comparison that was made in rounds: spreads over the rounds, and ratios of what was
// measured in the same round, because a machine drifts by more than the differences that matter.
package figure

import (
	"math"
	"slices"
)

// Spread is what several rounds came to. The zero value is of no rounds.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// Over is the spread of the values, in any order. Of an even number the median is the mean of the two in the middle.
func Over(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Spread{sorted[0], median, sorted[len(sorted)-1]}
}

// Ratios divides round by round: the first of a by the first of b, and so on. What has no counterpart in the other list, or
// a counterpart of zero, is left out.
func Ratios(a, b []float64) []float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return ratios
}

// Quantile is the smallest value that at least the share q of the sorted values do not exceed; 0 of none.
func Quantile[T int64 | float64](sorted []T, q float64) T {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}
