package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/internal/pgkit"
)

// exclusiveBatches is how many batches go the exclusive way after a collision. While another instance writes, its next batch
// is certain to come between two of ours, and an attempt without the head is wasted work.
const exclusiveBatches = 16

// commit decides the items, commits what they leave in the log and tells every caller.
func (p *Processor) commit(ctx context.Context, items []*item) {
	if items = p.present(items); len(items) == 0 {
		return
	}
	started := time.Now()
	b := newBatch(items)
	if err := p.write(ctx, b); err != nil {
		p.fail(ctx, b, err)
		return
	}
	p.metrics.batch(len(items), b.events, time.Since(started))
	p.tell(b)
}

// present drops the commands whose callers have left: they are not decided.
func (p *Processor) present(items []*item) []*item {
	here := items[:0]
	for _, it := range items {
		if err := it.ctx.Err(); err != nil {
			p.finish(it, Answer{}, err)
			continue
		}
		here = append(here, it)
	}
	return here
}

func (p *Processor) tell(b *batch) {
	if b.events > 0 {
		p.notify()
	}
	for i, it := range b.items {
		p.metrics.answered(b.replies[i])
		p.finish(it, b.replies[i].answer, b.replies[i].err)
	}
}

// write commits the batch the fast way where that can work, and the exclusive way where it cannot.
func (p *Processor) write(ctx context.Context, b *batch) error {
	if p.picture.known && p.exclusiveFor == 0 {
		err := p.writeAt(ctx, b)
		if err == nil {
			return nil
		}
		p.collided(err)
	}
	return p.writeExclusive(ctx, b)
}

func (p *Processor) collided(err error) {
	p.exclusiveFor = exclusiveBatches
	p.metrics.collision(err)
	var taken *eventstore.KeyTaken
	if errors.Is(err, eventstore.ErrHeadMoved) || errors.As(err, &taken) {
		return
	}
	p.log.Warn("a batch failed; its outcome is looked up under the head of the log", slog.Any("error", err))
}

// writeAt is the fast way: decide against the picture, and append if the log still ends where the picture does.
func (p *Processor) writeAt(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.WriteTimeout)
	defer cancel()
	if err := p.load(ctx, p.store, b); err != nil {
		return err
	}
	head := p.picture.head
	recordedAt := head.Next(time.Now())
	p.decide(b, head, recordedAt)
	if err := p.store.AppendAt(ctx, head.Position, recordedAt, b.entries); err != nil {
		return err
	}
	p.committed(b, eventstore.Head{Position: head.Position + b.events, RecordedAt: recordedAt})
	return nil
}

// writeExclusive takes the head, catches up and decides again, until it is known that the batch stands or that it cannot.
func (p *Processor) writeExclusive(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.ResolveTimeout)
	defer cancel()
	p.exclusiveFor = max(0, p.exclusiveFor-1)
	pause := 10 * time.Millisecond
	for {
		err := p.exclusiveOnce(ctx, b)
		if err == nil || !passing(err) {
			return err
		}
		p.log.Warn("the event store did not answer; trying again", slog.Any("error", err), slog.Int("commands", len(b.items)))
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

// passing tells whether the same write may succeed later. A deadline here is our own, on a database that is slow or locked.
func passing(err error) bool {
	return errors.Is(err, eventstore.ErrOutcomeUnknown) || errors.Is(err, context.DeadlineExceeded) || pgkit.IsRetryable(err)
}

func (p *Processor) exclusiveOnce(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.WriteTimeout)
	defer cancel()
	b.reset()
	var after eventstore.Head
	err := p.store.Exclusive(ctx, func(ctx context.Context, session *eventstore.Session) (err error) {
		if b.answers, err = session.Answers(ctx, b.keys()); err != nil {
			return err
		}
		if err := p.catchUp(ctx, session); err != nil {
			return err
		}
		if err := p.load(ctx, session, b); err != nil {
			return err
		}
		recordedAt := session.Head().Next(time.Now())
		p.decide(b, session.Head(), recordedAt)
		if err := session.Append(ctx, recordedAt, b.entries); err != nil {
			return err
		}
		after = session.Head()
		return nil
	})
	if err != nil {
		return err
	}
	p.metrics.exclusive.Inc()
	p.committed(b, after)
	return nil
}

// catchUp reads what others wrote since the picture was taken into it. When that is too much, the accounts in memory are
// dropped instead and come back one by one as they are needed.
func (p *Processor) catchUp(ctx context.Context, session *eventstore.Session) error {
	head := session.Head()
	if behind := head.Position - p.picture.head.Position; !p.picture.known || behind > p.config.CatchUpMax {
		p.picture.forgetAccounts()
		p.picture.head, p.picture.known = head, true
		return nil
	}
	for after := p.picture.head.Position; after < head.Position; {
		events, err := session.ReadLog(ctx, after, eventstore.ReadMax)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("the log ends at %d, its head says %d", after, head.Position)
		}
		for i := range events {
			p.picture.evolve(events[i], p.decode)
		}
		after = events[len(events)-1].Position
	}
	p.picture.head = head
	return nil
}

func (p *Processor) decide(b *batch, head eventstore.Head, recordedAt time.Time) {
	d := decider{batch: b, head: head, recordedAt: recordedAt, render: p.render}
	d.decideAll()
}

// committed makes the picture what the log now is.
func (p *Processor) committed(b *batch, head eventstore.Head) {
	p.picture.head = head
	for i := range b.entries {
		for _, a := range b.entries[i].Appends {
			state := b.states[a.StreamID]
			p.picture.put(a.StreamID, state)
			p.snaps.offer(state, a.Expected)
		}
	}
}

type loadSource interface {
	Load(ctx context.Context, ids []uuid.UUID, fold string, into eventstore.Loader) error
}

// load brings the accounts of the batch that are not in memory.
func (p *Processor) load(ctx context.Context, from loadSource, b *batch) error {
	ids := b.missing(p.picture)
	p.metrics.cache(len(b.states)-len(ids), len(ids))
	if len(ids) == 0 {
		return nil
	}
	f := newFolder(p.decode)
	if err := f.load(ctx, from, ids); err != nil {
		return err
	}
	b.broken = f.broken
	for id, state := range f.states {
		b.states[id] = state
		if state.Status != account.StatusNone {
			p.picture.put(id, state)
		}
	}
	return nil
}

// fail answers a batch that could not be written. When Postgres refused it, one command may be to blame: each is tried alone,
// so that the others stand.
func (p *Processor) fail(ctx context.Context, b *batch, err error) {
	refused := !errors.Is(err, ErrUnavailable)
	if refused && len(b.items) > 1 {
		p.log.Error("a batch was refused; its commands are tried one by one", slog.Any("error", err))
		for _, it := range b.items {
			p.commit(ctx, []*item{it})
		}
		return
	}
	p.log.Error("commands failed", slog.Any("error", err), slog.Int("commands", len(b.items)))
	for _, it := range b.items {
		p.finish(it, Answer{}, err)
	}
}
