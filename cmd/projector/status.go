package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"passbook/internal/console"
	"passbook/readmodel"
)

type statusCommand struct {
	Watch bool          `help:"Go on, until Ctrl-C; with --json an object a line."`
	Every time.Duration `default:"1s" help:"How often, with --watch."`
}

// Help is shown by --help.
func (statusCommand) Help() string {
	return `Where log, relay, stream and every generation of every projection stand. The stream is looked at directly when NATS_URL is set;
otherwise as a projector saw it last. Exit code 4: a projection does not follow the log.

Examples:
  projector status
  projector status --watch
  projector status --json | jq '.projections[] | {name, lag_events}'
  projector status --watch --every 5s --json >> status.ndjson`
}

// Run shows it once, or again and again.
func (c statusCommand) Run(ctx context.Context, t *terminal) error {
	m, err := t.machinery(ctx)
	if err != nil {
		return err
	}
	defer m.close()
	if c.Watch {
		return c.watch(ctx, t, m)
	}
	status, err := m.status(ctx)
	if err != nil {
		return err
	}
	if err := t.Result(status, func(w io.Writer) error { return writeStatus(w, &status) }); err != nil {
		return err
	}
	if !status.Healthy {
		return console.Different(nil)
	}
	return nil
}

// clearScreen puts what follows at the top of an empty terminal.
const clearScreen = "\x1b[H\x1b[2J"

// watch ends with ctx, which is how it is meant to end. A database that is away is said, and waited for.
func (c statusCommand) watch(ctx context.Context, t *terminal, m *machinery) error {
	tick := time.NewTicker(max(c.Every, 100*time.Millisecond))
	defer tick.Stop()
	for {
		status, err := m.status(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprintln(t.Notes, "projector:", err)
		default:
			err := t.Line(status, func(w io.Writer) error {
				if t.Terminal {
					fmt.Fprint(w, clearScreen)
				}
				return writeStatus(w, &status)
			})
			if err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func writeStatus(w io.Writer, s *readmodel.Status) error {
	fmt.Fprintf(w, "log     head %s, %s, %s/s\n", console.Count(s.Head), moment(s.HeadAt), perSecond(s.AppendRate))
	r := &s.Relay
	fmt.Fprintf(w, "relay   %s at %s, lag %s; %s\n", r.State, console.Count(r.Position), lag(r.LagEvents, r.LagMilliseconds), leader(r.Lease))
	writeStream(w, s)
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROJECTION\tGENERATION\tSTATE\tPOSITION\tHEAD\tLAG\tRATE\tPARKED\tLEASE")
	for i := range s.Projections {
		p := &s.Projections[i]
		generation := fmt.Sprint(p.Generation)
		if p.Live {
			generation += " live"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s/s\t%d\t%s\n", p.Name, generation, p.State, console.Count(p.Position), console.Count(p.Head),
			lag(p.LagEvents, p.LagMilliseconds), perSecond(p.Rate), p.Parked, leader(p.Lease))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, problem := range s.Problems {
		fmt.Fprintln(w, "NOT HEALTHY", problem)
	}
	if s.Healthy {
		fmt.Fprintln(w, "healthy")
	}
	return nil
}

func writeStream(w io.Writer, s *readmodel.Status) {
	stream := &s.Relay.Stream
	switch {
	case stream.Cause != "":
		fmt.Fprintf(w, "stream  %s\n", stream.Cause)
	case !stream.Found:
		fmt.Fprintln(w, "stream  there is none")
	}
	if !stream.Found {
		return
	}
	fmt.Fprintf(w, "stream  %s messages, %.1f MiB, sequences %s to %s; seen %s ago", console.Count(stream.Messages), float64(stream.Bytes)/(1<<20),
		console.Count(stream.FirstSequence), console.Count(stream.LastSequence), max(s.ReadAt.Sub(stream.ObservedAt), 0).Round(10*time.Millisecond))
	if stream.Observer != "" {
		fmt.Fprintf(w, " by %s", stream.Observer)
	}
	fmt.Fprintln(w)
	for _, c := range stream.Consumers {
		fmt.Fprintf(w, "        consumer %s: %s pending, %d unconfirmed, %d redelivered, acknowledged to %s\n",
			c.Name, console.Count(c.Pending), c.Unconfirmed, c.Redelivered, console.Count(c.AckSequence))
	}
}

func lag(events, milliseconds int64) string {
	if events == 0 {
		return "0"
	}
	return fmt.Sprintf("%s (%s)", console.Count(events), (time.Duration(milliseconds) * time.Millisecond).Round(time.Millisecond))
}

func leader(l readmodel.Lease) string {
	switch {
	case l.Held:
		return fmt.Sprintf("%s until %s", l.Holder, l.Until.Format(time.TimeOnly))
	case l.Holder == "":
		return "nobody"
	default:
		return fmt.Sprintf("nobody since %s (was %s)", moment(l.Until), l.Holder)
	}
}

func perSecond(rate float64) string { return console.Count(int64(rate + 0.5)) }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }
