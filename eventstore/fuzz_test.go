package eventstore_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"passbook/eventstore"
)

// FuzzMetadata reads anything as the metadata of an event. What is read is written as valid JSON, and read again as the same.
func FuzzMetadata(f *testing.F) {
	m := eventstore.Metadata{Actor: "teller-7", CorrelationID: "req-1", IdempotencyKey: `k "1"`, Client: "curl/8"}
	for _, seed := range []string{string(m.AppendJSON(nil)), `{}`, `null`, `[]`, `{"actor":7}`, `{"actor":"\u0000\ud800\u2028</script>"}`, "{\"actor\":\"\xff\"}", `{"actor":"a","actor":"b","of_tomorrow":{}}`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		event := eventstore.Event{Metadata: data}
		read, err := event.DecodeMetadata()
		if err != nil {
			return
		}
		event.Metadata = read.AppendJSON(nil)
		if !json.Valid(event.Metadata) || !utf8.Valid(event.Metadata) {
			t.Fatalf("%q is written as %q", data, event.Metadata)
		}
		once, err := event.DecodeMetadata()
		if err != nil {
			t.Fatalf("%q is written as %q: %v", data, event.Metadata, err)
		}
		if twice := once.AppendJSON(nil); string(twice) != string(event.Metadata) {
			t.Errorf("%q is written as %q and then as %q", data, event.Metadata, twice)
		}
	})
}
