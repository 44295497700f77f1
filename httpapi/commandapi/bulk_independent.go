package commandapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"passbook/command"
)

// independent executes the items of a bulk, each for itself. A bounded number of them is under way at a time: so a bulk takes part
// in full batches without filling the queue, where its caller's other commands and other callers' wait too. While the executor has
// no room it takes fewer, and finds out again how many it may take.
//
// One goroutine does it all. Items are begun in their order, which is the order in which they are decided; only one that was
// turned away for overload after it had been queued may come behind later ones.
type independent struct {
	*bulk
	results *results

	next    int        // item to be begun
	putOff  *underway  // the next one, which found no room
	window  []underway // a ring: begun or known, in order
	first   int        // of them
	under   int        // how many they are
	allowed int        // in the window now; at most its size
	smooth  int        // items begun since there was no room
	waits   int        // in a row, for want of room
}

// underway is an item whose result is not written yet: pending, or known because it never began.
type underway struct {
	part    part
	pending command.Pending
	err     error // it was not begun
}

const (
	pauseMin = 5 * time.Millisecond
	pauseMax = 250 * time.Millisecond
)

// all executes the items and writes their results. An error means that the caller has gone.
func (r *independent) all(ctx context.Context) error {
	r.results.begin()
	for r.next < len(r.items) || r.under > 0 {
		r.fill(ctx)
		if r.under == 0 {
			r.pause(ctx)
			continue
		}
		if r.finish(ctx); r.results.gone != nil {
			return r.results.gone
		}
	}
	return r.results.end()
}

// fill begins items until enough are under way or there is no room for the next.
func (r *independent) fill(ctx context.Context) {
	for r.next < len(r.items) && r.under < r.allowed {
		u := r.begin(ctx)
		if errors.Is(u.err, command.ErrOverloaded) && r.over(ctx) == nil {
			r.putOff = &u
			r.yield()
			return
		}
		if errors.Is(u.err, command.ErrKeyInProgress) && r.under > 0 { // perhaps it is the key of one of these
			r.putOff = &u
			return
		}
		r.window[(r.first+r.under)%len(r.window)] = u
		r.under, r.next, r.putOff = r.under+1, r.next+1, nil
		r.begun()
	}
}

// begin begins the next item, which is read only once.
func (r *independent) begin(ctx context.Context) (u underway) {
	if err := r.over(ctx); err != nil {
		return underway{part: part{call: r.call}, err: err}
	}
	if r.putOff != nil {
		u = *r.putOff
	} else if u.part, u.err = r.part(ctx, r.next); u.err != nil {
		return u
	}
	u.pending, u.err = r.handlers.executor.Begin(ctx, u.part.request)
	return u
}

// yield takes less: a quarter of what is under way now is not begun anew.
func (r *independent) yield() { r.allowed, r.smooth = max(1, r.under*3/4), 0 }

// begun takes more when all went well for as many as are allowed.
func (r *independent) begun() {
	r.waits = 0
	if r.smooth++; r.smooth >= r.allowed {
		r.allowed, r.smooth = min(len(r.window), r.allowed+r.allowed/8+1), 0
	}
}

// over says why no more items are begun.
func (r *independent) over(ctx context.Context) error {
	select {
	case <-r.call.Stopping():
		return command.ErrStopping
	case <-ctx.Done():
		return command.ErrOverloaded
	default:
		return nil
	}
}

// finish writes the result of the first item under way.
func (r *independent) finish(ctx context.Context) {
	u := &r.window[r.first]
	answer, err := r.await(ctx, u)
	switch {
	case hungUp(ctx):
		r.results.gone = context.Cause(ctx)
	case err != nil:
		body, _, status := u.part.call.Problem(ctx, translate(err))
		r.results.add(status, false, body, 0)
	default:
		noteRefusal(u.part.call, u.part.request, answer)
		r.results.add(answer.Status, answer.Replayed, answer.Body, answer.Position)
	}
	*u = underway{}
	r.first, r.under = (r.first+1)%len(r.window), r.under-1
}

// await waits for the item's answer. One that was turned away after all is begun again.
func (r *independent) await(ctx context.Context, u *underway) (command.Answer, error) {
	for {
		answer, err := r.outcome(ctx, u)
		if !errors.Is(err, command.ErrOverloaded) || r.over(ctx) != nil {
			return answer, err
		}
		r.yield()
		r.pause(ctx)
		u.pending, u.err = r.handlers.executor.Begin(ctx, u.part.request)
	}
}

// outcome is the end of one try. Before it is waited for, what is known goes to the caller.
func (r *independent) outcome(ctx context.Context, u *underway) (command.Answer, error) {
	if u.err != nil {
		return command.Answer{}, u.err
	}
	select {
	case <-u.pending.Done():
	default:
		r.results.flush()
	}
	return u.pending.Wait(ctx)
}

// pause waits for room: longer each time, and not as long as others who were turned away at the same moment.
func (r *independent) pause(ctx context.Context) {
	longest := min(pauseMax, pauseMin<<min(r.waits, 10))
	r.waits++
	timer := time.NewTimer(longest/2 + rand.N(longest/2+1)) //nolint:gosec // it spreads attempts, nobody gains by guessing it
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-r.call.Stopping():
	}
}

// hungUp tells whether the caller has hung up, so that there is nobody to write to. Time that is over is another thing.
func hungUp(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}
