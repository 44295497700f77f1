package queryapi

import (
	"time"

	"passbook/readmodel"
)

// Where the machinery stands, in the words of the document.

func projectionListOf(s *readmodel.Status) ProjectionList {
	return ProjectionList{
		Data: projectionsOf(s.Projections), Healthy: s.Healthy, Problems: append([]string{}, s.Problems...), Head: s.Head, HeadAt: known(s.HeadAt),
		AppendRate: s.AppendRate, Relay: relayOf(&s.Relay),
	}
}

func projectionsOf(projections []readmodel.Projection) []Projection {
	views := make([]Projection, len(projections))
	for i, p := range projections {
		views[i] = Projection{
			Name: p.Name, Generation: p.Generation, CodeVersion: p.CodeVersion, Live: p.Live, Position: p.Position, Head: p.Head,
			LagEvents: p.LagEvents, LagMs: p.LagMilliseconds, Rate: p.Rate, State: ProjectionState(p.State), Cause: p.Cause,
			Parked: p.Parked, Lease: holderOf(p.Lease), UpdatedAt: known(p.UpdatedAt),
		}
	}
	return views
}

func holderOf(l readmodel.Lease) Lease {
	return Lease{Holder: l.Holder, Epoch: l.Epoch, Until: known(l.Until), Held: l.Held}
}

func relayOf(r *readmodel.Relay) Relay {
	stream := Stream{
		ObservedAt: known(r.Stream.ObservedAt), Found: r.Stream.Found, Cause: r.Stream.Cause, Messages: int64(r.Stream.Messages), //nolint:gosec // JetStream counts from one
		Bytes: int64(r.Stream.Bytes), FirstSequence: int64(r.Stream.FirstSequence), LastSequence: int64(r.Stream.LastSequence), //nolint:gosec // likewise
		StoredAt: known(r.Stream.StoredAt), Consumers: make([]StreamConsumer, len(r.Stream.Consumers)),
	}
	for i, c := range r.Stream.Consumers {
		stream.Consumers[i] = StreamConsumer{
			Name: c.Name, Pending: int64(c.Pending), Unconfirmed: int64(c.Unconfirmed), Redelivered: int64(c.Redelivered), //nolint:gosec // likewise
		}
	}
	return Relay{
		State: RelayState(r.State), Position: r.Position, LagEvents: r.LagEvents, LagMs: r.LagMilliseconds, Lease: holderOf(r.Lease), Stream: stream,
	}
}

// known is a time that is absent when there is none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}
