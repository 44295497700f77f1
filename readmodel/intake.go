package readmodel

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
)

// intake turns deliveries that guarantee nothing into the log: contiguous, in order, each event once.
type intake struct {
	consumer string
	source   Source // may be nil
	events   Log
	config   Config
	log      *slog.Logger
	fromLog  prometheus.Counter

	inbox          inbox
	subscription   Subscription // nil while there is none
	attempt        *attempt     // to get one; nil while there is none
	unacknowledged bool
	notBefore      time.Time // the next attempt to subscribe
	behind         bool      // the log had a full batch, so there is more to read than to wait for
}

// attempt is a subscription on its way: a broker that hangs must not keep anyone from polling the log.
type attempt struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the rest is set
	got    Subscription
	err    error
}

// next returns the events right after the position: at most a batch, none when all is quiet.
func (in *intake) next(ctx context.Context, after int64) ([]eventstore.Event, error) {
	in.inbox.drop(after)
	if in.inbox.empty() {
		in.receive(ctx, after)
		in.inbox.drop(after)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if run := in.inbox.take(after, in.config.Batch); len(run) > 0 {
		in.behind = false
		return run, nil
	}
	return in.readLog(ctx, after)
}

// receive waits for the source, for as long as it may be silent.
func (in *intake) receive(ctx context.Context, after int64) {
	patience := in.config.Poll
	if in.behind {
		patience = 0
	}
	if in.subscription == nil {
		in.subscribe(ctx, after, patience)
	}
	if in.subscription == nil {
		return
	}
	delivered, err := in.subscription.Next(ctx, in.config.Batch, patience)
	if err != nil {
		in.unsubscribe(ctx, err)
		return
	}
	in.unacknowledged = in.unacknowledged || len(delivered) > 0
	in.inbox.fill(delivered)
}

// subscribe goes on with an attempt, or begins one, and gives it some time.
func (in *intake) subscribe(ctx context.Context, after int64, patience time.Duration) {
	if in.attempt == nil && in.source != nil && !time.Now().Before(in.notBefore) {
		in.attempt = in.begin(ctx, after)
	}
	var done chan struct{} // nil: nothing but time to wait for
	if in.attempt != nil {
		done = in.attempt.done
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		in.subscribed(ctx)
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (in *intake) begin(ctx context.Context, after int64) *attempt {
	ctx, cancel := context.WithCancel(ctx)
	a := &attempt{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.got, a.err = in.source.Subscribe(ctx, in.consumer, after)
	}()
	return a
}

// subscribed takes the outcome of the attempt.
func (in *intake) subscribed(ctx context.Context) {
	a := in.attempt
	a.cancel()
	in.attempt = nil
	if a.err != nil {
		in.notBefore = time.Now().Add(in.config.Resubscribe)
		if ctx.Err() == nil {
			in.log.WarnContext(ctx, "no deliveries, polling the log", "error", a.err)
		}
		return
	}
	in.subscription = a.got
	in.log.InfoContext(ctx, "deliveries subscribed")
}

func (in *intake) unsubscribe(ctx context.Context, cause error) {
	if ctx.Err() == nil {
		in.log.WarnContext(ctx, "deliveries ended, polling the log", "error", cause)
	}
	in.reset()
	in.notBefore = time.Now().Add(in.config.Resubscribe)
}

// reset ends the deliveries and forgets them.
func (in *intake) reset() {
	if a := in.attempt; a != nil {
		a.cancel()
		<-a.done
		in.subscription, in.attempt = a.got, nil
	}
	if in.subscription != nil {
		in.subscription.Close()
	}
	in.subscription, in.inbox, in.unacknowledged, in.behind, in.notBefore = nil, inbox{}, false, false, time.Time{}
}

// readLog reads what the source has not delivered: up to the first event that it has, or all there is.
func (in *intake) readLog(ctx context.Context, after int64) ([]eventstore.Event, error) {
	limit := in.config.Batch
	gap := in.inbox.gap(after)
	if gap > 0 {
		limit = int(min(int64(limit), gap))
	}
	events, err := in.events.ReadLog(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	in.behind = len(events) == limit
	if gap > 0 && !in.behind { // a later event was delivered that the log does not have
		in.unsubscribe(ctx, fmt.Errorf("event %d was delivered, the log ends at %d", after+gap+1, after+int64(len(events))))
	}
	in.fromLog.Add(float64(len(events)))
	return events, nil
}

// acknowledge tells the source that everything it delivered is applied, once it is.
func (in *intake) acknowledge(ctx context.Context) {
	if !in.unacknowledged || !in.inbox.empty() {
		return
	}
	in.unacknowledged = false
	if err := in.subscription.Acknowledge(ctx); err != nil {
		in.unsubscribe(ctx, err)
	}
}
