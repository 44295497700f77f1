package eventstore_test

import (
	"errors"
	"strings"
	"testing"

	"passbook/eventstore"
)

func rewrite(to string) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) { return append(append([]byte{}, data...), to...), nil }
}

func step(fromType string, fromSchema int, toType string, toSchema int) eventstore.Upcast {
	return eventstore.Upcast{
		From: eventstore.Shape{Type: fromType, Schema: fromSchema}, To: eventstore.Shape{Type: toType, Schema: toSchema},
		Data: rewrite(">" + toType),
	}
}

func TestUpcastFollowsTheChain(t *testing.T) {
	t.Parallel()
	u, err := eventstore.NewUpcasters([]eventstore.Shape{{Type: "new", Schema: 2}}, step("old", 1, "new", 1), step("new", 1, "new", 2))
	if err != nil {
		t.Fatal(err)
	}
	original := eventstore.Event{Position: 7, Type: "old", Schema: 1, Data: []byte("x")}
	got, err := u.Upcast(original)
	if err != nil || got.Type != "new" || got.Schema != 2 || string(got.Data) != "x>new>new" || got.Position != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
	if string(original.Data) != "x" {
		t.Error("the stored bytes were changed in place")
	}
	if _, err := u.Upcast(eventstore.Event{Type: "new", Schema: 3}); !errors.Is(err, eventstore.ErrUnknownShape) {
		t.Errorf("an event of newer code: %v", err)
	}
}

func TestUpcastNamesTheEventThatFails(t *testing.T) {
	t.Parallel()
	broken := eventstore.Upcast{From: eventstore.Shape{Type: "a", Schema: 1}, To: eventstore.Shape{Type: "a", Schema: 2}, Data: func([]byte) ([]byte, error) { return nil, errors.New("no such field") }}
	u, err := eventstore.NewUpcasters([]eventstore.Shape{{Type: "a", Schema: 2}}, broken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Upcast(eventstore.Event{Position: 42, Type: "a", Schema: 1}); err == nil || !strings.Contains(err.Error(), "event 42") {
		t.Errorf("got %v", err)
	}
}

func TestUpcastersThatAreNotSound(t *testing.T) {
	t.Parallel()
	current := []eventstore.Shape{{Type: "a", Schema: 2}}
	for name, c := range map[string]struct {
		steps []eventstore.Upcast
		want  string
	}{
		"gap":                       {nil, "no step from a/1"},
		"circle":                    {[]eventstore.Upcast{step("a", 1, "b", 1), step("b", 1, "a", 1)}, "circle"},
		"ends nowhere":              {[]eventstore.Upcast{step("a", 1, "c", 1)}, "ends at c/1"},
		"two steps":                 {[]eventstore.Upcast{step("a", 1, "a", 2), step("a", 1, "a", 2)}, "two steps from a/1"},
		"step from what is current": {[]eventstore.Upcast{step("a", 1, "a", 2), step("a", 2, "a", 1)}, "which is current"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := eventstore.NewUpcasters(current, c.steps...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}
