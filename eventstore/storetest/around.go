package storetest

import (
	"context"

	"passbook/eventstore"
)

// Around is the appender with something around each append, one after the other: around must call next once, or not at all.
func Around(a eventstore.Appender, around func(next func() error) error) eventstore.Appender {
	before := make(chan struct{})
	close(before)
	return &surrounded{Appender: a, around: around, before: before}
}

type surrounded struct {
	eventstore.Appender
	around func(next func() error) error
	before chan struct{} // closed when the append before is over
}

func (s *surrounded) Append(ctx context.Context, head eventstore.Head, batch *eventstore.Batch, done func(error)) {
	before, over := s.before, make(chan struct{})
	s.before = over
	go func() {
		<-before
		err := s.around(func() error {
			outcome := make(chan error, 1)
			s.Appender.Append(ctx, head, batch, func(err error) { outcome <- err })
			return <-outcome
		})
		close(over)
		done(err)
	}()
}

// Close waits for the last append.
func (s *surrounded) Close() {
	<-s.before
	s.Appender.Close()
}
