package loadgen

import (
	"context"
	"fmt"
	"time"
)

// LimitConfig says when a rate is sustained, and how the highest of them is searched.
type LimitConfig struct {
	P99  time.Duration // the most it may be
	Step time.Duration // how long each rate is tried
}

func (c *LimitConfig) validate() []error {
	var faults []error
	if c.P99 <= 0 {
		faults = append(faults, fmt.Errorf("limit: a p99 of %v cannot be kept", c.P99))
	}
	if c.Step < shortest {
		faults = append(faults, fmt.Errorf("limit: a step of %v is less than %v", c.Step, shortest))
	}
	return faults
}

const (
	// keptUp is the part of the offered rate that must be accepted: what comes in the last milliseconds is answered after them.
	keptUp = 0.98
	// limitResolution ends the search: the next rate that was not sustained is so close.
	limitResolution = 0.04
	limitStepsMax   = 24
	limitStart      = 0.7  // of what the connections reach as fast as they go, which is where the search begins
	limitRaise      = 1.25 // while nothing was too much
	limitBackOff    = 0.95 // when the rate does not hold for the whole duration
	limitHoldsMax   = 5
)

// Limit is a search for the highest rate that is sustained.
type Limit struct {
	Rate   float64     `json:"rate"` // that held for the whole duration; 0: none did
	P99    float64     `json:"p99_max_ms"`
	Closed float64     `json:"closed_loop_rate"` // of the connections as fast as they go
	Steps  []LimitStep `json:"steps"`

	held *Measurement
}

// LimitStep is one rate that was tried.
type LimitStep struct {
	Offered   float64 `json:"offered_rate"`
	Rate      float64 `json:"rate"`
	P99       float64 `json:"p99_ms"`
	Seconds   float64 `json:"seconds"`
	Sustained bool    `json:"sustained"`
	Reason    string  `json:"reason,omitempty"` // that it was not
}

// judge tells whether the bank kept up, or in what it did not.
func (c *LimitConfig) judge(m *Measurement) (reason string) {
	switch p99Max := float64(c.P99.Microseconds()) / 1000; {
	case m.Errors > 0:
		return fmt.Sprintf("%d errors", m.Errors)
	case m.Refused > 0:
		return fmt.Sprintf("%d refused", m.Refused)
	case m.Rate < keptUp*m.Offered:
		return fmt.Sprintf("%.1f %% of what was offered", 100*m.Rate/m.Offered)
	case m.Latency.P99 > p99Max:
		return fmt.Sprintf("p99 %.1f ms", m.Latency.P99)
	}
	return ""
}

// findLimit searches with short loads, and then holds the rate for the run's whole duration, lowering it until it holds.
func (b *bench) findLimit(ctx context.Context) (*Limit, error) {
	c := b.cfg.FindLimit
	limit := &Limit{P99: float64(c.P99.Microseconds()) / 1000}
	closed, err := b.drive(ctx, load{warmup: b.cfg.Warmup, duration: c.Step})
	if err != nil {
		return nil, err
	}
	limit.Closed = closed.Rate
	b.note("closed loop with %d connections: %.0f/s", b.cfg.Connections, closed.Rate)
	try := func(rate float64) (bool, error) {
		m, err := b.attempt(ctx, limit, load{rate: rate, warmup: c.Step / 5, duration: c.Step})
		return err == nil && c.judge(m) == "", err
	}
	found, err := search(max(limitStart*closed.Rate, 1), try)
	if err != nil {
		return nil, err
	}
	return limit, b.hold(ctx, limit, found)
}

// hold finds the rate, from this one downwards, that holds for the whole duration. The last measurement is the run's result,
// also when it did not hold.
func (b *bench) hold(ctx context.Context, limit *Limit, rate float64) error {
	for range limitHoldsMax {
		m, err := b.attempt(ctx, limit, load{rate: rate, warmup: b.cfg.Warmup, duration: b.cfg.Duration, lag: b.cfg.Lag})
		if err != nil {
			return err
		}
		limit.held = m
		if b.cfg.FindLimit.judge(m) == "" {
			limit.Rate = rate
			return nil
		}
		rate *= limitBackOff
	}
	return nil
}

func (b *bench) attempt(ctx context.Context, limit *Limit, l load) (*Measurement, error) {
	m, err := b.drive(ctx, l)
	if err != nil {
		return nil, err
	}
	step := LimitStep{Offered: l.rate, Rate: m.Rate, P99: m.Latency.P99, Seconds: m.Seconds, Reason: b.cfg.FindLimit.judge(m)}
	step.Sustained = step.Reason == ""
	limit.Steps = append(limit.Steps, step)
	b.note("%s", step)
	return m, nil
}

func (s LimitStep) String() string {
	verdict := "sustained"
	if !s.Sustained {
		verdict = "not sustained: " + s.Reason
	}
	return fmt.Sprintf("%7.0f/s for %.0f s: %.0f/s, p99 %.1f ms, %s", s.Offered, s.Seconds, s.Rate, s.P99, verdict)
}

// search returns the highest rate for which try says yes, to within the resolution: up from start while it does, then halving
// the distance to the lowest that was too much. A no is asked for twice, since a shared machine stutters.
func search(start float64, try func(rate float64) (bool, error)) (float64, error) {
	low, high := 0.0, 0.0
	rate, asked := start, 0
	for range limitStepsMax {
		yes, err := try(rate)
		if err != nil {
			return 0, err
		}
		asked++
		if !yes && asked < 2 {
			continue
		}
		asked = 0
		if yes {
			low = rate
		} else {
			high = rate
		}
		switch {
		case high == 0:
			rate = low * limitRaise
		case high-low <= limitResolution*high:
			return low, nil
		case low == 0:
			rate = high / 2
		default:
			rate = (low + high) / 2
		}
	}
	return max(low, 1), nil
}
