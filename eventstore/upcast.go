package eventstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Shape names one payload shape ever stored: the wire name of an event and its schema number.
type Shape struct {
	Type   string
	Schema int
}

func (s Shape) String() string { return fmt.Sprintf("%s/%d", s.Type, s.Schema) }

// Upcast turns payloads of one shape into the next one. Data must not be changed in place.
type Upcast struct {
	From, To Shape
	Data     func(data []byte) ([]byte, error)
}

// Upcasters turns every shape ever stored into the current one. It is immutable and safe for concurrent use.
//
// The idea is Axon's and Marten's: old events are never rewritten, they are read as if written today.
type Upcasters struct {
	current map[Shape]bool
	steps   map[Shape]Upcast
}

// NewUpcasters checks that the chain is sound and lists every fault at once: two steps from one shape, a step from a current
// shape, a chain that ends nowhere or goes round in a circle, an older schema of a current type without a step.
func NewUpcasters(current []Shape, steps ...Upcast) (*Upcasters, error) {
	u := &Upcasters{current: map[Shape]bool{}, steps: map[Shape]Upcast{}}
	var faults []error
	for _, shape := range current {
		u.current[shape] = true
	}
	for _, step := range steps {
		faults = append(faults, u.add(step))
	}
	faults = append(faults, u.check()...)
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("upcasters: %w", err)
	}
	return u, nil
}

func (u *Upcasters) add(step Upcast) error {
	if _, twice := u.steps[step.From]; twice {
		return fmt.Errorf("two steps from %s", step.From)
	}
	if u.current[step.From] {
		return fmt.Errorf("a step from %s, which is current", step.From)
	}
	if step.Data == nil {
		return fmt.Errorf("the step from %s does nothing", step.From)
	}
	u.steps[step.From] = step
	return nil
}

func (u *Upcasters) check() []error {
	var faults []error
	for from := range u.steps {
		if _, err := u.target(from); err != nil {
			faults = append(faults, err)
		}
	}
	for shape := range u.current {
		for older := 1; older < shape.Schema; older++ {
			from := Shape{shape.Type, older}
			if _, known := u.steps[from]; !known && !u.current[from] {
				faults = append(faults, fmt.Errorf("no step from %s", from))
			}
		}
	}
	return faults
}

// target follows the chain from a shape to the current one.
func (u *Upcasters) target(shape Shape) (Shape, error) {
	at := shape
	for range len(u.steps) + 1 {
		if u.current[at] {
			return at, nil
		}
		step, known := u.steps[at]
		if !known {
			return Shape{}, fmt.Errorf("the chain from %s ends at %s, which is not current", shape, at)
		}
		at = step.To
	}
	return Shape{}, fmt.Errorf("the chain from %s goes round in a circle", shape)
}

// Shapes lists every shape that Upcast accepts.
func (u *Upcasters) Shapes() []Shape {
	all := slices.Collect(maps.Keys(u.current))
	return slices.AppendSeq(all, maps.Keys(u.steps))
}

// Upcast returns the event in its current shape. An event of a current shape comes back as it is.
func (u *Upcasters) Upcast(e Event) (Event, error) {
	for {
		shape := Shape{e.Type, e.Schema}
		step, old := u.steps[shape]
		if !old {
			return e, u.known(shape, e.Position)
		}
		data, err := step.Data(e.Data)
		if err != nil {
			return Event{}, fmt.Errorf("upcast event %d from %s to %s: %w", e.Position, step.From, step.To, err)
		}
		e.Type, e.Schema, e.Data = step.To.Type, step.To.Schema, data
	}
}

// ErrUnknownShape means that an event was written by code newer than this.
var ErrUnknownShape = errors.New("unknown event shape")

func (u *Upcasters) known(shape Shape, position int64) error {
	if u.current[shape] {
		return nil
	}
	return fmt.Errorf("event %d is a %s: %w", position, shape, ErrUnknownShape)
}
