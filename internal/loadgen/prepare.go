package loadgen

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"passbook/internal/loadgen/lean"
)

const (
	// preparePatience is how long one command of the preparation is sent again while the bank is not able to take it.
	preparePatience = time.Minute
	preparePause    = 50 * time.Millisecond
)

// prepare makes sure that all accounts are open and have enough on them. Its keys are those of the seed, so that what a run
// that was cut short has done is not done again; and after a whole one, the marker account says that nothing is left to do.
func (b *bench) prepare(ctx context.Context) error {
	ready, position, err := b.ready(ctx)
	if err != nil {
		return err
	}
	if !ready {
		b.note("opening %d accounts", b.population.size)
		if position, err = b.openAll(ctx); err != nil {
			return err
		}
	}
	if b.reading == nil {
		return nil
	}
	return b.awaitReadable(ctx, position)
}

// ready asks for money from the marker account: 404 when it is not there, 422 when it is, since nothing ever lay on it.
func (b *bench) ready(ctx context.Context) (ready bool, position int64, err error) {
	w := b.workers[0]
	w.request = b.commands[w.lane].movement(w.request[:0], withdrawal, b.population.marker(), []byte(b.keyPrefix+"ready"), 1)
	err = b.insist(ctx, w, w.command, func(a *lean.Answer) bool { return a.Status == 404 || a.Status == 422 })
	return w.answer.Status == 422, w.answer.Position, err
}

// openAll returns the highest position of the log that it was told.
func (b *bench) openAll(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	var next, highest atomic.Int64
	for _, w := range b.workers[:min(len(b.workers), 256)] {
		running.Go(func() {
			for k := int(next.Add(1)) - 1; k < b.population.size; k = int(next.Add(1)) - 1 {
				if err := b.openOne(ctx, w, k); err != nil {
					cancel(err)
					return
				}
				raise(&highest, w.answer.Position)
			}
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	w := b.workers[0]
	err := b.open(ctx, w, b.population.marker(), b.population.markerKey())
	raise(&highest, w.answer.Position)
	return highest.Load(), err
}

func raise(highest *atomic.Int64, position int64) {
	for old := highest.Load(); position > old; old = highest.Load() {
		if highest.CompareAndSwap(old, position) {
			return
		}
	}
}

// openOne opens and funds the k-th account.
func (b *bench) openOne(ctx context.Context, w *worker, k int) error {
	id, to := b.population.id(k), b.commands[w.lane]
	if err := b.open(ctx, w, id, b.population.openKey(k)); err != nil {
		return err
	}
	w.request = to.movement(w.request[:0], deposit, id, b.population.fundKey(k), funding)
	return b.insist(ctx, w, w.command, success)
}

// open accepts that another token's subject, whose keys are others, has opened the account before.
func (b *bench) open(ctx context.Context, w *worker, id uuid.UUID, key []byte) error {
	w.request = b.commands[w.lane].open(w.request[:0], id, key)
	return b.insist(ctx, w, w.command, func(a *lean.Answer) bool {
		return success(a) || a.Status == 409 && problemCode(a.Body) == " account_exists"
	})
}

func success(a *lean.Answer) bool { return a.Status/100 == 2 }

// awaitReadable returns when the read models know the last account.
func (b *bench) awaitReadable(ctx context.Context, position int64) error {
	w := b.workers[0]
	w.request = b.reading.read(w.request[:0], b.population.id(b.population.size-1), position)
	return b.insist(ctx, w, w.query, success)
}

// insist sends the worker's request until the answer is a wanted one. It gives up on an answer that will not change, or when its
// patience ends.
func (b *bench) insist(ctx context.Context, w *worker, conn *lean.Conn, wanted func(*lean.Answer) bool) error {
	for end := time.Now().Add(preparePatience); ; {
		err := conn.Do(ctx, w.request, &w.answer)
		if err == nil && wanted(&w.answer) {
			return nil
		}
		if err == nil {
			err = answerError(&w.answer)
		}
		if final := !transient(&w.answer, err); final || time.Now().After(end) || pause(ctx, preparePause) != nil {
			line, _, _ := strings.Cut(string(w.request), " HTTP/1.1\r\n")
			return fmt.Errorf("%s: %w", line, err)
		}
	}
}

// errAnswer is an answer that was not wanted.
var errAnswer = errors.New("unwanted answer")

func answerError(a *lean.Answer) error {
	return fmt.Errorf("%w: %d %.300s", errAnswer, a.Status, a.Body)
}

// transient tells what may be otherwise the next time: a bank that is starting, full, or behind with its read models.
func transient(a *lean.Answer, err error) bool {
	if !errors.Is(err, errAnswer) {
		return true
	}
	return a.Status == 404 || a.Status == 409 || a.Status == 429 || a.Status >= 500
}
