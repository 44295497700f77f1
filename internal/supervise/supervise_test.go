package supervise

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const limit = 15 * time.Second

// journal notes in which order things happened.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// part takes lingering to finish after it was told to stop, then ends with err.
func (j *journal) part(name string, stage Stage, lingering time.Duration, err error) Part {
	return Part{Name: name, Stage: stage, Run: func(ctx context.Context) error {
		<-ctx.Done()
		j.add(name + " told")
		<-time.After(lingering)
		j.add(name + " ended")
		if err != nil {
			return err
		}
		return ctx.Err()
	}}
}

func failing(name string, after time.Duration, err error) Part {
	return Part{Name: name, Stage: Processors, Run: func(context.Context) error {
		<-time.After(after)
		return err
	}}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestStopsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := Run(ctx, quiet(), limit,
			j.part("pool", Resources, 0, nil),
			j.part("relay", Transport, time.Second, nil),
			j.part("http", Servers, 2*time.Second, nil),
			j.part("processor", Processors, time.Second, nil),
		)
		if err != nil {
			t.Fatalf("clean stop: %v", err)
		}
		want := []string{
			"http told", "http ended", "processor told", "processor ended",
			"relay told", "relay ended", "pool told", "pool ended",
		}
		if !slices.Equal(j.lines, want) {
			t.Errorf("order:\n got  %q\n want %q", j.lines, want)
		}
	})
}

func TestStageStopsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		err := Run(ctx, quiet(), limit,
			j.part("a", Servers, 5*time.Second, nil),
			j.part("b", Servers, 5*time.Second, nil),
		)
		if took := time.Since(began); err != nil || took != 5*time.Second {
			t.Errorf("took %v, error %v; want 5s and none", took, err)
		}
	})
}

func TestFirstFailureStopsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		broken, late := errors.New("broken"), errors.New("could not flush")
		err := Run(t.Context(), quiet(), limit,
			failing("processor", time.Second, broken),
			j.part("http", Servers, 0, nil),
			j.part("relay", Transport, 0, late),
		)
		if !errors.Is(err, broken) || !errors.Is(err, late) {
			t.Errorf("got %v, want both failures", err)
		}
		for _, line := range []string{"processor: broken", "relay: could not flush"} {
			if !strings.Contains(err.Error(), line) {
				t.Errorf("%q does not say %q", err, line)
			}
		}
		if !slices.Contains(j.lines, "http ended") {
			t.Errorf("http was not waited for: %q", j.lines)
		}
	})
}

func TestEndingEarlyIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := Run(t.Context(), quiet(), limit, failing("processor", time.Second, nil))
		if !errors.Is(err, ErrEnded) {
			t.Errorf("got %v, want ErrEnded", err)
		}
	})
}

// A part whose context is canceled from elsewhere has failed; the same error after it was told is a clean stop.
func TestCanceledBeforeToldIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := Run(t.Context(), quiet(), limit, failing("processor", time.Second, context.Canceled))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

func TestStopTimeoutNamesWhoIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		err := Run(ctx, quiet(), limit,
			j.part("http", Servers, time.Second, nil),
			j.part("processor", Processors, time.Hour, nil),
			j.part("pool", Resources, 0, nil),
		)
		if took := time.Since(began); took != limit {
			t.Errorf("gave up after %v, want %v", took, limit)
		}
		if !errors.Is(err, ErrStopTimeout) || !strings.HasSuffix(err.Error(), "still running: processor, pool") {
			t.Errorf("got %v, want the parts that are left", err)
		}
		<-time.After(time.Hour) // the parts that outlived Run end, and the test sees that nothing hangs
	})
}

func TestSignals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		received := make(chan os.Signal)
		exits := make(chan int, 1)
		ctx, end := watch(t.Context(), received, func(status int) { exits <- status })
		defer end()

		received <- syscall.SIGTERM
		synctest.Wait()
		if ctx.Err() == nil || !strings.Contains(context.Cause(ctx).Error(), "terminated") {
			t.Fatalf("after the first signal: %v, cause %v", ctx.Err(), context.Cause(ctx))
		}
		if len(exits) != 0 {
			t.Fatal("the first signal ended the process")
		}
		received <- syscall.SIGINT
		if got := <-exits; got != 130 {
			t.Errorf("exit status %d, want 130", got)
		}
	})
}

func TestSignalsEndWithoutOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := watch(t.Context(), make(chan os.Signal), func(int) { t.Error("exited") })
		end()
		if ctx.Err() == nil {
			t.Error("the context outlives its end")
		}
	})
}

// A real signal to this process reaches the context.
func TestSignalsOfTheProcess(t *testing.T) {
	ctx, stop := Signals(t.Context())
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
}
