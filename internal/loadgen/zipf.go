package loadgen

// weighted draws an index by its weight in constant time (Vose's alias method): each index owns a slot, of which it leaves the
// part above its threshold to another.
type weighted struct {
	threshold []float64
	other     []int32
}

// newZipf weighs index k with 1/(k+1): Zipf's law with the exponent 1, which math/rand does not have.
func newZipf(n int) *weighted {
	weights := make([]float64, n)
	sum := 0.0
	for k := range weights {
		weights[k] = 1 / float64(k+1)
		sum += weights[k]
	}
	for k := range weights {
		weights[k] *= float64(n) / sum // so that the mean is one slot
	}
	return newWeighted(weights)
}

func newWeighted(weights []float64) *weighted {
	w := &weighted{threshold: weights, other: make([]int32, len(weights))}
	var small, large []int32
	for k, weight := range weights {
		w.other[k] = int32(k)
		if weight < 1 {
			small = append(small, int32(k))
		} else {
			large = append(large, int32(k))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		w.other[s] = l
		weights[l] -= 1 - weights[s] // what it fills of the small one's slot
		if weights[l] < 1 {
			large, small = large[:len(large)-1], append(small, l)
		}
	}
	for _, k := range append(small, large...) { // full slots, but for rounding
		weights[k] = 1
	}
	return w
}

// draw needs two independent random numbers.
func (w *weighted) draw(slot, part uint64) int {
	k := within(slot, uint64(len(w.threshold)))
	if float64(part>>11)/(1<<53) < w.threshold[k] {
		return int(k) //nolint:gosec // an index
	}
	return int(w.other[k])
}
