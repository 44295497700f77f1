package loadgen

import (
	"context"
	"sync"
	"time"
)

// load is one stretch of requests.
type load struct {
	rate             float64 // 0: closed loop
	warmup, duration time.Duration
	lag              bool
}

// drive puts the bank under one load and returns what it measured. It returns when every request was answered or given up.
func (b *bench) drive(ctx context.Context, l load) (*Measurement, error) {
	end := l.warmup + l.duration
	d := &drive{bench: b, schedule: newSchedule(l.rate, end, len(b.commands)), first: b.sent, start: time.Now()}
	d.recorder = newRecorder(l.warmup, end, d.schedule.waiting)
	var working, beside sync.WaitGroup
	if l.rate > 0 {
		beside.Go(func() { d.schedule.release(ctx, d.start) })
	}
	if l.lag {
		d.lag = newLagSampler(l.warmup, end)
		for _, w := range b.samplers {
			beside.Go(func() { d.lag.run(ctx, w, d.start) })
		}
	}
	var before, after sample
	beside.Go(func() {
		before = b.sample(ctx, d.start, l.warmup)
		after = b.sample(ctx, d.start, end)
	})
	for _, w := range b.workers {
		working.Go(func() { w.work(ctx, d) })
	}
	working.Wait()
	d.recorder.finish()
	if d.lag != nil {
		d.lag.stop()
	}
	beside.Wait()
	b.sent += d.taken()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.measurement(l, before, after), nil
}

// drive is a load under way.
type drive struct {
	bench    *bench
	schedule *schedule
	recorder *recorder
	lag      *lagSampler // nil: not sampled
	first    uint64      // of its requests within the run
	start    time.Time
}

func (d *drive) now() time.Duration { return time.Since(d.start) }

// taken is an upper bound of the numbers that were given out.
func (d *drive) taken() uint64 {
	most := int64(0)
	for i := range d.schedule.lanes {
		most = max(most, d.schedule.lanes[i].taken.Load())
	}
	return uint64(most) * uint64(len(d.schedule.lanes))
}

func (d *drive) measurement(l load, before, after sample) *Measurement {
	m := &Measurement{Offered: l.rate, Seconds: l.duration.Seconds()}
	d.recorder.counts(m)
	m.Generator = generatorCost(before, after, d.recorder.answered)
	m.Generator.Connections = d.bench.opened()
	m.Bank = bankCost(before, after, d.recorder.inTime)
	m.Database = databaseCost(before, after, d.recorder.inTime)
	if d.lag != nil {
		m.Lag = d.lag.report(m.Series)
	}
	return m
}
