package contender

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// closedLoop has so many workers do one operation after another until the time is over; what is under way then is finished
// and counted. The first error ends it.
func closedLoop(ctx context.Context, workers int, d time.Duration, operation func(ctx context.Context, worker int) error) (Sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done atomic.Int64
	times := make([][]int64, workers)
	start := time.Now()
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for time.Since(start) < d && ctx.Err() == nil {
				began := time.Now()
				if err := operation(ctx, worker); err != nil {
					cancel(err)
					return
				}
				times[worker] = append(times[worker], int64(time.Since(began)))
				done.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	if err := context.Cause(ctx); err != nil {
		return Sample{}, err
	}
	var every []int64
	for _, t := range times {
		every = append(every, t...)
	}
	return Sample{Operations: done.Load(), Rate: float64(done.Load()) / took.Seconds(), Latency: quantiles(every)}, nil
}

// forEach does something n times, so many at a time.
func forEach(ctx context.Context, n, workers int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
