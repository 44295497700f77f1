package cloudevent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/eventstore"
	"passbook/eventstore/relay/cloudevent"
)

var update = flag.Bool("update", false, "write the golden file anew")

func sample() eventstore.Event {
	return eventstore.Event{
		Position:    1_204_332,
		ID:          uuid.MustParse("01932c07-1b2c-7d3e-8f4a-5b6c7d8e9fa0"),
		StreamType:  "account",
		StreamID:    uuid.MustParse("01932c07-0000-7000-8000-000000000001"),
		Version:     17,
		Type:        "money.deposited",
		Schema:      1,
		Data:        json.RawMessage(`{"amount":12550,"currency":"EUR"}`),
		Metadata:    json.RawMessage(`{"actor":"teller-7","correlation_id":"req-1","idempotency_key":"k \"1\"","client":"curl/8"}`),
		EffectiveAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		RecordedAt:  time.Date(2026, 11, 21, 3, 4, 5, 678901000, time.UTC),
	}
}

func encode(t *testing.T, e eventstore.Event) []byte {
	t.Helper()
	encoded, err := cloudevent.Append(nil, &e)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestGolden(t *testing.T) {
	t.Parallel()
	got := encode(t, sample())
	golden := filepath.Join("testdata", "event.golden.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Errorf("the form on the wire has changed:\n got %s\nwant %s", got, want)
	}
}

// The rules of CloudEvents 1.0 that an encoder can break.
func TestIsCloudEvent(t *testing.T) {
	t.Parallel()
	var attributes map[string]any
	if err := json.Unmarshal(encode(t, sample()), &attributes); err != nil {
		t.Fatal(err)
	}
	for _, required := range []string{"id", "source", "specversion", "type"} {
		if text, ok := attributes[required].(string); !ok || text == "" {
			t.Errorf("required attribute %s is %v", required, attributes[required])
		}
	}
	name := regexp.MustCompile(`^[a-z0-9]{1,20}$`)
	for attribute, value := range attributes {
		if !name.MatchString(attribute) {
			t.Errorf("attribute name %q", attribute)
		}
		switch v := value.(type) {
		case string:
			if v == "" {
				t.Errorf("attribute %s is empty", attribute)
			}
		case float64:
			if v != float64(int32(v)) {
				t.Errorf("attribute %s leaves 32 bits", attribute)
			}
		case map[string]any:
			if attribute != "data" {
				t.Errorf("attribute %s is an object", attribute)
			}
		default:
			t.Errorf("attribute %s is a %T", attribute, value)
		}
	}
	for _, timestamp := range []string{"time", "effectiveat"} {
		if _, err := time.Parse(time.RFC3339, attributes[timestamp].(string)); err != nil {
			t.Error(err)
		}
	}
}

func TestForbiddenCharactersAreReplaced(t *testing.T) {
	t.Parallel()
	e := sample()
	metadata, err := json.Marshal(eventstore.Metadata{Actor: "a\x00b\nc\u0085d\ufdd0e\uffff", Client: "\xff čaj 🏦"})
	if err != nil {
		t.Fatal(err)
	}
	e.Metadata = metadata
	decoded, err := cloudevent.Decode(encode(t, e))
	if err != nil {
		t.Fatal(err)
	}
	got, err := decoded.DecodeMetadata()
	if err != nil {
		t.Fatal(err)
	}
	want := eventstore.Metadata{Actor: "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd", Client: "\ufffd čaj 🏦"}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	noData, badMetadata := sample(), sample()
	noData.Data = nil
	badMetadata.Metadata = json.RawMessage(`{"actor":7}`)
	for name, e := range map[string]eventstore.Event{"no payload": noData, "metadata of another shape": badMetadata} {
		if encoded, err := cloudevent.Append(nil, &e); err == nil {
			t.Errorf("%s: encoded as %s", name, encoded)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	valid := string(encode(t, sample()))
	replace := func(from, to string) string {
		changed := strings.Replace(valid, from, to, 1)
		if changed == valid {
			t.Fatalf("%q is not in %s", from, valid)
		}
		return changed
	}
	for name, message := range map[string]string{
		"nothing":             "",
		"not JSON":            "hello",
		"null":                "null",
		"cut short":           valid[:len(valid)-1],
		"trailing garbage":    valid + "x",
		"other specversion":   replace(`"1.0"`, `"0.3"`),
		"other source":        replace(`/passbook/log`, `/elsewhere`),
		"other type":          replace(`passbook.money`, `other.money`),
		"bare type":           replace(`passbook.money.deposited`, `passbook.`),
		"other content type":  replace(`application/json`, `text/plain`),
		"id not a uuid":       replace(`01932c07-1b2c`, `zzzzzzzz-1b2c`),
		"position zero":       replace(`"1204332"`, `"0"`),
		"position negative":   replace(`"1204332"`, `"-4"`),
		"position a number":   replace(`"1204332"`, `1204332`),
		"position over int64": replace(`"1204332"`, `"9223372036854775808"`),
		"version empty":       replace(`"17"`, `""`),
		"no schema":           replace(`"schemaversion":1`, `"schemaversion":0`),
		"no stream type":      replace(`"account"`, `""`),
		"no time":             replace(`"time":`, `"tame":`),
		"no data":             replace(`"data":`, `"dada":`),
	} {
		if e, err := cloudevent.Decode([]byte(message)); !errors.Is(err, cloudevent.ErrInvalid) {
			t.Errorf("%s: decoded as %+v, error %v", name, e, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := draw(t)
		encoded, err := cloudevent.Append(nil, &want)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(encoded) || !json.Valid(encoded) {
			t.Fatalf("not JSON: %s", encoded)
		}
		got, err := cloudevent.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v\nover %s", got, want, encoded)
		}
	})
}

func draw(t *rapid.T) eventstore.Event {
	id := rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(func(b []byte) bool { return b[0] != 0 }).Draw(t, "id"))
	})
	// What CloudEvents forbids is replaced, so only what it allows comes back.
	text := rapid.StringMatching(`[ -~čŘß漢🏦]{0,40}`)
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "micros")).UTC()
	})
	metadata := eventstore.Metadata{
		Actor: text.Draw(t, "actor"), CorrelationID: text.Draw(t, "correlation"), CausationID: text.Draw(t, "causation"),
		IdempotencyKey: text.Draw(t, "key"), Traceparent: text.Draw(t, "trace"), Client: text.Draw(t, "client"),
		UserAgent: text.Draw(t, "agent"), Address: text.Draw(t, "address"),
	}
	data, err := json.Marshal(map[string]string{"note": rapid.String().Draw(t, "note")})
	if err != nil {
		t.Fatal(err)
	}
	return eventstore.Event{
		Position: rapid.Int64Min(1).Draw(t, "position"), ID: id.Draw(t, "event"), StreamType: "account", StreamID: id.Draw(t, "stream"),
		Version: rapid.Int64Min(1).Draw(t, "version"), Type: rapid.StringMatching(`[a-z]{1,10}\.[a-z_]{1,10}`).Draw(t, "type"),
		Schema: rapid.IntRange(1, 30_000).Draw(t, "schema"), Data: data, Metadata: metadata.AppendJSON(nil),
		EffectiveAt: moment.Draw(t, "effective"), RecordedAt: moment.Draw(t, "recorded"),
	}
}

// Whatever arrives, Decode neither panics nor lets through what would not survive the way back.
func FuzzDecode(f *testing.F) {
	e := sample()
	valid, err := cloudevent.Append(nil, &e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add([]byte(`{"specversion":"1.0"}`))
	f.Add([]byte(`{"data":null}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		decoded, err := cloudevent.Decode(message)
		if err != nil {
			return
		}
		encoded, err := cloudevent.Append(nil, &decoded)
		if err != nil {
			t.Fatalf("decoded %+v cannot be encoded: %v", decoded, err)
		}
		again, err := cloudevent.Decode(encoded)
		if err != nil {
			t.Fatalf("%s is not decoded: %v", encoded, err)
		}
		if again.Position != decoded.Position || again.ID != decoded.ID || !bytes.Equal(again.Data, decoded.Data) {
			t.Fatalf("%+v came back as %+v", decoded, again)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	e := sample()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = cloudevent.Append(dst[:0], &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	e := sample()
	encoded, err := cloudevent.Append(nil, &e)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cloudevent.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
