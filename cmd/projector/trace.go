package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
	"passbook/internal/console"
	"passbook/readmodel"
)

type traceCommand struct {
	Reference string `arg:"" name:"position|event-id|transaction-id" help:"What to trace."`
}

// Help is shown by --help.
func (traceCommand) Help() string {
	return `When an event was committed, carried to the stream (with NATS_URL, by the stream itself: sequence and time), and applied by each
generation of each projection. Those times come from marks that are taken about twice a second and kept for an hour, one a minute for a
week: exact when the mark is of that very position, otherwise between two moments.

Examples:
  projector trace 1204332
  projector trace 01a1fc47-5cd1-7411-8c71-d0d6d76b03d2
  projector trace 01a1fc47-5cd1-7411-8c71-d0d6d76b03d2 --json`
}

// traced is the way of one event, for machines.
type traced struct {
	Position    int64               `json:"position"`
	EventID     uuid.UUID           `json:"event_id"`
	StreamType  string              `json:"stream_type"`
	AccountID   uuid.UUID           `json:"account_id"` // the stream's, whatever its type
	Version     int64               `json:"version"`
	Type        string              `json:"type"`
	Metadata    eventstore.Metadata `json:"metadata"`
	CommittedAt time.Time           `json:"committed_at"`
	Stream      *readmodel.Message  `json:"stream,omitempty"`       // by the stream itself
	StreamCause string              `json:"stream_cause,omitempty"` // why not
	Relayed     readmodel.Reached   `json:"relayed"`                // by the marks
	Applied     []readmodel.Reached `json:"applied"`
}

// Run finds the events and shows the way of each.
func (c traceCommand) Run(ctx context.Context, t *terminal) error {
	m, err := t.machinery(ctx)
	if err != nil {
		return err
	}
	defer m.close()
	events, err := m.queries.Find(ctx, c.Reference, func(n int64) {
		fmt.Fprintf(t.Notes, "not found around the time in the id: reading the whole log, %s events\n", console.Count(n))
	})
	switch {
	case errors.Is(err, readmodel.ErrReference):
		return console.Usage(err)
	case err != nil:
		return err
	}
	all := []traced{}
	for _, e := range events {
		one, err := m.trace(ctx, e)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	return t.Result(map[string]any{"events": all}, func(w io.Writer) error {
		for i := range all {
			writeTrace(w, &all[i])
		}
		return nil
	})
}

func (m *machinery) trace(ctx context.Context, e eventstore.Event) (traced, error) {
	trace, err := m.queries.Trace(ctx, e)
	if err != nil {
		return traced{}, err
	}
	one := traced{
		Position: e.Position, EventID: e.ID, StreamType: e.StreamType, AccountID: e.StreamID, Version: e.Version, Type: e.Type, CommittedAt: e.RecordedAt,
		Relayed: trace.Relayed, Applied: trace.Applied,
	}
	if one.Metadata, err = e.DecodeMetadata(); err != nil {
		return traced{}, err
	}
	if m.feed == nil {
		one.StreamCause = "NATS_URL is not set"
		return one, nil
	}
	limited, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	place, err := m.feed.Find(limited, e.Position)
	switch {
	case err != nil:
		one.StreamCause = err.Error()
	case place.EventID != e.ID:
		one.StreamCause = fmt.Sprintf("the stream has event %s at this position: it is of another history (projector doctor)", place.EventID)
	default:
		one.Stream = &place
	}
	return one, nil
}

func writeTrace(w io.Writer, e *traced) {
	fmt.Fprintf(w, "event %s  %s  %s\n", console.Count(e.Position), e.EventID, e.Type)
	fmt.Fprintf(w, "  %-10s %s version %d, by %s, key %q, correlation %s\n", e.StreamType, e.AccountID, e.Version, orNone(e.Metadata.Actor), e.Metadata.IdempotencyKey, orNone(e.Metadata.CorrelationID))
	fmt.Fprintf(w, "  committed  %s\n", precise(e.CommittedAt))
	switch {
	case e.Stream != nil:
		fmt.Fprintf(w, "  relayed    %s  sequence %s, %s later\n", precise(e.Stream.StoredAt), console.Count(e.Stream.Sequence), e.Stream.StoredAt.Sub(e.CommittedAt).Round(time.Microsecond))
	case e.Relayed.Reached:
		fmt.Fprintf(w, "  relayed    %s  (%s)\n", when(&e.Relayed, e.CommittedAt), e.StreamCause)
	default:
		fmt.Fprintf(w, "  relayed    not known  (%s)\n", e.StreamCause)
	}
	for i := range e.Applied {
		r := &e.Applied[i]
		name := fmt.Sprintf("%s, generation %d", r.Subject, r.Generation)
		if r.Live {
			name += " (live)"
		}
		fmt.Fprintf(w, "  applied    %s  %s\n", when(r, e.CommittedAt), name)
	}
}

// when says it as precisely as it is known.
func when(r *readmodel.Reached, committed time.Time) string {
	switch {
	case r.Parked:
		return "not yet: its account is parked (projector parked list)"
	case !r.Reached:
		return fmt.Sprintf("not yet: it is at %s", console.Count(r.Position))
	case r.By.IsZero():
		return "yes, after the last mark: less than a second ago"
	case r.Exact:
		return fmt.Sprintf("%s  %s later", precise(r.By), r.By.Sub(committed).Round(time.Microsecond))
	default:
		return fmt.Sprintf("between %s and %s", precise(r.NotBefore), precise(r.By))
	}
}

func precise(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

func orNone(text string) string {
	if text == "" {
		return "nobody known"
	}
	return text
}
