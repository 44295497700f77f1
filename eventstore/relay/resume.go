package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passbook/eventstore/relay/cloudevent"
)

// leadership is what a leader knows from one session to the next.
type leadership struct {
	*Relay
	epoch int64

	created   time.Time // of the stream that the rest is about
	acked     int64     // everything up to it is in the stream, or was once
	repeating bool      // the server answers "duplicate": see publish
}

// errForeign: going on would mix two histories in one stream.
var errForeign = errors.New("the stream is not of this log: purge or delete it")

// cursor is where publishing goes on: behind this position of the log, this sequence of the stream, and the message with
// this id if there is one.
type cursor struct {
	position int64
	sequence uint64
	id       string
}

// resume makes sure of the stream and finds out how far it has come.
func (l *leadership) resume(ctx context.Context) (jetstream.Stream, cursor, error) {
	stream, err := l.js.CreateOrUpdateStream(ctx, l.config.stream())
	if err != nil {
		return nil, cursor{}, fmt.Errorf("make sure of stream %s: %w", cloudevent.Stream, err)
	}
	info := stream.CachedInfo()
	if !info.Created.Equal(l.created) {
		l.created, l.acked, l.repeating = info.Created, 0, false
	}
	end, err := l.end(ctx, stream, info.State)
	if err != nil {
		return nil, cursor{}, err
	}
	if l.acked > end.position { // purged since
		end.position, end.id = l.acked, ""
	}
	l.advance(end.position)
	return stream, end, nil
}

func (c Config) stream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        cloudevent.Stream,
		Description: "The log of the bank, in log order. A copy: it may be purged.",
		Subjects:    []string{cloudevent.Subjects},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		Storage:     jetstream.FileStorage,
		Replicas:    c.Replicas,
		MaxAge:      c.MaxAge,
		MaxBytes:    c.MaxBytes,
		Duplicates:  c.Duplicates,
	}
}

// end is the cursor behind the last message, or where an empty stream begins.
func (l *leadership) end(ctx context.Context, stream jetstream.Stream, state jetstream.StreamState) (cursor, error) {
	if state.Msgs == 0 {
		return l.backfillStart(ctx, state)
	}
	last, err := stream.GetLastMsgForSubject(ctx, cloudevent.Subjects)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // expired or purged since
		return l.backfillStart(ctx, state)
	}
	if err != nil {
		return cursor{}, fmt.Errorf("read the last message: %w", err)
	}
	position, err := strconv.ParseInt(last.Header.Get(cloudevent.HeaderPosition), 10, 64)
	if err != nil {
		return cursor{}, fmt.Errorf("message %d is no relay's: %w", last.Sequence, errForeign)
	}
	l.compareEpoch(ctx, last)
	id := last.Header.Get(jetstream.MsgIDHeader)
	if err := l.sameHistory(ctx, position, id); err != nil {
		return cursor{}, err
	}
	if state.LastSeq > last.Sequence { // the message after it was deleted: the server may still remember that one's id
		return cursor{position, state.LastSeq, ""}, nil
	}
	return cursor{position, last.Sequence, id}, nil
}

func (l *leadership) backfillStart(ctx context.Context, state jetstream.StreamState) (cursor, error) {
	head, err := l.events.Head(ctx)
	if err != nil {
		return cursor{}, err
	}
	return cursor{position: max(0, head.Position-l.config.BackfillMax), sequence: state.LastSeq}, nil
}

// sameHistory holds the last message against the log: a restored log, or another bank's stream, has something else there.
func (l *leadership) sameHistory(ctx context.Context, position int64, id string) error {
	events, err := l.events.ReadLog(ctx, position-1, 1)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return fmt.Errorf("its last message has position %d, past the end of the log: %w", position, errForeign)
	}
	if events[0].ID.String() != id {
		return fmt.Errorf("event %d is %s in the log and %s in the stream: %w", position, events[0].ID, id, errForeign)
	}
	return nil
}

func (l *leadership) compareEpoch(ctx context.Context, last *jetstream.RawStreamMsg) {
	epoch, err := strconv.ParseInt(last.Header.Get(cloudevent.HeaderEpoch), 10, 64)
	if err == nil && epoch > l.epoch {
		l.log.WarnContext(ctx, "the last message is of a later leader", "epoch", l.epoch, "theirs", epoch)
	}
}

func (l *leadership) advance(position int64) {
	l.acked = position
	l.position.Store(position)
	l.metrics.position.Set(float64(position))
}
