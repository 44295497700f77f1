package eventstore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Shape names one payload shape ever stored: the wire name of an event and its schema number.
type Shape struct {
	Type   string
	Schema int
}

func (s Shape) String() string { return fmt.Sprintf("%s/%d", s.Type, s.Schema) }

func compareShapes(a, b Shape) int {
	return cmp.Or(strings.Compare(a.Type, b.Type), cmp.Compare(a.Schema, b.Schema))
}

// Upcast is one step: it turns payloads of one shape into the next, or by what they say into one of several. One event stays
// one event, because a position is the identity of a fact. Reshape, Rename and Split make one.
type Upcast struct {
	From Shape
	To   []Shape
	// Data returns the payload in one of the shapes of To, and in which. It must be a function of the payload alone, and not
	// change it in place; what it returns may share its memory.
	Data func(data []byte) (to Shape, upcast []byte, err error)
}

// Reshape is the step to a shape with another payload.
func Reshape(from, to Shape, reshape func(data []byte) ([]byte, error)) Upcast {
	return Upcast{From: from, To: []Shape{to}, Data: func(data []byte) (Shape, []byte, error) {
		data, err := reshape(data)
		return to, data, err
	}}
}

// Rename is the step to another name for the same payload.
func Rename(from, to Shape) Upcast {
	return Upcast{From: from, To: []Shape{to}, Data: func(data []byte) (Shape, []byte, error) { return to, data, nil }}
}

// Split is the step after which what used to be one type is several: split says which of them a payload is of.
func Split(from Shape, split func(data []byte) (to Shape, upcast []byte, err error), to ...Shape) Upcast {
	return Upcast{From: from, To: to, Data: split}
}

// Upcasters turns every shape ever stored into a current one. It is immutable and safe for concurrent use.
//
// The idea is Axon's and Marten's: old events are never rewritten, they are read as if written today.
type Upcasters struct {
	known map[Shape]*Upcast // nil: the shape is current
}

// NewUpcasters checks that every chain is sound, whichever of its targets each step takes, and lists every fault at once: see
// check. A shape that is current is not touched.
func NewUpcasters(current []Shape, steps ...Upcast) (*Upcasters, error) {
	if faults := check(current, steps); len(faults) > 0 {
		return nil, fmt.Errorf("upcasters: %w", errors.Join(faults...))
	}
	u := &Upcasters{known: make(map[Shape]*Upcast, len(current)+len(steps))}
	for _, shape := range current {
		u.known[shape] = nil
	}
	for i := range steps {
		u.known[steps[i].From] = &steps[i]
	}
	return u, nil
}

// ErrUnknownShape means that an event was written by code newer than this.
var ErrUnknownShape = errors.New("unknown event shape")

// Upcast returns the event in its current shape. An event of a current shape comes back as it is.
func (u *Upcasters) Upcast(e Event) (Event, error) {
	for {
		next, again, err := u.step(e)
		if err != nil || !again {
			return next, err
		}
		e = next
	}
}

// Path lists the shapes in which Upcast has the event, from the stored one to the current one.
func (u *Upcasters) Path(e Event) ([]Shape, error) {
	var path []Shape
	for again := true; again; {
		path = append(path, Shape{e.Type, e.Schema})
		var err error
		if e, again, err = u.step(e); err != nil {
			return nil, err
		}
	}
	return path, nil
}

// step returns the event after one step, and whether there was one to take.
func (u *Upcasters) step(e Event) (Event, bool, error) {
	shape := Shape{e.Type, e.Schema}
	step, known := u.known[shape]
	if !known {
		return Event{}, false, fmt.Errorf("event %d is a %s: %w", e.Position, shape, ErrUnknownShape)
	}
	if step == nil {
		return e, false, nil
	}
	to, data, err := step.Data(e.Data)
	if err == nil && !slices.Contains(step.To, to) {
		err = fmt.Errorf("the step leads to %s, which is none of its targets", to)
	}
	if err != nil {
		return Event{}, false, fmt.Errorf("upcast event %d from %s: %w", e.Position, shape, err)
	}
	e.Type, e.Schema, e.Data = to.Type, to.Schema, data
	return e, true, nil
}

// Current reports whether the shape is one that is written today.
func (u *Upcasters) Current(shape Shape) bool {
	step, known := u.known[shape]
	return known && step == nil
}

// Shapes lists every shape that Upcast accepts, in order.
func (u *Upcasters) Shapes() []Shape {
	all := make([]Shape, 0, len(u.known))
	for shape := range u.known {
		all = append(all, shape)
	}
	slices.SortFunc(all, compareShapes)
	return all
}

// Stored lists the wire names under which events are stored that may come back from Upcast as one of these types: their own
// and those they used to have, in order.
func (u *Upcasters) Stored(types ...string) []string {
	var names []string
	for shape := range u.known {
		if u.leads(shape, types) {
			names = append(names, shape.Type)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// leads reports whether any way from the shape ends at one of the types.
func (u *Upcasters) leads(shape Shape, types []string) bool {
	step := u.known[shape]
	if step == nil {
		return slices.Contains(types, shape.Type)
	}
	return slices.ContainsFunc(step.To, func(to Shape) bool { return u.leads(to, types) })
}
