// Package decodelog reads every stored event with the code of this binary, and reports those that it cannot read or fold: what
// an operator asks the next release before it is deployed. It needs the log alone, in whatever state the rest of the database is.
package decodelog

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"passbook/domain/bank"
	"passbook/eventstore"
)

// Log is what is read: *eventstore.Store.
type Log interface {
	Head(ctx context.Context) (eventstore.Head, error)
	ReadLog(ctx context.Context, after int64, limit int) ([]eventstore.Event, error)
}

// Decoder is the code under examination: *eventcodec.Codec.
type Decoder interface {
	Payload(stored eventstore.Event) (any, error)
	Upcasters() *eventstore.Upcasters
}

// Options say what is read. The zero value: everything.
type Options struct {
	// From is the first position; zero means 1. Streams that began before it are folded from what their first event says.
	From int64
	// FaultsMax is how many faults are listed; all are counted. Zero means 100.
	FaultsMax int
	// StreamsMax is how many streams are folded at a time, which bounds the memory: a log of more is read several times. Zero
	// means 200,000.
	StreamsMax int
	// Progress is told how many events of how many have been read, now and then. How many there are grows when the log must be read
	// once more. It may be nil.
	Progress func(done, total int64)
}

// batchEvents is how many events are read at once.
const batchEvents = 2_000

// Run reads the log up to where it ends now. The error is about the reading itself, such as a lost connection; a report with
// faults is none.
func Run(ctx context.Context, log Log, decoder Decoder, options Options) (Report, error) {
	options = options.withDefaults()
	head, err := log.Head(ctx)
	if err != nil {
		return Report{}, err
	}
	x := &examination{
		log: log, decoder: decoder, options: options, begun: time.Now(), counts: map[pair]*ShapeCount{},
		report: Report{From: options.From, Head: head.Position, Faults: []Fault{}},
	}
	if err := x.passes(ctx); err != nil {
		return Report{}, fmt.Errorf("decode the log: %w", err)
	}
	return x.finish(), nil
}

func (o Options) withDefaults() Options {
	if o.From < 1 {
		o.From = 1
	}
	if o.FaultsMax == 0 {
		o.FaultsMax = 100
	}
	if o.StreamsMax == 0 {
		o.StreamsMax = 200_000
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	return o
}

// examination is one run over the log.
type examination struct {
	log     Log
	decoder Decoder
	options Options
	begun   time.Time

	counts  map[pair]*ShapeCount
	folds   *folds
	passed  int // how often the log has been read
	waiting int // parts that are left for passes after this one, beside those that this one leaves
	report  Report
}

// pair is a stored shape and what is made of it.
type pair struct{ stored, read eventstore.Shape }

// passes reads the log once for all events and a part of the streams, and again for each further part when there are more streams
// than may be held.
func (x *examination) passes(ctx context.Context) error {
	for todo := []part{{0, 1}}; len(todo) > 0; x.passed++ {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		x.folds, x.waiting = newFolds(next, x.options.StreamsMax, x.options.From), len(todo)
		if err := x.pass(ctx); err != nil {
			return err
		}
		x.report.Streams += int64(len(x.folds.states))
		todo = append(todo, x.folds.left...)
		for _, s := range x.folds.states {
			if s.fault != nil {
				x.take(*s.fault)
			}
		}
	}
	return nil
}

func (x *examination) pass(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	batches := x.read(ctx)
	defer func() { // the reader ends before the pass does
		cancel()
		for range batches {
		}
	}()
	done := int64(0)
	for b := range batches {
		if b.err != nil {
			return b.err
		}
		for i := range b.events {
			x.event(&b.events[i])
		}
		if done += int64(len(b.events)); x.passed == 0 {
			x.report.Events = done
		}
		all := x.report.Head - x.options.From + 1
		x.options.Progress(int64(x.passed)*all+done, int64(x.passed+1+x.waiting+len(x.folds.left))*all)
	}
	return ctx.Err()
}

// batch is a run of the log, or why it cannot be read.
type batch struct {
	events []eventstore.Event
	err    error
}

// read goes one batch ahead of who takes them. The channel is closed at the end of the log, after an error, and when ctx is done.
func (x *examination) read(ctx context.Context) <-chan batch {
	batches := make(chan batch)
	go func() {
		defer close(batches)
		for after := x.options.From - 1; after < x.report.Head; {
			events, err := x.log.ReadLog(ctx, after, int(min(batchEvents, x.report.Head-after)))
			if err == nil && len(events) == 0 {
				err = fmt.Errorf("the log ends at %d, its head says %d", after, x.report.Head)
			}
			select {
			case batches <- batch{events, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			after += int64(len(events))
		}
	}()
	return batches
}

// event reads one event. Its payload is counted in the first pass, its fold in the pass of its stream.
func (x *examination) event(stored *eventstore.Event) {
	if x.passed > 0 && !x.folds.has(stored.StreamID) {
		return
	}
	payload, current, err := x.decode(stored)
	if x.passed == 0 {
		x.count(stored, current, err)
	}
	x.folds.add(stored, payload)
}

// decode returns nil with an error.
func (x *examination) decode(stored *eventstore.Event) (payload bank.Event, current eventstore.Shape, err error) {
	defer func() {
		if v := recover(); v != nil {
			payload, err = nil, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	upcast, err := x.decoder.Upcasters().Upcast(*stored)
	if err != nil {
		return nil, current, err
	}
	current = eventstore.Shape{Type: upcast.Type, Schema: upcast.Schema}
	payload, err = x.decoder.Payload(upcast)
	return payload, current, err
}
