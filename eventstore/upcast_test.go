package eventstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"passbook/eventstore"
)

// shape reads "type/1".
func shape(text string) eventstore.Shape {
	name, schema, _ := strings.Cut(text, "/")
	return eventstore.Shape{Type: name, Schema: int(schema[0] - '0')}
}

func shapes(texts ...string) (all []eventstore.Shape) {
	for _, text := range texts {
		all = append(all, shape(text))
	}
	return all
}

// step appends to the payload what it leads to.
func step(from, to string) eventstore.Upcast {
	return eventstore.Reshape(shape(from), shape(to), func(data []byte) ([]byte, error) {
		return append(bytes.Clone(data), ">"+to...), nil
	})
}

// split takes the target whose place among them is the payload's first digit.
func split(from string, to ...string) eventstore.Upcast {
	return eventstore.Split(shape(from), func(data []byte) (eventstore.Shape, []byte, error) {
		return shape(to[data[0]-'0']), append(bytes.Clone(data), ">"+from...), nil
	}, shapes(to...)...)
}

func TestUpcastFollowsTheChain(t *testing.T) {
	t.Parallel()
	u, err := eventstore.NewUpcasters(shapes("new/2", "in/1", "out/3"),
		step("old/1", "new/1"), step("new/1", "new/2"), split("both/1", "in/1", "out/1"), step("out/1", "out/2"), eventstore.Rename(shape("out/2"), shape("out/3")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, data, to, want, path string }{
		{"old/1", "x", "new/2", "x>new/1>new/2", "[old/1 new/1 new/2]"},
		{"new/1", "x", "new/2", "x>new/2", "[new/1 new/2]"},
		{"new/2", "x", "new/2", "x", "[new/2]"},
		{"both/1", "0", "in/1", "0>both/1", "[both/1 in/1]"},
		{"both/1", "1", "out/3", "1>both/1>out/2", "[both/1 out/1 out/2 out/3]"},
		{"out/2", "x", "out/3", "x", "[out/2 out/3]"},
	} {
		from := shape(c.from)
		original := eventstore.Event{Position: 7, Version: 3, Type: from.Type, Schema: from.Schema, Data: []byte(c.data)}
		got, err := u.Upcast(original)
		if err != nil || got.Type != shape(c.to).Type || got.Schema != shape(c.to).Schema || string(got.Data) != c.want || got.Position != 7 || got.Version != 3 {
			t.Errorf("%s: got %+v, %v", c.from, got, err)
		}
		if string(original.Data) != c.data {
			t.Errorf("%s: the stored bytes were changed in place", c.from)
		}
		if path, err := u.Path(original); err != nil || fmt.Sprint(path) != c.path {
			t.Errorf("%s: the path is %v, %v", c.from, path, err)
		}
		again, err := u.Upcast(got)
		if err != nil || &again.Data[0] != &got.Data[0] || again.Type != got.Type || again.Schema != got.Schema {
			t.Errorf("%s: what is current does not stay as it is: %+v, %v", c.from, again, err)
		}
	}
	if _, err := u.Upcast(eventstore.Event{Type: "new", Schema: 3}); !errors.Is(err, eventstore.ErrUnknownShape) {
		t.Errorf("an event of newer code: %v", err)
	}
}

func TestUpcastersKnowWhatATypeUsedToBe(t *testing.T) {
	t.Parallel()
	u, err := eventstore.NewUpcasters(shapes("in/1", "out/2", "other/1"), step("oldest/1", "both/1"), split("both/1", "in/1", "out/1"), step("out/1", "out/2"))
	if err != nil {
		t.Fatal(err)
	}
	for want, types := range map[string][]string{
		"both in oldest":           {"in"},
		"both oldest out":          {"out"},
		"other":                    {"other"},
		"both in oldest other out": {"other", "out", "in"},
		"":                         {"both"}, // nothing comes back as what is no longer written
	} {
		if got := strings.Join(u.Stored(types...), " "); got != want {
			t.Errorf("events that may be %v are stored as %q, want %q", types, got, want)
		}
	}
	if want := shapes("both/1", "in/1", "oldest/1", "other/1", "out/1", "out/2"); !slices.Equal(u.Shapes(), want) {
		t.Errorf("got %v, want %v", u.Shapes(), want)
	}
	if !u.Current(shape("out/2")) || u.Current(shape("out/1")) || u.Current(shape("new/1")) {
		t.Error("what is current is not known")
	}
}

func TestUpcastNamesTheEventThatFails(t *testing.T) {
	t.Parallel()
	fails := func([]byte) ([]byte, error) { return nil, errors.New("no such field") }
	strays := func(data []byte) (eventstore.Shape, []byte, error) { return shape("a/2"), data, nil }
	u, err := eventstore.NewUpcasters(shapes("a/2", "b/2"), eventstore.Reshape(shape("a/1"), shape("a/2"), fails), eventstore.Split(shape("b/1"), strays, shape("b/2")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "event 42 from a/1: no such field", "b": "event 42 from b/1: the step leads to a/2, which is none of its targets"} {
		if _, err := u.Upcast(eventstore.Event{Position: 42, Type: name, Schema: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

func TestUpcastersThatAreNotSound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		current []eventstore.Shape
		steps   []eventstore.Upcast
		want    []string // all that is said
	}{
		"a gap":                            {shapes("a/3"), []eventstore.Upcast{step("a/1", "a/3")}, []string{"no step from a/2"}},
		"a gap in a type that is no more":  {shapes("b/1"), []eventstore.Upcast{step("a/2", "b/1")}, []string{"no step from a/1"}},
		"a circle":                         {shapes("a/1"), []eventstore.Upcast{step("b/1", "c/1"), step("c/1", "b/1")}, []string{"b/1 > c/1 > b/1 goes round", "c/1 > b/1 > c/1 goes round"}},
		"a step to itself":                 {shapes("a/1"), []eventstore.Upcast{step("b/1", "b/1")}, []string{"b/1 > b/1 goes round"}},
		"a circle on one of two ways":      {shapes("a/1"), []eventstore.Upcast{split("b/1", "a/1", "c/1"), step("c/1", "b/1")}, []string{"b/1 > c/1 > b/1 goes round", "c/1 > b/1 > c/1 goes round"}},
		"a way into a circle":              {shapes("a/1"), []eventstore.Upcast{step("d/1", "b/1"), step("b/1", "b/1")}, []string{"b/1 > b/1 goes round"}},
		"an end nowhere":                   {shapes("a/1"), []eventstore.Upcast{step("b/1", "c/1")}, []string{"b/1 > c/1 ends at c/1"}},
		"an end nowhere on one of two":     {shapes("a/1"), []eventstore.Upcast{split("b/1", "a/1", "c/1")}, []string{"b/1 > c/1 ends at c/1"}},
		"an end nowhere behind a split":    {shapes("a/1"), []eventstore.Upcast{split("b/1", "a/1", "c/1"), step("c/1", "d/1")}, []string{"b/1 > c/1 > d/1 ends at d/1", "c/1 > d/1 ends at d/1"}},
		"an end at newer code's":           {shapes("a/1"), []eventstore.Upcast{step("b/1", "a/2")}, []string{"b/1 > a/2 ends at a/2"}},
		"two steps":                        {shapes("a/2"), []eventstore.Upcast{step("a/1", "a/2"), step("a/1", "a/2")}, []string{"two steps from a/1"}},
		"a step from what is current":      {shapes("a/1", "b/1"), []eventstore.Upcast{step("a/1", "b/1")}, []string{"a step from a/1, which is current"}},
		"a current one twice":              {shapes("a/1", "a/1"), nil, []string{"a/1 is current twice"}},
		"a step that does nothing":         {shapes("a/1"), []eventstore.Upcast{{From: shape("b/1"), To: shapes("a/1")}}, []string{"the step from b/1 does nothing"}},
		"a step without a target":          {shapes("a/1"), []eventstore.Upcast{split("b/1")}, []string{"the step from b/1 does nothing"}},
		"a schema below 1":                 {shapes("a/0"), nil, []string{"is no shape"}},
		"several faults, all said at once": {shapes("a/3"), []eventstore.Upcast{step("a/1", "c/1"), step("b/1", "b/1")}, []string{"no step from a/2", "a/1 > c/1 ends at c/1", "b/1 > b/1 goes round"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := eventstore.NewUpcasters(c.current, c.steps...)
			if err == nil {
				t.Fatal("they are taken for sound")
			}
			said := strings.Split(err.Error(), "\n")
			if len(said) != len(c.want) {
				t.Errorf("%d faults are listed, want %d: %v", len(said), len(c.want), err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			}
		})
	}
}
