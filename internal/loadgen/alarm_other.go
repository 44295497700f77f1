//go:build !linux

package loadgen

import (
	"context"
	"time"
)

// alarm is as precise as the runtime's timers: a millisecond on an idle machine.
type alarm struct{}

func newAlarm() *alarm { return &alarm{} }

func (*alarm) wait(ctx context.Context, d time.Duration) error { return pause(ctx, d) }
func (*alarm) close()                                          {}
