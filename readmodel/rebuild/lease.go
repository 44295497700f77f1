package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/lease"
)

// LeaseName is the lease under which one process at a time rebuilds, rolls back or drops generations of a projection.
func LeaseName(projection string) string { return "rebuild/" + projection }

// RunningError means that another process has the projection in hand.
type RunningError struct {
	Projection, Holder string
	// Who asked for the rebuild that is under way, and when; empty when it is none.
	StartedBy string
	StartedAt time.Time
}

func (e *RunningError) Error() string {
	if e.StartedBy == "" {
		return fmt.Sprintf("%s is in the hands of %s", e.Projection, e.Holder)
	}
	return fmt.Sprintf("%s is being rebuilt by %s, for %s, since %s", e.Projection, e.Holder, e.StartedBy, e.StartedAt.UTC().Format(time.DateTime))
}

// askEvery is how often it is looked whether another holder is alive.
const askEvery = 50 * time.Millisecond

// exclusively runs do under the lease of the projection. A holder that lives, which its renewals show, is a RunningError; one
// that was killed is waited for until its time is up.
func exclusively(ctx context.Context, pool *pgxpool.Pool, projection, holder string, ttl time.Duration, log *slog.Logger,
	waits func(holder string), do func(ctx context.Context) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var result error
	led, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = lease.New(pool, LeaseName(projection), holder, ttl, log).Run(ctx, func(leading context.Context, _ int64) error {
			close(led)
			if result = do(leading); result != nil && leading.Err() != nil {
				result = errors.Join(result, context.Cause(leading))
			}
			cancel(errDone)
			return nil
		})
	}()
	if err := watch(ctx, pool, projection, holder, led, waits); err != nil {
		cancel(err)
	}
	<-ended
	if cause := context.Cause(ctx); !errors.Is(cause, errDone) {
		return cause
	}
	return result
}

var errDone = errors.New("done")

// watch returns when the lease is got, and fails when its holder renews it.
func watch(ctx context.Context, pool *pgxpool.Pool, projection, holder string, led <-chan struct{}, waits func(holder string)) error {
	var first lease.Holder
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		h, err := lease.Current(ctx, pool, LeaseName(projection))
		switch {
		case err != nil:
			return err
		case !h.Held || h.Name == holder:
			first = h
		case h.Epoch != first.Epoch:
			first = h
			waits(h.Name)
		case h.ExpiresAt.After(first.ExpiresAt):
			return &RunningError{Projection: projection, Holder: h.Name}
		}
		select {
		case <-led:
			return nil
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
