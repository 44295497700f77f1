package approval_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"passbook/domain/approval"
)

// FuzzDecode reads anything as what becomes of a command that waits. What is taken is stored and read again as the same.
func FuzzDecode(f *testing.F) {
	for i, known := range approval.Types() {
		f.Add(uint(i), []byte(`{}`))
		for _, s := range samples {
			if typ, _, data := approval.Encode(s.Event); typ == known.Name {
				f.Add(uint(i), data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint, data []byte) {
		known := approval.Types()[i%uint(len(approval.Types()))]
		e, err := approval.Decode(known.Name, known.Schema, data)
		if err != nil {
			return
		}
		typ, schema, again := approval.Encode(e)
		if typ != known.Name || schema != known.Schema || !json.Valid(again) {
			t.Fatalf("%s is written as %s/%d %s", data, typ, schema, again)
		}
		back, err := approval.Decode(typ, schema, again)
		if err != nil {
			t.Fatalf("%s is written as %s: %v", data, again, err)
		}
		if _, _, twice := approval.Encode(back); string(twice) != string(again) || reflect.TypeOf(back) != reflect.TypeOf(e) {
			t.Fatalf("%s is written as %s and then as %s", data, again, twice)
		}
		approval.Evolve(approval.State{}, e, time.Time{})
	})
}
