package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Place is where the commands of this instance are decided.
type Place int

// The places.
const (
	Here    Place = iota // by this instance, which is the decider
	There                // by another instance, which is the decider and can be reached
	Nowhere              // no decider is known or can be reached: by this instance, at the risk of collisions
)

// Elsewhere is the way to another instance that decides for this one. Only the deciding goroutine calls it.
type Elsewhere interface {
	// Room says where commands are decided now and, if There, how many more may be sent, and how many should wait before they
	// are, for the sake of larger messages.
	Room() (place Place, most, enough int)
	// Changed has a token when Room may say something better than it last did.
	Changed() <-chan struct{}
	// Send sends commands off, after Room. Each of them comes back exactly once, by Answered or by TakeBack.
	Send(commands []*Outbound)
}

// Outbound is a command on its way to the instance that decides it.
type Outbound item

// Request is what is asked for. It must not be changed.
func (o *Outbound) Request() *Request { return &o.request }

// Metadata is what is to stand beside the events.
func (o *Outbound) Metadata() []byte { return o.metadata }

// Queued is since when the command waits.
func (o *Outbound) Queued() time.Time { return o.queued }

// Result is what another instance made of a command.
type Result struct {
	Command *Outbound
	Answer  Answer
	Err     error
}

// Cause tells why a command came back undecided.
type Cause string

// The causes.
const (
	Refused  Cause = "refused"    // the other instance is not the decider any more, is stopping, or does not understand
	Unsent   Cause = "unsent"     // it could not be sent
	Gone     Cause = "gone"       // nobody listens there any more
	Silent   Cause = "silent"     // the decider is not heard of
	Lost     Cause = "lost"       // messages were lost or garbled on the way
	Orphaned Cause = "no_decider" // no decider was known when it was to be sent
)

// Causes lists all of them.
func Causes() []Cause { return []Cause{Refused, Unsent, Gone, Silent, Lost, Orphaned} }

// undecided tells whether the command certainly is not and will not be decided by the other instance.
func (c Cause) undecided() bool { return c == Refused || c == Unsent || c == Orphaned }

// away counts the commands that are elsewhere, and holds those that came back.
type away struct {
	elsewhere Elsewhere     // nil: there is only this instance
	home      chan struct{} // has a token when some came back, or when all are back and that is waited for

	count    atomic.Int64
	awaited  atomic.Bool
	mu       sync.Mutex
	returned []*item
}

// DecideElsewhere has commands decided by another instance when there is one that decides for all. Call it before Run.
func (p *Processor) DecideElsewhere(e Elsewhere) { p.away.elsewhere = e }

func (p *Processor) place() (place Place, most, enough int) {
	if p.away.elsewhere == nil || p.away.awaited.Load() {
		return Here, 0, 1
	}
	return p.away.elsewhere.Room()
}

func (p *Processor) changed() <-chan struct{} {
	if p.away.elsewhere == nil {
		return nil
	}
	return p.away.elsewhere.Changed()
}

// dispatch sends commands to where they are decided. Those that came from another instance are decided here in any case: no
// command is sent on twice.
func (p *Processor) dispatch(ctx context.Context, place Place, items []*item) {
	p.metrics.taken.Add(float64(len(items)))
	items = p.present(items)
	if place == Nowhere {
		p.metrics.fallback(Orphaned, len(items))
	}
	if place == There {
		var out []*Outbound
		if items, out = separate(items); len(out) > 0 {
			p.away.count.Add(int64(len(out)))
			p.metrics.forwarded.Add(float64(len(out)))
			p.away.elsewhere.Send(out)
		}
	}
	if len(items) > 0 {
		p.admit(ctx, items)
	}
}

// separate parts the commands of other instances' callers, and groups, which are decided here, from those of our own.
func separate(items []*item) (others []*item, own []*Outbound) {
	own = make([]*Outbound, 0, len(items))
	for _, it := range items {
		if it.from != nil || it.group != nil {
			others = append(others, it)
		} else {
			own = append(own, (*Outbound)(it))
		}
	}
	return others, own
}

// Answered tells callers what another instance made of their commands. It may be called from any goroutine.
func (p *Processor) Answered(results []Result) {
	decided, newest := 0, time.Time{}
	for i := range results {
		r := &results[i]
		if !errors.Is(r.Err, ErrOverloaded) {
			decided++
			newest = later(newest, r.Command.queued)
		}
		p.finish((*item)(r.Command), r.Answer, r.Err)
	}
	if decided > 0 {
		p.doors.batch(decided, time.Since(newest))
		p.notify()
	}
	p.away.back(len(results))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TakeBack has commands decided here that were not answered elsewhere. It may be called from any goroutine.
func (p *Processor) TakeBack(commands []*Outbound, cause Cause) {
	p.metrics.fallback(cause, len(commands))
	p.away.mu.Lock()
	for _, o := range commands {
		it := (*item)(o)
		it.uncertain = !cause.undecided()
		p.away.returned = append(p.away.returned, it)
	}
	p.away.mu.Unlock()
	p.away.signal()
}

func (a *away) back(n int) {
	if a.count.Add(int64(-n)) == 0 && a.awaited.Load() {
		a.signal()
	}
}

func (a *away) signal() {
	select {
	case a.home <- struct{}{}:
	default:
	}
}

func (a *away) take() []*item {
	a.mu.Lock()
	defer a.mu.Unlock()
	items := a.returned
	a.returned = nil
	return items
}

// reclaim decides what came back undecided, under the head of the log: if the other instance has decided it after all, its key
// tells, and from then on the other instance is told the same.
func (p *Processor) reclaim(ctx context.Context) {
	items := p.away.take()
	if len(items) == 0 {
		return
	}
	p.settle(ctx)
	p.exclusiveFor = exclusiveBatches // the other instance is there, or was until now
	for some := range slices.Chunk(items, p.config.BatchMax) {
		p.commitExclusive(ctx, some)
	}
	p.away.back(len(items))
}

// settle waits until nothing of ours is in flight.
func (p *Processor) settle(ctx context.Context) {
	for len(p.flights) > 0 {
		p.land(ctx, <-p.landed)
	}
}

// binding is what may be said to the caller of a command that another instance may still have before it. An answer under the
// key binds the other instance. What is not kept does not: the command may yet have an effect, and the caller must not be told
// that it has none.
func (r reply) binding() reply {
	if r.err == nil && kept(r.answer.Status) || errors.Is(r.err, ErrKeyReused) || errors.Is(r.err, ErrUnavailable) {
		return r
	}
	if r.err == nil {
		return reply{err: fmt.Errorf("%w: another instance may have the command, which is answered %d here", ErrUnavailable, r.answer.Status)}
	}
	return reply{err: fmt.Errorf("%w: another instance may have the command: %w", ErrUnavailable, r.err)}
}
