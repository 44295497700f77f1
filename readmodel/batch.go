package readmodel

import (
	"context"
	"runtime"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
)

// batch is a run of events on its way into a projection's tables. Streams are folded in parallel, each in one shard, so that
// the events of a stream keep their order.
type batch struct {
	projector Projector
	decoder   Decoder
	stored    []eventstore.Event
	shards    []Fold
	faults    map[int64]error // by position: events that must not be tried

	remembered memory // nil: every state is read from the rows
}

// Bounds of the parallelism inside one batch.
const (
	shardsMax   = 4
	shardEvents = 512 // fewer events are not worth a goroutine of their own
)

// newBatch makes a batch of those of the events that the projection is made of. remembered may be nil.
func newBatch(p Projector, decoder Decoder, stored []eventstore.Event, skips Skips, remembered memory) *batch {
	stored = p.of(stored)
	n := min(shardsMax, runtime.GOMAXPROCS(0), 1+len(stored)/shardEvents)
	b := &batch{projector: p, decoder: decoder, stored: stored, shards: make([]Fold, n), remembered: remembered}
	for i := range b.shards {
		b.shards[i] = p.NewFold()
		b.shards[i].Skip(skips)
	}
	return b
}

// load fetches the states of all streams in the batch, from the rows where they are not remembered.
func (b *batch) load(ctx context.Context, tx pgx.Tx) error {
	streams := b.streams()
	if b.remembered != nil {
		streams = b.remembered.take(streams, b.shards)
	}
	return b.shards[0].load(ctx, tx, b.shards, streams)
}

// committed has the states remembered that are now in the rows, and gives away the memory in which the rows were made.
func (b *batch) committed() {
	for _, shard := range b.shards {
		shard.Added().Release()
	}
	if b.remembered != nil {
		b.remembered.keep(b.shards)
	}
}

// streams lists the streams of the events, each once, in the form that pgx encodes fastest.
func (b *batch) streams() [][16]byte {
	seen := make(map[uuid.UUID]struct{}, len(b.stored))
	streams := make([][16]byte, 0, len(b.stored))
	for i := range b.stored {
		id := b.stored[i].StreamID
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		streams = append(streams, id)
	}
	return streams
}

// fold applies the events to the states and returns what could not be applied, by stream. All else is.
func (b *batch) fold() []*Refusal {
	var running sync.WaitGroup
	for i := range b.shards {
		running.Go(func() { b.foldShard(i) })
	}
	running.Wait()
	var refused []*Refusal
	for _, shard := range b.shards {
		refused = append(refused, shard.Refused()...)
	}
	return refused
}

func (b *batch) foldShard(shard int) {
	var e Event
	for i := range b.stored {
		if len(b.shards) > 1 && Shard(b.stored[i].StreamID, len(b.shards)) != shard {
			continue
		}
		if fault := b.faults[b.stored[i].Position]; fault != nil {
			e = Event{b.stored[i], nil, fault}
		} else {
			e = DecodeEvent(b.decoder, b.stored[i])
		}
		if !b.projector.Metadata {
			e.Metadata = nil
		}
		b.shards[shard].Apply(&e)
	}
}

// write stores what the fold has made.
func (b *batch) write(ctx context.Context, tx pgx.Tx) error {
	if err := b.shards[0].store(ctx, tx, b.shards); err != nil {
		return err
	}
	return b.shards[0].copyAdded(ctx, tx, b.shards)
}

// firstRefused is the earliest event that cannot be applied.
func firstRefused(refused []*Refusal) *EventError {
	first := refused[0].Err
	for _, r := range refused[1:] {
		if r.Err.Position < first.Position {
			first = r.Err
		}
	}
	return first
}
