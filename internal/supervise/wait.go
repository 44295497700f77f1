package supervise

import (
	"context"
	"time"
)

// Wait returns when the time is over, or ctx done, whichever is first.
func Wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
