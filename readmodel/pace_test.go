package readmodel

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceBoundsTheShareAndTheLag(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		applied           int
		took, fromTheLast time.Duration
	}{
		"few events are applied as they come":      {applied: paceEvents - 1, took: 5 * time.Millisecond, fromTheLast: 5 * time.Millisecond},
		"many wait for the pace":                   {applied: paceEvents, took: 5 * time.Millisecond, fromTheLast: 20 * time.Millisecond},
		"the longer it takes the longer they wait": {applied: 200, took: 15 * time.Millisecond, fromTheLast: 45 * time.Millisecond},
		"but not for longer than so many paces":    {applied: 200, took: 40 * time.Millisecond, fromTheLast: 60 * time.Millisecond},
		"what took as long by itself is followed":  {applied: 200, took: 90 * time.Millisecond, fromTheLast: 90 * time.Millisecond},
		"far behind, nothing waits":                {applied: 5_000, took: 15 * time.Millisecond, fromTheLast: 15 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &runner{config: DefaultConfig()}
			started := time.Now()
			<-time.After(c.took)
			r.pace(t.Context(), c.applied, started)
			if since := time.Since(started); since != c.fromTheLast {
				t.Errorf("%s: the next one begins after %s, want %s", name, since, c.fromTheLast)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			before := time.Now()
			r.pace(ended, paceEvents, before)
			if since := time.Since(before); since != 0 {
				t.Errorf("%s: a stop waited %s", name, since)
			}
		})
	}
}
