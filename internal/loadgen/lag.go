package loadgen

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"passbook/internal/loadgen/lean"
)

const (
	// lagSamplers measure at a time, so that a long lag does not make samples rare.
	lagSamplers = 4
	// lagPause is between a sampler's measurements: reads should not be a load of their own.
	lagPause = 100 * time.Millisecond
	// lagPatience bounds one measurement; what is not there by then counts as this.
	lagPatience = time.Minute
)

// Lag is the time from a command's answer to the first moment at which a read that demands its position is answered: the read's
// own time is part of it. Times are in milliseconds.
type Lag struct {
	Latency
	Unreached int64   `json:"unreached"` // positions that were not there after a minute
	Failed    int64   `json:"failed"`    // reads without a proper answer
	First     Latency `json:"first_third"`
	Last      Latency `json:"last_third"`
	Grows     bool    `json:"grows"` // the last third's median is half again as much as the first's, and 10 ms more
}

// lagSampler follows some commands into the read models.
type lagSampler struct {
	from, until time.Duration
	offers      chan offer
	stopped     chan struct{}

	mu      sync.Mutex
	samples []lagSample
	lag     Lag
}

// offer is a command that was answered.
type offer struct {
	position int64
	answered time.Duration
}

type lagSample struct{ at, took time.Duration }

func newLagSampler(from, until time.Duration) *lagSampler {
	return &lagSampler{from: from, until: until, offers: make(chan offer), stopped: make(chan struct{})}
}

// offer hands a command to a sampler that is waiting for one, if any.
func (s *lagSampler) offer(position int64, answered time.Duration) {
	if s == nil || answered < s.from || answered >= s.until {
		return
	}
	select {
	case s.offers <- offer{position, answered}:
	default:
	}
}

// stop ends the sampling; measurements under way are finished, since the longest lags are among them.
func (s *lagSampler) stop() { close(s.stopped) }

// run measures one command after another.
func (s *lagSampler) run(ctx context.Context, w *worker, start time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.stopped:
			return
		case o := <-s.offers:
			s.measure(ctx, w, o, start)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.stopped:
			return
		case <-time.After(lagPause):
		}
	}
}

func (s *lagSampler) measure(ctx context.Context, w *worker, o offer, start time.Time) {
	for {
		w.request = w.bench.reading.read(w.request[:0], w.bench.population.id(0), o.position)
		err := w.query.Do(ctx, w.request, &w.answer)
		took := time.Since(start) - o.answered
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil && reached(&w.answer, o.position):
			s.add(o, took, false, false)
			return
		case took >= lagPatience:
			s.add(o, lagPatience, true, false)
			return
		case err != nil || w.answer.Status != 409 && w.answer.Status != 503:
			s.add(o, took, false, true)
			return
		}
		_ = pause(ctx, brokenPause) // it said that it is behind; ctx is looked at above
	}
}

func reached(a *lean.Answer, position int64) bool { return a.Status == 200 && a.Position >= position }

func (s *lagSampler) add(o offer, took time.Duration, unreached, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed {
		s.lag.Failed++
		return
	}
	if unreached {
		s.lag.Unreached++
	}
	s.samples = append(s.samples, lagSample{o.answered - s.from, took})
}

// report sums up, and writes each second's longest lag into the series.
func (s *lagSampler) report(seconds []Second) *Lag {
	third := (s.until - s.from) / 3
	all, first, last := newHistogram(), newHistogram(), newHistogram()
	slices.SortFunc(s.samples, func(a, b lagSample) int { return cmp.Compare(a.at, b.at) })
	for _, sample := range s.samples {
		all.record(sample.took)
		if sample.at < third {
			first.record(sample.took)
		} else if sample.at >= 2*third {
			last.record(sample.took)
		}
		if second := int(sample.at / time.Second); second < len(seconds) {
			longest := milliseconds(sample.took.Microseconds())
			if before := seconds[second].LagMax; before == nil || *before < longest {
				seconds[second].LagMax = &longest
			}
		}
	}
	s.lag.Latency, s.lag.First, s.lag.Last = all.summary(), first.summary(), last.summary()
	s.lag.Grows = s.lag.Last.P50 > 1.5*s.lag.First.P50 && s.lag.Last.P50 > s.lag.First.P50+10
	return &s.lag
}
