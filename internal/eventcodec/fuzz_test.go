package eventcodec_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/bank"
	"passbook/eventstore"
)

// FuzzPayload stores anything as the payload of every shape that there ever was, in every kind of stream. What is read of it is an event
// that would be written and read as the same one; reading it twice says the same; and one that was brought up is not brought up again.
func FuzzPayload(f *testing.F) {
	codec := newCodec(f)
	files := golden(f)
	names := slices.Sorted(maps.Keys(files))
	for i, name := range names {
		f.Add(uint(i), []byte(files[name].Data))
		f.Add(uint(i), bytes.ReplaceAll(files[name].Data, []byte(","), []byte(" ,\n ")))
		f.Add(uint(i), []byte(`{}`))
	}
	f.Fuzz(func(t *testing.T, i uint, data []byte) {
		stored := files[names[i%uint(len(names))]]
		stored.Data = slices.Clone(data)
		payload, err := codec.Payload(stored)
		if !bytes.Equal(stored.Data, data) {
			t.Fatalf("reading %s changed it to %s", data, stored.Data)
		}
		if err != nil {
			return
		}
		name, schema, written := bank.Encode(payload)
		if !codec.Upcasters().Current(eventstore.Shape{Type: name, Schema: schema}) || !json.Valid(written) {
			t.Fatalf("%s is read as %+v, which is written as %s/%d %s", data, payload, name, schema, written)
		}
		today := stored
		today.Type, today.Schema, today.Data = name, schema, written
		again, err := codec.Payload(today)
		if err != nil || !reflect.DeepEqual(again, payload) {
			t.Fatalf("%s is read as %+v, written as %s, and read as %+v, %v", data, payload, written, again, err)
		}
		if brought, err := codec.Upcasters().Upcast(today); err != nil || brought.Type != name || brought.Schema != schema || !bytes.Equal(brought.Data, written) {
			t.Fatalf("%s of today is brought up to %s/%d %s, %v", written, brought.Type, brought.Schema, brought.Data, err)
		}
		bank.Evolve(nil, uuid.UUID{1}, payload, time.Time{})
	})
}
