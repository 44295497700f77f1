package loadgen

import (
	"context"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// alarm wakes within some 30 us of its time. The runtime's own timers are up to a millisecond late on an idle machine, because
// its poller waits in whole milliseconds: requests would leave in bursts, and half a millisecond would be added to each.
type alarm struct {
	timer *os.File // nil: the kernel gave none, the runtime's timers must do
	fd    uintptr
	buf   [8]byte
}

const (
	clockMonotonic = 1
	// alarmStep is how far ahead the precise part of a wait begins; before that a wait can be ended.
	alarmStep = 5 * time.Millisecond
)

func newAlarm() *alarm {
	fd, _, failure := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if failure != 0 {
		return &alarm{}
	}
	return &alarm{timer: os.NewFile(fd, "timerfd"), fd: fd}
}

func (a *alarm) wait(ctx context.Context, d time.Duration) error {
	if a.timer == nil {
		return pause(ctx, d)
	}
	if d > alarmStep {
		return pause(ctx, d-alarmStep) // whoever waits looks at the clock and comes again
	}
	expiry := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(d.Nanoseconds())}
	_, _, failure := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, a.fd, 0, uintptr(unsafe.Pointer(&expiry)), 0, 0, 0) //nolint:gosec // the system call's own form
	if failure != 0 {
		return pause(ctx, d)
	}
	if _, err := a.timer.Read(a.buf[:]); err != nil { // parks this goroutine alone: the descriptor is in the poller
		return pause(ctx, d)
	}
	return ctx.Err()
}

func (a *alarm) close() {
	if a.timer != nil {
		_ = a.timer.Close() // nothing was written
	}
}
