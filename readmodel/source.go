package readmodel

import (
	"context"
	"time"

	"passbook/eventstore"
)

// Log is the truth behind the source: *eventstore.Store.
type Log interface {
	ReadLog(ctx context.Context, after int64, limit int) ([]eventstore.Event, error)
}

// Source delivers the log's events soon after their commit. It may repeat, reorder and lose them.
type Source interface {
	// Subscribe starts deliveries to one consumer, from about the event after the position. A consumer has one subscription
	// at a time: a new one ends the one before. ctx is for subscribing only, the subscription outlives it.
	Subscribe(ctx context.Context, consumer string, after int64) (Subscription, error)
}

// Subscription is for one goroutine.
type Subscription interface {
	// Next returns what has arrived, at most limit events, as soon as there is something. It returns nothing when wait is
	// over. After an error only Close may be called. The slice is the caller's, to reorder it, too, until the next call; what its
	// events refer to, for good.
	Next(ctx context.Context, limit int, wait time.Duration) ([]eventstore.Event, error)
	// Acknowledge says that everything returned by Next so far need not be delivered again.
	Acknowledge(ctx context.Context) error
	// Close ends the deliveries. It returns when nothing of it is running any more.
	Close()
}
