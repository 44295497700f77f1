package loadgen

import "time"

// Second is one second of the measured time, by when the answers came.
type Second struct {
	Second     int      `json:"second"`
	Accepted   int64    `json:"accepted"`
	Refused    int64    `json:"refused"`
	Errors     int64    `json:"errors"`
	P50        float64  `json:"p50_ms"` // of accepted ones
	P99        float64  `json:"p99_ms"`
	Max        float64  `json:"max_ms"`
	RefusedMax float64  `json:"refused_max_ms"`
	Waiting    int      `json:"waiting"`              // arrivals at its end that were due and not sent
	LagMax     *float64 `json:"lag_max_ms,omitempty"` // of commands answered within it, where the lag was sampled
}

// series counts the present second and closes it when an answer of a later one comes.
type series struct {
	seconds []Second
	now     Second
	current histogram // of accepted ones
}

func (s *series) add(at time.Duration, c class, took time.Duration, waiting func() int) {
	s.advance(int(at/time.Second), waiting)
	switch c {
	case accepted:
		s.now.Accepted++
		s.current.record(took)
	case refused:
		s.now.Refused++
		s.now.RefusedMax = max(s.now.RefusedMax, milliseconds(took.Microseconds()))
	case failed:
		s.now.Errors++
	}
}

// advance closes all seconds before this one. An answer that was late in taking the lock counts in the second that is open.
func (s *series) advance(to int, waiting func() int) {
	for s.now.Second < to {
		sum := s.current.summary()
		s.now.P50, s.now.P99, s.now.Max, s.now.Waiting = sum.P50, sum.P99, sum.Max, waiting()
		s.seconds = append(s.seconds, s.now)
		s.now = Second{Second: s.now.Second + 1}
		s.current.Reset()
	}
}

// finish closes the last second, also one that is not whole.
func (s *series) finish(length time.Duration, waiting func() int) {
	s.advance(int((length+time.Second-1)/time.Second), waiting)
}
