package payment_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"passbook/domain/payment"
)

func TestDecodeOfWhatIsUnknown(t *testing.T) {
	t.Parallel()
	for _, known := range payment.Types() {
		for _, schema := range []int{known.Schema + 1, 0, -1} {
			if e, err := payment.Decode(known.Name, schema, []byte(`{}`)); !errors.Is(err, payment.ErrUnknownEvent) || e != nil {
				t.Errorf("%s schema %d: got %v, %v", known.Name, schema, e, err)
			}
		}
	}
	for _, name := range []string{"", "Settled", "payment.settled ", "hold.placed", strings.Repeat("x", 1<<20)} {
		if e, err := payment.Decode(name, 1, []byte(`{}`)); !errors.Is(err, payment.ErrUnknownEvent) || e != nil || len(err.Error()) > 200 {
			t.Errorf("%.80q: got %v, %.300v", name, e, err)
		}
	}
}

// A required field that is missing, and a value that no such event can have, are faults and not zeros.
func TestDecodeOfWhatIsFaulty(t *testing.T) {
	t.Parallel()
	_, _, full := payment.Encode(requested)
	without := func(field string) string {
		var fields map[string]any
		if err := json.Unmarshal(full, &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, field)
		data, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	instead := func(old, with string) string { return strings.Replace(string(full), old, with, 1) }
	tests := map[string][]string{
		payment.TypeRequested: {
			`{}`, without("payment_id"), without("account_id"), without("hold_id"), without("amount"), without("currency"), without("creditor"), without("deadline"),
			instead(`500`, `0`), instead(`500`, `-5`), instead(`500`, `9007199254740992`), instead(`500`, `"500"`), instead(`EUR`, `eur`),
			instead(`"name":"Grace Hopper"`, `"name":""`), instead(`DE89370400440532013000`, ``), instead(`2026-11-21T13`, `2026-11-21 13`),
		},
		payment.TypeTimedOut:           {`{}`, `{"deadline":"tomorrow"}`},
		payment.TypeAnswerContradicted: {`{}`, `{"outcome":"settled"}`, `{"outcome":"submitted","answer":"settled"}`, `{"outcome":"settled","answer":"timed_out"}`},
		payment.TypeRejected:           {`{"code":5}`},
	}
	for _, known := range payment.Types() {
		for _, data := range append(tests[known.Name], ``, ` `, `null`, `[]`, `5`, `"text"`, `{`, `{}x`) {
			if e, err := payment.Decode(known.Name, known.Schema, []byte(data)); err == nil || e != nil {
				t.Errorf("%s %s: got %+v, %v", known.Name, data, e, err)
			}
		}
	}
}

// Stored bytes in another layout, with fields that nobody knows, are read all the same.
func TestDecodeOfOtherLayouts(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		typ, schema, data := payment.Encode(s.Event)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			t.Fatal(err)
		}
		fields["of_tomorrow"] = json.RawMessage(`{"a":[1]}`)
		sorted, err := json.MarshalIndent(fields, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := payment.Decode(typ, schema, sorted); err != nil || !reflect.DeepEqual(got, s.Event) {
			t.Errorf("%s\nis read as %+v, %v", sorted, got, err)
		}
	}
}

// Whatever bytes there are, Decode answers; and what it takes for an event is one that can be stored and read again.
func FuzzDecode(f *testing.F) {
	for i, known := range payment.Types() {
		f.Add(i, []byte(`{}`))
		for _, s := range samples {
			if typ, _, data := payment.Encode(s.Event); typ == known.Name {
				f.Add(i, data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		known := payment.Types()[uint(i)%uint(len(payment.Types()))]
		e, err := payment.Decode(known.Name, known.Schema, data)
		if err != nil {
			return
		}
		typ, schema, again := payment.Encode(e)
		if typ != known.Name || schema != known.Schema || !json.Valid(again) || !utf8.Valid(again) {
			t.Fatalf("%s is encoded as %s schema %d: %s", data, typ, schema, again)
		}
		if _, err := payment.Decode(typ, schema, again); err != nil {
			t.Fatalf("%s is encoded as %s: %v", data, again, err)
		}
		payment.Evolve(payment.State{}, e, time.Time{})
	})
}
