package jsonobject_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"passbook/internal/jsonobject"
)

// FuzzParse takes anything apart. What is taken is an object, and put together again it says the same to everybody who reads JSON.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, ` {"a" : 1 , "b":[ {"c":null} ] }`, `{"a":1,"a":2}`, "{\"\xff\":\"\xff\"}", `{"\ud800":1}`, `{"a":1}x`, `[]`, `null`, `{"a":1e999}`, `{"a":}`, `{"":"","b":""}`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		given := bytes.Clone(data)
		o, err := jsonobject.Parse(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q is taken", data)
		}
		put := o.Bytes()
		again, err := jsonobject.Parse(put)
		if err != nil || !bytes.Equal(again.Bytes(), put) {
			t.Fatalf("%q became %q, which becomes %q, %v", data, put, again.Bytes(), err)
		}
		var want, got map[string]any
		if json.Unmarshal(data, &want) == nil {
			if err := json.Unmarshal(put, &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q became %q", data, put)
			}
		}
		for i := range data {
			data[i] = ' '
		}
		if !bytes.Equal(o.Bytes(), put) {
			t.Errorf("%q shares its memory", given)
		}
	})
}
