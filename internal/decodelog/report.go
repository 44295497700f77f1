package decodelog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
	"passbook/internal/console"
)

// Report is what was found.
type Report struct {
	From        int64        `json:"from"` // the first position read
	Head        int64        `json:"head"` // the last
	Events      int64        `json:"events"`
	Streams     int64        `json:"streams"` // of those types that are folded
	Shapes      []ShapeCount `json:"shapes"`
	OldEvents   int64        `json:"old_events"` // in shapes that are no longer written
	FaultsTotal int64        `json:"faults_total"`
	Faults      []Fault      `json:"faults"` // the first of them
	Seconds     float64      `json:"seconds"`
	PerSecond   float64      `json:"per_second"`
}

// OK reports whether every event can be read and every stream folds.
func (r *Report) OK() bool { return r.FaultsTotal == 0 }

// ShapeCount is how many events are stored in one shape and read through one path.
type ShapeCount struct {
	Stored string   `json:"stored"`
	Path   []string `json:"path,omitempty"` // from the shape after the stored one to the current one
	Old    bool     `json:"old"`            // no longer written
	Events int64    `json:"events"`
	Faulty int64    `json:"faulty"` // of them, events that cannot be read

	shape eventstore.Shape
}

// Classes of faults.
const (
	ClassUnknown    = "unknown_shape" // newer code wrote it
	ClassUnreadable = "unreadable"    // its payload is not what its shape demands
	ClassFold       = "fold"          // it can be read, but does not follow what is before it in its stream
)

// Fault is an event that cannot be read or folded.
type Fault struct {
	Position   int64     `json:"position"`
	StreamType string    `json:"stream_type"`
	StreamID   uuid.UUID `json:"stream_id"`
	Version    int64     `json:"version"`
	Type       string    `json:"type"`
	Schema     int       `json:"schema"`
	Class      string    `json:"class"`
	Why        string    `json:"why"`
}

func newFault(e *eventstore.Event, class string, err error) Fault {
	return Fault{e.Position, e.StreamType, e.StreamID, e.Version, e.Type, e.Schema, class, err.Error()}
}

func (x *examination) count(stored *eventstore.Event, current eventstore.Shape, err error) {
	key := pair{eventstore.Shape{Type: stored.Type, Schema: stored.Schema}, current}
	c := x.counts[key]
	if c == nil {
		c = x.newCount(stored, key)
		x.counts[key] = c
	}
	if c.Events++; c.Old {
		x.report.OldEvents++
	}
	if err != nil {
		c.Faulty++
		class := ClassUnreadable
		if errors.Is(err, eventstore.ErrUnknownShape) {
			class = ClassUnknown
		}
		x.take(newFault(stored, class, err))
	}
}

func (x *examination) newCount(stored *eventstore.Event, key pair) *ShapeCount {
	upcasters := x.decoder.Upcasters()
	c := &ShapeCount{Stored: key.stored.String(), shape: key.stored, Old: !upcasters.Current(key.stored)}
	if path, err := upcasters.Path(*stored); err == nil {
		for _, shape := range path[1:] {
			c.Path = append(c.Path, shape.String())
		}
	}
	return c
}

// take keeps the first faults by position, in whatever order they are found.
func (x *examination) take(fault Fault) {
	x.report.FaultsTotal++
	at, _ := slices.BinarySearchFunc(x.report.Faults, fault.Position, func(f Fault, position int64) int { return cmp.Compare(f.Position, position) })
	if at == x.options.FaultsMax {
		return
	}
	x.report.Faults = slices.Insert(x.report.Faults, at, fault)
	x.report.Faults = x.report.Faults[:min(len(x.report.Faults), x.options.FaultsMax)]
}

func (x *examination) finish() Report {
	r := x.report
	r.Shapes = make([]ShapeCount, 0, len(x.counts))
	for _, c := range x.counts {
		r.Shapes = append(r.Shapes, *c)
	}
	slices.SortFunc(r.Shapes, func(a, b ShapeCount) int {
		return cmp.Or(strings.Compare(a.shape.Type, b.shape.Type), cmp.Compare(a.shape.Schema, b.shape.Schema), slices.Compare(a.Path, b.Path))
	})
	if r.Seconds = time.Since(x.begun).Seconds(); r.Seconds > 0 {
		r.PerSecond = float64(r.Events) / r.Seconds
	}
	return r
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "events %s..%s: %s events, %s streams folded, %.1f s, %s/s\n\n", console.Count(r.From), console.Count(r.Head), console.Count(r.Events),
		console.Count(r.Streams), r.Seconds, console.Count(int64(r.PerSecond)))
	if len(r.Shapes) > 0 {
		r.writeShapes(&s)
	}
	r.writeFaults(&s)
	fmt.Fprintf(&s, "%s of the events have a shape that is no longer written.\n", console.Count(r.OldEvents))
	if r.OK() {
		s.WriteString("decoded: every event is read and every stream folds\n")
	} else {
		fmt.Fprintf(&s, "FAULTY: this code cannot read or fold %s events\n", console.Count(r.FaultsTotal))
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func (r *Report) writeShapes(s *strings.Builder) {
	table := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STORED AS\tREAD AS\tEVENTS\tFAULTY")
	for _, c := range r.Shapes {
		read := "as it is"
		switch {
		case c.Faulty == c.Events:
			read = ""
		case c.Old:
			read = strings.Join(c.Path, ", then ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Stored, read, console.Count(c.Events), console.Count(c.Faulty))
	}
	_ = table.Flush() // into memory
	s.WriteByte('\n')
}

func (r *Report) writeFaults(s *strings.Builder) {
	for _, f := range r.Faults {
		fmt.Fprintf(s, "event %s, %s %s version %d, %s/%d: %s: %s\n", console.Count(f.Position), f.StreamType, f.StreamID, f.Version, f.Type, f.Schema, f.Class, f.Why)
	}
	if more := r.FaultsTotal - int64(len(r.Faults)); more > 0 {
		fmt.Fprintf(s, "... and %s more\n", console.Count(more))
	}
	if len(r.Faults) > 0 {
		s.WriteByte('\n')
	}
}
