package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"passbook/domain/bank"
	"passbook/eventstore"
	"passbook/internal/pgkit"
)

// exclusiveBatches is how many batches go the exclusive way after a collision. While another instance writes, its next batch
// is certain to come between two of ours, and an attempt without the head is wasted work.
const exclusiveBatches = 16

// present drops the commands whose callers have left: they are not decided.
func (p *Processor) present(items []*item) []*item {
	here := items[:0]
	for _, it := range items {
		if err := it.left(); err != nil {
			p.finish(it, Answer{}, err)
			continue
		}
		here = append(here, it)
	}
	return here
}

// left tells why the caller has left. Whether another instance's caller has is not known here.
func (it *item) left() error {
	if it.from != nil {
		return nil
	}
	return it.ctx.Err()
}

func (p *Processor) tell(b *batch) {
	if b.log.Events() > 0 {
		p.notify()
	}
	var senders []Answerer
	for i, it := range b.items {
		r := b.replies[i]
		p.metrics.answered(r)
		if it.uncertain {
			r = r.binding()
		}
		p.conclude(it, r.answer, r.err)
		if it.from != nil && !slices.Contains(senders, it.from) {
			senders = append(senders, it.from)
		}
	}
	for _, sender := range senders {
		sender.Flush()
	}
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

// commitExclusive commits the items while holding the head of the log, and tells every caller. Nothing of ours may be in flight.
func (p *Processor) commitExclusive(ctx context.Context, items []*item) {
	p.exclusiveFor = max(0, p.exclusiveFor-1)
	b, err := p.writeExclusive(ctx, items)
	if err != nil {
		p.fail(ctx, items, err)
		return
	}
	p.committed(b)
	p.tell(b)
}

// writeExclusive takes the head, catches up and decides, again and again, until it is known that the batch stands or that it
// cannot.
func (p *Processor) writeExclusive(ctx context.Context, items []*item) (*batch, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.ResolveTimeout)
	defer cancel()
	pause := 10 * time.Millisecond
	for {
		b, err := p.exclusiveOnce(ctx, items)
		if err == nil || !passing(err) {
			return b, err
		}
		p.log.Warn("the event store did not answer; trying again", slog.Any("error", err), slog.Int("commands", len(items)))
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

// passing tells whether the same write may succeed later. A deadline here is our own, on a database that is slow or locked.
func passing(err error) bool {
	return errors.Is(err, eventstore.ErrOutcomeUnknown) || errors.Is(err, context.DeadlineExceeded) || pgkit.IsRetryable(err)
}

func (p *Processor) exclusiveOnce(ctx context.Context, items []*item) (b *batch, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.WriteTimeout)
	defer cancel()
	err = p.store.Exclusive(ctx, func(ctx context.Context, session *eventstore.Session) error {
		answers, err := session.Answers(ctx, keysOf(items))
		if err != nil {
			return err
		}
		if err := p.catchUp(ctx, session); err != nil {
			return err
		}
		b = newBatch(session.Head(), len(items), new(eventstore.Batch))
		b.answers = answers
		if err := p.decide(ctx, session, b, items); err != nil {
			return err
		}
		return session.Append(ctx, b.log)
	})
	if err == nil {
		p.metrics.exclusive.Inc()
	}
	return b, err
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
			p.picture.evolve(events[i], p.codec.Payload)
		}
		after = events[len(events)-1].Position
	}
	p.picture.head = head
	return nil
}

// committed makes the picture what the log now is.
func (p *Processor) committed(b *batch) {
	p.metrics.batch(len(b.items), b.log.Events(), time.Since(b.opened))
	p.doors.batch(len(b.items), time.Since(b.items[len(b.items)-1].queued))
	p.picture.head = b.after()
	for _, c := range b.changed {
		state := b.states[c.id]
		p.picture.put(c.id, state)
		p.snaps.offer(c.id, state, bank.Version(c.before))
	}
}

type loadSource interface {
	Load(ctx context.Context, ids []uuid.UUID, fold string, into eventstore.Loader) error
}

// decide brings the accounts of the items into the batch and decides them.
func (p *Processor) decide(ctx context.Context, from loadSource, b *batch, items []*item) error {
	ids, had := b.missing(items, p.known)
	p.metrics.cache(had, len(ids))
	if len(ids) > 0 {
		if err := p.load(ctx, from, b, ids); err != nil {
			return err
		}
	}
	d := decider{batch: b, render: p.render, approvals: &p.config.Approvals}
	d.decideAll(items)
	return nil
}

// known finds an aggregate in memory: as the batch in flight leaves it, or else as the log has it.
func (p *Processor) known(id uuid.UUID) (bank.Aggregate, bool) {
	for _, f := range slices.Backward(p.flights) {
		if state, here := f.states[id]; here {
			return state, f.broken[id] == nil
		}
	}
	return p.picture.get(id)
}

// load reads accounts. While a batch is in flight that is safe: its accounts are known, so these are others.
func (p *Processor) load(ctx context.Context, from loadSource, b *batch, ids []uuid.UUID) error {
	f := newFolder(p.codec.Payload)
	if err := f.load(ctx, from, ids); err != nil {
		return err
	}
	b.broken = f.broken
	for id, state := range f.states {
		b.states[id] = state
		if f.broken[id] == nil {
			p.picture.put(id, state)
			p.snaps.offer(id, state, bank.Version(state)-f.folded[id]) // the next load of a long history is to be a short one
		}
	}
	return nil
}

// fail answers items that could not be written. When Postgres refused them, one command may be to blame: each is tried alone,
// so that the others stand.
func (p *Processor) fail(ctx context.Context, items []*item, err error) {
	refused := !errors.Is(err, ErrUnavailable)
	if refused && len(items) > 1 {
		p.log.Error("a batch was refused; its commands are tried one by one", slog.Any("error", err))
		for _, it := range items {
			p.commitExclusive(ctx, []*item{it})
		}
		return
	}
	p.log.Error("commands failed", slog.Any("error", err), slog.Int("commands", len(items)))
	for _, it := range items {
		p.finish(it, Answer{}, err)
	}
}
