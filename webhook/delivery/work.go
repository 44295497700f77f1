package delivery

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"passbook/webhook"
)

// work is one session of the leader. All its fields are its own goroutine's, but for results and hands.
type work struct {
	*Engine
	sending context.Context // of requests: it outlives the session's, for a while

	reached  int64     // as of the last look
	followed time.Time // when subscriptions were looked at
	atWork   map[uuid.UUID]bool
	busy     map[uuid.UUID]int // requests under way, by subscription
	failing  int               // of them those of subscriptions that fail
	results  chan result       // room for all that are under way
	hands    sync.WaitGroup

	counted, cleaned time.Time
}

// result is what became of a request.
type result struct {
	order
	outcome
}

// run goes round: look at the log, send what is due, wait.
func (w *work) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		more, err := w.follow(ctx)
		if err != nil {
			return err
		}
		if err := w.takeUp(ctx, time.Now()); err != nil {
			return err
		}
		if err := w.tend(ctx, time.Now()); err != nil {
			return err
		}
		if more {
			timer.Reset(0)
		} else {
			timer.Reset(w.config.Poll)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-w.results:
			if err := w.note(ctx, w.more(r)); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
}

// more returns the result with those that have come meanwhile.
func (w *work) more(first result) []result {
	results := []result{first}
	for {
		select {
		case r := <-w.results:
			results = append(results, r)
		default:
			return results
		}
	}
}

// finish waits for what is under way, and notes it.
func (w *work) finish(ctx context.Context) error {
	w.hands.Wait()
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	select {
	case r := <-w.results:
		return w.note(ctx, w.more(r))
	default:
		return nil
	}
}

// share is how many requests of a subscription may be under way.
func (w *work) share(failing bool) int {
	if failing {
		return 1
	}
	return w.config.PerWebhook
}

// takeUp gives what is due to free hands.
func (w *work) takeUp(ctx context.Context, now time.Time) error {
	free := w.config.Concurrency - len(w.atWork)
	if free <= 0 {
		return nil
	}
	half := max(1, w.config.Concurrency/2)
	d := dueness{now: now, atWork: slices.AppendSeq(make([]uuid.UUID, 0, len(w.atWork)), maps.Keys(w.atWork)), busy: []uuid.UUID{}, failingToo: w.failing < half, each: w.config.PerWebhook, most: free}
	for id, n := range w.busy {
		if n >= w.config.PerWebhook {
			d.busy = append(d.busy, id)
		}
	}
	due, err := w.list.due(ctx, d)
	if err != nil {
		return err
	}
	for _, o := range due {
		if w.busy[o.webhookID] >= w.share(o.failing()) || o.failing() && w.failing >= half {
			continue
		}
		w.atWork[o.id] = true
		w.busy[o.webhookID]++
		if o.failing() {
			w.failing++
		}
		w.hands.Go(func() { w.results <- result{o, w.attempt(o)} })
	}
	w.metrics.inFlight.Set(float64(len(w.atWork)))
	return nil
}

// attempt makes one request. It runs beside the others, and changes nothing here.
func (w *work) attempt(o order) outcome {
	if !o.permitted {
		return outcome{Attempt: webhook.Attempt{Number: o.attempts + 1, At: time.Now(), Result: webhook.NotPermitted}}
	}
	out := w.sender.Send(w.sending, o.url, o.id.String(), o.secrets, []byte(o.payload))
	out.Number = o.attempts + 1
	return out
}

// note writes down what became of requests.
func (w *work) note(ctx context.Context, results []result) error {
	slices.SortFunc(results, func(a, b result) int { return bytes.Compare(a.webhookID[:], b.webhookID[:]) }) // all lock in this order
	done := make([]noted, 0, len(results))
	now := time.Now()
	for _, r := range results {
		delete(w.atWork, r.id)
		if w.busy[r.webhookID]--; w.busy[r.webhookID] == 0 {
			delete(w.busy, r.webhookID)
		}
		if r.failing() {
			w.failing--
		}
		if r.canceled { // by us: it says nothing
			continue
		}
		n := w.judge(r, now)
		w.metrics.attempt(n)
		if n.Result != webhook.Arrived {
			w.log.Info("an attempt in vain", "webhook_id", n.webhookID, "delivery_id", n.id, "attempt", n.Number, "result", n.Result, "status", n.Status)
		}
		done = append(done, n)
	}
	if len(done) == 0 {
		return nil
	}
	return w.list.note(ctx, done)
}

// judge decides what follows from an attempt.
func (w *work) judge(r result, now time.Time) noted {
	c := w.config
	n := noted{order: r.order, Attempt: r.Attempt, state: webhook.Pending, dueAt: now, quietUntil: now, failingBefore: now.Add(-c.DisableAfter)}
	tries := r.tries + 1
	switch {
	case r.Result == webhook.Arrived:
		n.state = webhook.Delivered
	case r.Result == webhook.NotPermitted, r.test:
		n.state = webhook.Failed
	case tries >= c.AttemptsMax || now.Sub(r.since) >= c.GiveUpAfter:
		n.state = webhook.Failed
	default:
		n.dueAt = now.Add(max(jittered(pause(c.RetryFirst, c.RetryMax, tries)), min(r.retryAfter, c.RetryAfterMax)))
	}
	if r.failing() { // it was tried as the only one: the next one after a while
		n.quietUntil = now.Add(jittered(pause(c.RetryFirst, min(c.RetryMax, quietMax), r.failures)))
	}
	if r.retryAfter > 0 {
		n.quietUntil = now.Add(min(r.retryAfter, c.RetryAfterMax))
	}
	return n
}

// quietMax is the longest that a subscription which fails is left alone, unless it asks for more.
const quietMax = time.Minute

// pause is the break behind so many tries.
func pause(first, most time.Duration, tries int) time.Duration {
	for ; tries > 1 && first < most; tries-- {
		first *= 3
	}
	return min(first, most)
}

// jittered is a time of four to six fifths, so that what failed together is not tried together.
func jittered(d time.Duration) time.Duration {
	return d*4/5 + time.Duration(rand.Int64N(int64(d)*2/5+1)) //nolint:gosec // no secret
}

const (
	countEvery = 5 * time.Second
	cleanEvery = time.Minute
)

// tend counts, and drops what is old, from time to time.
func (w *work) tend(ctx context.Context, now time.Time) error {
	if now.Sub(w.counted) >= countEvery {
		w.counted = now
		n, err := w.list.tally(ctx)
		if err != nil {
			return err
		}
		w.metrics.tally(n)
	}
	if now.Sub(w.cleaned) >= cleanEvery {
		w.cleaned = now
		dropped, err := w.list.clean(ctx, now, w.config.Retention)
		if err != nil {
			return err
		}
		if dropped > 0 {
			w.log.Info("dropped old deliveries", slog.Int64("deliveries", dropped))
		}
	}
	return nil
}
