package feed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"passbook/eventstore/relay/cloudevent"
	"passbook/readmodel"
)

// Inspect implements readmodel.Stream.
func (f *Feed) Inspect(ctx context.Context) (readmodel.Transport, error) {
	seen := readmodel.Transport{ObservedAt: time.Now().UTC(), Consumers: []readmodel.StreamConsumer{}}
	if !f.conn.IsConnected() {
		return seen, ErrAway
	}
	stream, err := f.js.Stream(ctx, cloudevent.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return seen, nil
	}
	if err != nil {
		return seen, fmt.Errorf("look up stream %s: %w", cloudevent.Stream, err)
	}
	state := stream.CachedInfo().State
	seen.Found, seen.Messages, seen.Bytes, seen.FirstSequence, seen.LastSequence = true, state.Msgs, state.Bytes, state.FirstSeq, state.LastSeq
	if err := lastMessage(ctx, stream, &seen); err != nil {
		return seen, err
	}
	consumers := stream.ListConsumers(ctx)
	for info := range consumers.Info() {
		seen.Consumers = append(seen.Consumers, readmodel.StreamConsumer{
			Name: info.Name, Pending: info.NumPending, Unconfirmed: info.NumAckPending, Redelivered: info.NumRedelivered,
			AckSequence: info.AckFloor.Stream, LastSequence: info.Delivered.Stream,
		})
	}
	if err := consumers.Err(); err != nil {
		return seen, fmt.Errorf("list the consumers of stream %s: %w", cloudevent.Stream, err)
	}
	return seen, nil
}

func lastMessage(ctx context.Context, stream jetstream.Stream, seen *readmodel.Transport) error {
	if seen.Messages == 0 {
		return nil
	}
	last, err := stream.GetLastMsgForSubject(ctx, cloudevent.Subjects)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // expired or purged since
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the last message: %w", err)
	}
	place, err := placeOf(last)
	if err != nil {
		return err
	}
	seen.Position, seen.EventID, seen.StoredAt = place.Position, place.EventID, place.StoredAt
	return nil
}

func placeOf(msg *jetstream.RawStreamMsg) (readmodel.Message, error) {
	position, err := strconv.ParseInt(msg.Header.Get(cloudevent.HeaderPosition), 10, 64)
	if err != nil {
		return readmodel.Message{}, fmt.Errorf("message %d has no position: %w", msg.Sequence, ErrForeign)
	}
	id, err := uuid.Parse(msg.Header.Get(jetstream.MsgIDHeader))
	if err != nil {
		return readmodel.Message{}, fmt.Errorf("message %d has no event id: %w", msg.Sequence, ErrForeign)
	}
	return readmodel.Message{
		Position: position, EventID: id, Sequence: msg.Sequence, StoredAt: msg.Time.UTC(), Epoch: msg.Header.Get(cloudevent.HeaderEpoch),
	}, nil
}

// ErrNotInStream means that the stream has no message for a position: it was purged, has expired, was left out by the relay or
// is not published yet.
var ErrNotInStream = errors.New("not in the stream")

// Find returns the message of the event at a position.
func (f *Feed) Find(ctx context.Context, position int64) (readmodel.Message, error) {
	message, there, err := f.At(ctx, position)
	switch {
	case err != nil:
		return readmodel.Message{}, err
	case !there || message.Position != position:
		return readmodel.Message{}, fmt.Errorf("event %d: %w", position, ErrNotInStream)
	}
	return message, nil
}

// At returns the first message of a position or a later one; false when there is none. It is a binary search over the stream,
// whose messages are in log order.
func (f *Feed) At(ctx context.Context, position int64) (found readmodel.Message, there bool, err error) {
	if !f.conn.IsConnected() {
		return found, false, ErrAway
	}
	stream, err := f.js.Stream(ctx, cloudevent.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return found, false, nil
	}
	if err != nil {
		return found, false, fmt.Errorf("look up stream %s: %w", cloudevent.Stream, err)
	}
	state := stream.CachedInfo().State
	low, high := state.FirstSeq, state.LastSeq
	for low <= high && state.Msgs > 0 {
		middle := low + (high-low)/2
		// The first message at or behind the sequence: one may have been deleted.
		msg, err := stream.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(cloudevent.Subjects))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			high = middle - 1
			continue
		}
		if err != nil {
			return found, false, fmt.Errorf("read message %d: %w", middle, err)
		}
		message, err := placeOf(msg)
		switch {
		case err != nil:
			return found, false, err
		case message.Position < position:
			low = msg.Sequence + 1
		default:
			found, there, high = message, true, middle-1
		}
	}
	return found, there, nil
}

// Delete deletes the stream, and its consumers with it. The relay makes it anew. That there is none is no error.
func (f *Feed) Delete(ctx context.Context) error {
	if !f.conn.IsConnected() {
		return ErrAway
	}
	if err := f.js.DeleteStream(ctx, cloudevent.Stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete stream %s: %w", cloudevent.Stream, err)
	}
	return nil
}
