package lease

import (
	"context"
	"time"
)

// hold runs lead, renewing until it has returned, and gives the lease back.
func (l *Lease) hold(ctx context.Context, g grant, lead Lead) {
	l.log.InfoContext(ctx, "leading", "epoch", g.epoch)
	leadCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.epoch.Store(g.epoch)
	// The timer ends the leadership on time, whatever a renewal is stuck in.
	expiry := time.AfterFunc(time.Until(g.deadline), func() {
		l.epoch.Store(0)
		cancel(ErrLost)
	})
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		if err := lead(leadCtx, g.epoch); err != nil && leadCtx.Err() == nil {
			l.log.ErrorContext(ctx, "leading failed", "epoch", g.epoch, "error", err)
		}
	}()
	l.renewUntil(context.WithoutCancel(ctx), returned, g, expiry)
	<-returned
	expiry.Stop()
	l.epoch.Store(0)
	l.release(context.WithoutCancel(ctx), g)
}

// renewUntil renews until lead has returned, also while it winds down, or the lease is lost.
func (l *Lease) renewUntil(ctx context.Context, returned <-chan struct{}, g grant, expiry *time.Timer) {
	ticker := time.NewTicker(l.ttl / renewalsPerTTL)
	defer ticker.Stop()
	for deadline := g.deadline; ; {
		select {
		case <-returned:
			return
		case <-ticker.C:
		}
		next, outcome := l.renew(ctx, g.epoch, deadline)
		switch outcome {
		case renewed:
			if !expiry.Stop() { // too late: lead has been told
				return
			}
			deadline = next
			expiry.Reset(time.Until(deadline))
		case taken:
			expiry.Reset(0)
			return
		case failed:
			if !time.Now().Before(deadline) {
				return
			}
		}
	}
}

type outcome int

const (
	renewed outcome = iota
	failed          // try again while there is time
	taken           // somebody else has it, or the row is gone
)

// renew asks once, for no longer than the time to the next renewal: a connection that hangs must leave time to try another.
func (l *Lease) renew(ctx context.Context, epoch int64, until time.Time) (time.Time, outcome) {
	ctx, cancelUntil := context.WithDeadline(ctx, until)
	defer cancelUntil()
	ctx, cancel := context.WithTimeout(ctx, l.ttl/renewalsPerTTL)
	defer cancel()
	next := l.deadline()
	tag, err := l.pool.Exec(ctx, renewSQL, l.name, l.holder, epoch, l.ttl.Seconds())
	if err != nil {
		l.log.WarnContext(ctx, "cannot renew the lease", "epoch", epoch, "error", err)
		return time.Time{}, failed
	}
	if tag.RowsAffected() == 0 {
		l.log.WarnContext(ctx, "the lease is somebody else's", "epoch", epoch)
		return time.Time{}, taken
	}
	return next, renewed
}

// release lets the next holder start at once. Nothing depends on it: unreleased, the lease runs out.
func (l *Lease) release(ctx context.Context, g grant) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/renewalsPerTTL)
	defer cancel()
	if _, err := l.pool.Exec(ctx, releaseSQL, l.name, l.holder, g.epoch); err != nil {
		l.log.WarnContext(ctx, "cannot give the lease back; it will run out", "epoch", g.epoch, "error", err)
		return
	}
	l.log.InfoContext(ctx, "no longer leading", "epoch", g.epoch)
}
