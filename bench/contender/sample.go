package contender

import (
	"slices"
	"time"

	"passbook/bench/figure"
)

// Sample is what one measure came to in one round.
type Sample struct {
	Operations int64      `json:"operations"` // acknowledged within the time
	Rate       float64    `json:"rate"`       // a second
	Latency    *Quantiles `json:"latency_ms,omitempty"`
	Lag        *Lag       `json:"lag_ms,omitempty"`
	Conflicts  int64      `json:"conflicts,omitempty"` // tries that another's write made vain
	Cost       *Cost      `json:"cost,omitempty"`
	Others     float64    `json:"others"` // share of the processors that went to programs without a part in it
}

// Lag is the time from a command's acknowledgement until a read that demands it is answered, in milliseconds.
type Lag struct {
	Quantiles
	FirstThird float64 `json:"p99_first_third"` // of the load; a lag that grows shows as a difference of the two
	LastThird  float64 `json:"p99_last_third"`
}

// Quantiles are of times, in milliseconds.
type Quantiles struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// quantiles sorts the times in place.
func quantiles(times []int64) *Quantiles {
	if len(times) == 0 {
		return nil
	}
	slices.Sort(times)
	at := func(q float64) float64 { return milliseconds(time.Duration(figure.Quantile(times, q))) }
	return &Quantiles{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Cost is what one operation took, on average, and what the programs held at the end.
type Cost struct {
	WALBytes  float64            `json:"wal_bytes"`
	Disk      map[string]float64 `json:"disk_bytes"` // by table, its indexes included
	CPUMicros map[string]float64 `json:"cpu_us"`     // by program
	Memory    map[string]int64   `json:"memory_bytes"`
}
