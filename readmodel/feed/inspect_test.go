package feed_test

import (
	"errors"
	"testing"
	"time"

	"passbook/readmodel"
	"passbook/readmodel/feed"
)

// patientConfig is for a busy machine: nothing here is about a broker that does not answer.
func patientConfig() feed.Config {
	c := feedConfig()
	c.Timeout = 20 * time.Second
	return c
}

func TestTheStreamIsLookedAt(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 3)
	f := p.feed(p.connect(), patientConfig())
	if seen, err := f.Inspect(t.Context()); err != nil || seen.Found {
		t.Errorf("before there is a stream: %+v, %v", seen, err)
	}
	p.startRelay("relay")
	p.startProjector("projector")
	p.untilApplied(p.write(300))
	p.within(20*time.Second, "the stream is complete and its consumers are at its end", func() bool {
		seen, err := f.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		events, err := p.store.ReadLog(t.Context(), 299, 1)
		if err != nil {
			t.Fatal(err)
		}
		done := seen.Found && seen.Position == 300 && seen.EventID == events[0].ID && seen.Messages == 300 && seen.Bytes > 0 && len(seen.Consumers) == len(readmodel.Projectors())
		for _, c := range seen.Consumers {
			done = done && c.Pending == 0 && c.Unconfirmed == 0 && c.AckSequence == 300
		}
		return done
	})
}

// Also where messages were deleted in between, and where the sequence is not the position.
func TestEventsAreFoundInTheStream(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 4)
	stop := p.startRelay("relay")
	f := p.feed(p.connect(), patientConfig())
	p.write(50)
	arrived := func(n uint64) {
		p.within(20*time.Second, "the stream has them", func() bool {
			seen, err := f.Inspect(t.Context())
			return err == nil && seen.LastSequence == n
		})
	}
	arrived(50)
	if err := p.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	p.write(100)
	p.startRelay("another")
	arrived(150)
	for _, sequence := range []uint64{60, 61, 62, 150} {
		if err := p.stream().DeleteMsg(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	for position := int64(1); position <= 151; position++ {
		place, err := f.Find(t.Context(), position)
		deleted := position >= 60 && position <= 62 || position == 150
		if there := position > 50 && position <= 150 && !deleted; !there {
			if !errors.Is(err, feed.ErrNotInStream) {
				t.Errorf("%d: %+v, %v", position, place, err)
			}
			continue
		}
		if err != nil || place.Position != position || place.Sequence != uint64(position) || place.StoredAt.IsZero() {
			t.Errorf("%d: %+v, %v", position, place, err)
		}
	}
}
