package eventstore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// chains is what is declared of shapes and steps, sound or not.
type chains struct {
	current map[Shape]bool
	steps   map[Shape]Upcast
}

// check lists what is wrong with the steps:
//   - a step that does nothing or leads nowhere, two steps from one shape, a step from a current shape, which would not stay as it is;
//   - a gap: a schema number below a known one of the same type that has no step;
//   - a chain that ends at a shape which is not current, or goes round in a circle, on any of its ways.
func check(current []Shape, steps []Upcast) (faults []error) {
	c := chains{current: map[Shape]bool{}, steps: map[Shape]Upcast{}}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, shape := range current {
		if c.current[shape] {
			fault("%s is current twice", shape)
		}
		c.current[shape] = true
	}
	for _, step := range steps {
		switch _, twice := c.steps[step.From]; {
		case twice:
			fault("two steps from %s", step.From)
		case c.current[step.From]:
			fault("a step from %s, which is current", step.From)
		}
		if step.Data == nil || len(step.To) == 0 {
			fault("the step from %s does nothing", step.From)
		}
		c.steps[step.From] = step
	}
	for _, shape := range c.shapes() {
		if shape.Type == "" || shape.Schema < 1 {
			fault("%q is no shape: a type and a schema from 1", shape)
		}
	}
	for _, gap := range c.gaps() {
		fault("no step from %s", gap)
	}
	for _, from := range slices.SortedFunc(maps.Keys(c.steps), compareShapes) {
		c.follow([]Shape{from}, fault)
	}
	return faults
}

// shapes lists every shape that is named anywhere.
func (c chains) shapes() []Shape {
	named := maps.Clone(c.current)
	for from, step := range c.steps {
		named[from] = true
		for _, to := range step.To {
			named[to] = true
		}
	}
	return slices.SortedFunc(maps.Keys(named), compareShapes)
}

// gaps are the schemas below a known one that nobody knows: what was stored under such a number cannot be read.
func (c chains) gaps() (gaps []Shape) {
	highest := map[string]int{}
	for _, shape := range c.shapes() {
		highest[shape.Type] = max(highest[shape.Type], shape.Schema)
	}
	for _, name := range slices.Sorted(maps.Keys(highest)) {
		for schema := 1; schema < highest[name]; schema++ {
			older := Shape{name, schema}
			if _, known := c.steps[older]; !known && !c.current[older] {
				gaps = append(gaps, older)
			}
		}
	}
	return gaps
}

// follow takes every way on from the end of the path. Each fault is said once, from where the chain begins to be wrong.
func (c chains) follow(path []Shape, fault func(string, ...any)) {
	at := path[len(path)-1]
	step, known := c.steps[at]
	switch {
	case len(path) > 1 && c.current[at]:
		return
	case !known:
		fault("the chain %s ends at %s, which is not current", written(path), at)
		return
	}
	for _, to := range step.To {
		if i := slices.Index(path, to); i == 0 { // a circle that only leads past here is said by a chain that begins in it
			fault("the chain %s goes round in a circle", written(append(slices.Clone(path), to)))
		} else if i < 0 {
			c.follow(append(slices.Clone(path), to), fault)
		}
	}
}

func written(path []Shape) string {
	names := make([]string, len(path))
	for i, shape := range path {
		names[i] = shape.String()
	}
	return strings.Join(names, " > ")
}
