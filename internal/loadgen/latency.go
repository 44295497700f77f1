package loadgen

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// latencyMax is the longest time a histogram tells apart; longer ones count as this.
const latencyMax = 2 * time.Minute

// histogram counts times in microseconds, to three significant digits.
type histogram struct{ *hdr.Histogram }

func newHistogram() histogram { return histogram{hdr.New(1, latencyMax.Microseconds(), 3)} }

func (h histogram) record(d time.Duration) {
	// Cannot fail within these bounds.
	_ = h.RecordValue(min(max(d, 0), latencyMax).Microseconds())
}

// Latency sums up many times. All are in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

func (h histogram) summary() Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean() / 1000, Max: milliseconds(h.Max()),
		P50: h.quantile(50), P90: h.quantile(90), P99: h.quantile(99), P999: h.quantile(99.9),
	}
}

// quantile is in milliseconds. No value is above the maximum, which its bucket's upper end can be.
func (h histogram) quantile(percent float64) float64 {
	return milliseconds(min(h.ValueAtQuantile(percent), h.Max()))
}

func milliseconds(microseconds int64) float64 { return float64(microseconds) / 1000 }
