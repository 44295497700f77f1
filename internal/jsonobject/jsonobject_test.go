package jsonobject_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"passbook/internal/jsonobject"
)

func TestMembersAreChangedInTheirPlaces(t *testing.T) {
	t.Parallel()
	o, err := jsonobject.Parse([]byte(` {"b": [1, 2], "a":"x\u00e9", "n": null, "e":"", "b": 1.50} `))
	if err != nil {
		t.Fatal(err)
	}
	if b, found := o.Get("b"); !found || string(b) != "1.50" {
		t.Errorf("b is %s", b)
	}
	if _, found := o.Get("n"); found || o.Says("e") || !o.Says("a") || o.Says("x") {
		t.Error("what says nothing says something")
	}
	o.Set("a", []byte("7"), "b")
	o.Set("c", []byte("{}"), "a")
	o.Set("first", []byte("0"), "nowhere")
	if got, want := string(o.Bytes()), `{"first":0,"b":[1, 2],"a":7,"c":{},"n":null,"e":"","b":1.50}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for _, data := range []string{``, ` `, `null`, `[]`, `"x"`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}x`, `{"a":1}{}`, `{"a":01}`, `{a:1}`} {
		if o, err := jsonobject.Parse([]byte(data)); !errors.Is(err, jsonobject.ErrNoObject) || o != nil {
			t.Errorf("%s: %v, %v", data, o, err)
		}
	}
}

func TestTakenApartAndPutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]any{}
		for name, value := range rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "members") {
			want[name] = value
		}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		o, err := jsonobject.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		if err := json.Unmarshal(o.Bytes(), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s became %s: %v", data, o.Bytes(), err)
		}
	})
}
