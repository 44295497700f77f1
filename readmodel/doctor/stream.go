package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"passbook/eventstore"
	"passbook/readmodel"
)

// transport examines the stream, its consumers and the relay's place in it.
func (d *Doctor) transport(ctx context.Context, found *Diagnosis) error {
	seen, err := d.look(ctx)
	if err != nil {
		found.Unexamined = append(found.Unexamined, "stream: "+err.Error())
		return nil
	}
	if !seen.Found || seen.Position == 0 {
		return nil
	}
	same, err := d.sameEvent(ctx, seen.Position, seen.EventID.String())
	if err != nil || same {
		return err
	}
	through, err := d.sameThrough(ctx, seen, found.Head)
	if err != nil {
		return err
	}
	d.addStream(seen, through, found)
	return nil
}

// recordedMax is how old a record of the stream may be that is used instead of the stream.
const recordedMax = 15 * time.Second

// look sees the stream by itself or, without a way to it, as a projector has recorded it.
func (d *Doctor) look(ctx context.Context) (readmodel.Transport, error) {
	if d.stream != nil {
		return d.stream.Inspect(ctx)
	}
	status, err := d.queries.Status(ctx)
	if err != nil {
		return readmodel.Transport{}, err
	}
	seen := status.Relay.Stream
	if seen.ObservedAt.IsZero() || status.ReadAt.Sub(seen.ObservedAt) > recordedMax {
		return seen, errors.New("NATS_URL is not set, and no projector has looked at it lately")
	}
	if status.Relay.State == readmodel.RelayUnknown {
		return seen, errors.New(seen.Cause)
	}
	return seen, nil
}

// sameEvent reports whether the log has this event at the position.
func (d *Doctor) sameEvent(ctx context.Context, position int64, id string) (bool, error) {
	events, err := eventstore.New(d.pool).ReadLog(ctx, position-1, 1)
	if err != nil {
		return false, err
	}
	return len(events) == 1 && events[0].ID.String() == id, nil
}

// sameThrough finds the last position up to which stream and log have the same events: a binary search, because two histories
// that have parted do not meet again. Without a way to the stream nothing is known of it.
func (d *Doctor) sameThrough(ctx context.Context, seen readmodel.Transport, head int64) (int64, error) {
	if d.stream == nil {
		return 0, nil
	}
	low, high := int64(0), min(head, seen.Position) // the same at low; parted behind high
	for low < high {
		middle := low + (high-low+1)/2
		message, there, err := d.stream.At(ctx, middle)
		if err != nil {
			return 0, err
		}
		same := there
		if there {
			if same, err = d.sameEvent(ctx, message.Position, message.EventID.String()); err != nil {
				return 0, err
			}
		}
		if same {
			low = min(message.Position, high) // nothing lies between: the message is the first one there
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// addStream names the stream, whatever hangs on it, and the relay.
func (d *Doctor) addStream(seen readmodel.Transport, through int64, found *Diagnosis) {
	repair, cure := "delete the stream with its consumers; the relay makes it anew and fills it from the log, the projectors subscribe again", remedy{stream: true}
	if d.stream == nil {
		repair, cure = "", remedy{}
		found.Unexamined = append(found.Unexamined, "stream: to repair it, NATS_URL must be set")
	}
	parted := "ends with an event that the log does not have there"
	if seen.Position > found.Head {
		parted = fmt.Sprintf("the log ends at %d", found.Head)
	}
	found.add(Finding{Thing: "stream", Position: seen.Position, Same: through, Repair: repair, remedy: cure,
		Problem: fmt.Sprintf("%d messages up to event %d, which is %s: %s", seen.Messages, seen.Position, seen.EventID, parted)})
	found.add(Finding{Thing: "relay", Position: seen.Position, Same: through, Repair: repair, remedy: cure,
		Problem: fmt.Sprintf("it goes on behind the stream's last message, event %d of another history: it publishes nothing", seen.Position)})
	for _, c := range seen.Consumers {
		at := seen.Position - int64(seen.LastSequence) + int64(c.AckSequence) //nolint:gosec // one message an event
		if c.AckSequence > 0 && at > through {
			found.add(Finding{Thing: "consumer " + c.Name, Position: at, Same: through, Repair: repair, remedy: cure,
				Problem: fmt.Sprintf("it has acknowledged sequence %d, about event %d of that history", c.AckSequence, at)})
		}
	}
}
