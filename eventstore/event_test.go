package eventstore_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"passbook/eventstore"
)

// What is written by hand is what the standard library reads, whatever the texts hold, and comes back by our own reader.
func TestMetadataIsJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Just(""), rapid.SampledFrom([]string{`"\\`, "\x00\x1f\u2028", "<&>", "🏦"}))
		want := eventstore.Metadata{
			Actor: text.Draw(t, "actor"), CorrelationID: text.Draw(t, "correlation"), CausationID: text.Draw(t, "causation"),
			IdempotencyKey: text.Draw(t, "key"), Traceparent: text.Draw(t, "trace"), Client: text.Draw(t, "client"),
			UserAgent: text.Draw(t, "agent"), Address: text.Draw(t, "address"),
		}
		encoded := want.AppendJSON([]byte("before"))[len("before"):]
		var theirs eventstore.Metadata
		if err := json.Unmarshal(encoded, &theirs); err != nil || theirs != want {
			t.Fatalf("%s: %v, %+v", encoded, err, theirs)
		}
		e := eventstore.Event{Metadata: encoded}
		if ours, err := e.DecodeMetadata(); err != nil || ours != want {
			t.Fatalf("%s: %v, %+v", encoded, err, ours)
		}
	})
	if got := new(eventstore.Metadata).AppendJSON(nil); string(got) != "{}" {
		t.Errorf("nothing is %s", got)
	}
	broken := eventstore.Metadata{Client: "a\xffb"}
	if got := string(broken.AppendJSON(nil)); got != "{\"client\":\"a\ufffdb\"}" {
		t.Errorf("got %s", got)
	}
}

// What an earlier writer left is read, though it be odd.
func TestOddMetadataIsRead(t *testing.T) {
	t.Parallel()
	e := eventstore.Event{Metadata: []byte(`{"actor":"a","actor":"b","client":"\ud800","unknown":{"x":1}}`)}
	if got, err := e.DecodeMetadata(); err != nil || got.Actor != "b" || got.Client != "\ufffd" {
		t.Errorf("%+v, %v", got, err)
	}
	e.Metadata = []byte(`{"actor":1}`)
	if got, err := e.DecodeMetadata(); err == nil {
		t.Errorf("%+v", got)
	}
}
