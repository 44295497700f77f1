package command

import (
	"context"
	"fmt"

	"passbook/eventstore"
)

// flight is a batch on its way to the log.
type flight struct {
	*batch
	err    error
	landed bool
}

// work is the deciding goroutine. While one batch is being committed it decides the next one behind it, on the assumption
// that the first will stand, and sends it after the first when it has grown as large, or else as soon as the first stands. So
// neither Postgres nor the processors wait for each other.
func (p *Processor) work(ctx context.Context) {
	unhurried := context.WithoutCancel(ctx)
	for {
		select {
		case <-p.arrivals():
			p.advance(unhurried)
		case f := <-p.landed:
			p.land(unhurried, f)
		case <-p.changed():
			p.advance(unhurried)
		case <-p.away.home:
			p.reclaim(unhurried)
		case <-ctx.Done():
			p.drain(unhurried)
			return
		}
	}
}

// arrivals tells that commands wait; nothing while there is no room for them.
func (p *Processor) arrivals() <-chan struct{} {
	if _, room, _ := p.room(); room <= 0 {
		return nil
	}
	return p.queue.ready
}

// room is where commands are decided, and how many more are taken: by the open batch, or by the way to the other instance.
func (p *Processor) room() (place Place, most, enough int) {
	place, most, enough = p.place()
	switch {
	case place == There:
		return There, most, enough
	case p.open == nil:
		return place, p.config.BatchMax, 1
	}
	return place, p.config.BatchMax - len(p.open.items), 1
}

// advance takes everything that waits, as far as there is room. It does not linger: batches grow by themselves while one commits.
// Commands that have waited too long are refused: their callers have given up, or are about to, and to decide them now would
// make the others wait as long.
func (p *Processor) advance(ctx context.Context) {
	place, most, enough := p.room()
	items, expired := p.queue.takeEnough(most, enough)
	for _, it := range expired {
		p.refuse(it)
	}
	if len(items) > 0 {
		p.dispatch(ctx, place, items)
	}
}

func (p *Processor) refuse(it *item) {
	p.metrics.overloaded.Inc()
	p.finish(it, Answer{}, ErrOverloaded)
}

// drain refuses what comes from now on and finishes what has come.
func (p *Processor) drain(ctx context.Context) {
	p.gate.Lock()
	p.shut = true
	p.gate.Unlock()
	p.away.awaited.Store(true)
	p.advance(ctx) // what waited for more to be sent with it
	for {
		select {
		case <-p.arrivals():
			p.advance(ctx)
		case f := <-p.landed:
			p.land(ctx, f)
		case <-p.away.home:
			p.reclaim(ctx)
		default:
			if len(p.flights) == 0 && p.away.count.Load() == 0 {
				return
			}
			p.await(ctx)
		}
	}
}

// await waits for the batch in flight or for commands that are elsewhere.
func (p *Processor) await(ctx context.Context) {
	select {
	case f := <-p.landed:
		p.land(ctx, f)
	case <-p.away.home:
		p.reclaim(ctx)
	}
}

// end is where the log will end when everything decided and in flight stands.
func (p *Processor) end() eventstore.Head {
	if n := len(p.flights); n > 0 {
		return p.flights[n-1].after()
	}
	return p.picture.head
}

// admit decides the items behind everything decided before, and lets them leave if nothing is in flight. A group has a batch of
// its own, under the head of the log.
func (p *Processor) admit(ctx context.Context, items []*item) {
	items, groups := parted(items)
	if len(items) > 0 {
		p.admitSingles(ctx, items)
	}
	for _, group := range groups {
		p.settle(ctx)
		p.commitExclusive(ctx, []*item{group})
	}
}

func (p *Processor) admitSingles(ctx context.Context, items []*item) {
	if !p.picture.known || p.exclusiveFor > 0 { // then nothing is in flight
		p.commitExclusive(ctx, items)
		return
	}
	if p.open == nil {
		p.open = newBatch(p.end(), len(items), p.spare())
	}
	if err := p.decideOpen(ctx, items); err != nil {
		p.retreat(ctx, err, items)
		return
	}
	if p.mayLaunch() {
		p.launch(ctx)
	}
}

func (p *Processor) decideOpen(ctx context.Context, items []*item) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.WriteTimeout)
	defer cancel()
	first := len(p.open.items)
	if err := p.decide(ctx, p.store, p.open, items); err != nil {
		return err
	}
	p.recall(ctx, p.open, first)
	return nil
}

// recall asks whether the commands of a batch, from one on, that leave nothing in the log were answered before. Of the others the
// log tells when their keys arrive there twice; of these nobody else would: a retry under If-Match would be told of the version
// that it has itself brought about. Nothing has changed by them, so their replies can be exchanged.
func (p *Processor) recall(ctx context.Context, b *batch, first int) {
	var keys []eventstore.Key
	for i := first; i < len(b.items); i++ {
		if b.replies[i].leavesNothing() && !b.items[i].request.DryRun {
			keys = append(keys, b.items[i].request.key())
		}
	}
	if len(keys) == 0 {
		return
	}
	answers, err := p.store.Answers(ctx, keys)
	for i := first; i < len(b.items); i++ {
		request := &b.items[i].request
		if !b.replies[i].leavesNothing() || request.DryRun {
			continue
		}
		if err != nil {
			b.replies[i] = reply{err: fmt.Errorf("%w: %w", ErrUnavailable, err)}
		} else if stored, found := answers[request.key()]; found {
			b.replies[i] = replay(request, stored)
		}
	}
}

// leavesNothing tells that neither events nor an answer under its key are to be stored.
func (r reply) leavesNothing() bool { return r.err != nil || !kept(r.answer.Status) }

// flightsMax is how many batches are on their way at once: while Postgres commits one, the next one lies there already. A third
// would only make all of them smaller.
const flightsMax = 2

// mayLaunch tells whether the open batch leaves now. Behind another one it leaves when it is as large: smaller batches would
// cost more than the wait.
func (p *Processor) mayLaunch() bool {
	n := len(p.flights)
	return n == 0 || n < flightsMax && len(p.open.items) >= len(p.flights[n-1].items)
}

// launch sends the open batch off. Its landing is always awaited.
func (p *Processor) launch(ctx context.Context) {
	f := &flight{batch: p.open}
	p.flights, p.open = append(p.flights, f), nil
	p.appender.Append(ctx, f.head, f.log, func(err error) {
		f.err = err
		p.landed <- f
	})
}

// land takes the outcome of a batch in flight. The next one leaves before anybody is told, so that Postgres does not wait.
func (p *Processor) land(ctx context.Context, f *flight) {
	f.landed = true
	for len(p.flights) > 0 && p.flights[0].landed {
		first := p.flights[0]
		if first.err != nil {
			p.regroup(ctx, first.err, p.ground()...)
			return
		}
		p.arrive(first)
		if p.open != nil && p.mayLaunch() {
			p.launch(ctx)
		}
		p.tell(first.batch)
		p.spares = append(p.spares, first.log)
	}
}

// spare is the memory of a batch that stands, or new.
func (p *Processor) spare() *eventstore.Batch {
	n := len(p.spares)
	if n == 0 {
		return new(eventstore.Batch)
	}
	log := p.spares[n-1]
	p.spares = p.spares[:n-1]
	return log
}

// arrive makes the oldest flight part of the picture.
func (p *Processor) arrive(first *flight) {
	p.flights = append(p.flights[:0], p.flights[1:]...)
	p.committed(first.batch)
}

// ground waits for all flights behind one that failed. They were decided behind it and stand only if it does: what became of their
// commands is looked up, whatever is said of them.
func (p *Processor) ground() (groups [][]*item) {
	for _, f := range p.flights {
		for !f.landed {
			(<-p.landed).landed = true
		}
		groups = append(groups, f.items)
	}
	p.flights = p.flights[:0]
	return groups
}

// retreat is for items that could not be decided: it waits for the batches in flight and goes the exclusive way with the rest.
func (p *Processor) retreat(ctx context.Context, cause error, items []*item) {
	var failed [][]*item
	for len(p.flights) > 0 {
		first := p.flights[0]
		for !first.landed {
			(<-p.landed).landed = true
		}
		if first.err != nil {
			failed = p.ground()
			break
		}
		p.arrive(first)
		p.tell(first.batch)
	}
	p.regroup(ctx, cause, failed...)
	p.commitExclusive(ctx, items)
}

// regroup forgets what was decided behind batches that did not stand, and takes all of them, in their order, the exclusive way.
func (p *Processor) regroup(ctx context.Context, cause error, groups ...[]*item) {
	p.collided(cause)
	if p.open != nil {
		groups = append(groups, p.open.items)
		p.open = nil
	}
	for _, items := range groups {
		if len(items) > 0 {
			p.commitExclusive(ctx, items)
		}
	}
}
