package supervise

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Signals returns a context that is done after the first SIGINT or SIGTERM, with the signal in its cause. The second one
// ends the process at once, with the status a shell expects of it (128 + the signal's number): whoever sends it does not
// want to wait for the stop. stop gives the signals back to their default handling and waits for the goroutine behind.
func Signals(parent context.Context) (ctx context.Context, stop func()) {
	received := make(chan os.Signal, 2)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	ctx, end := watch(parent, received, os.Exit)
	return ctx, func() {
		signal.Stop(received)
		end()
	}
}

// watch is Signals without the process: signals come from received, exit is called on the second.
func watch(parent context.Context, received <-chan os.Signal, exit func(int)) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(parent)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for count := 1; ; count++ {
			select {
			case s := <-received:
				if count == 2 {
					exit(status(s))
					return
				}
				cancel(fmt.Errorf("signal: %v", s))
			case <-quit:
				return
			}
		}
	}()
	return ctx, func() {
		close(quit)
		<-done
		cancel(context.Canceled)
	}
}

func status(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}
