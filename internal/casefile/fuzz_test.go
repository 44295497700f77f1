package casefile_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"passbook/internal/casefile"
)

// FuzzRead reads anything as a case. What is taken is written and read again as the same case, as it is and with its names replaced, and
// replacing them twice changes nothing more.
func FuzzRead(f *testing.F) {
	const event = `{"position":1,"event_id":"0198c0de-cafe-7000-8000-000000000001","version":1,"type":"money.deposited","schema":2,"data":{"amount":1, "reference":"Ada <&>","metadata":{"a":"b"}},` +
		`"effective_at":"2026-01-01T00:00:00Z","recorded_at":"2026-01-01T00:00:00.123456Z"}`
	for _, seed := range []string{
		`{"passbook_case":1,"account_id":"0198c0de-cafe-7000-8000-000000000001","head":1,"events":[` + event + `]}`, `{"passbook_case":1,"events":[` + event + `,` + event + `]}`,
		`{"passbook_case":1,"events":null}`, `{"passbook_case":2}`, `{}`, `null`, `{"passbook_case":1,"events":[{}]}`, `{"passbook_case":1,"events":[{"data":null,"type":"\"data\":null"}]}`,
		strings.Replace(`{"passbook_case":1,"events":[`+event+`]}`, `"2026-01-01T00:00:00Z"`, `"0000-01-01T00:00:00+23:59"`, 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := casefile.Read(bytes.NewReader(file))
		if err != nil {
			return
		}
		same(t, &c)
		if len(c.Stored()) != len(c.Events) {
			t.Errorf("%d events are %d", len(c.Events), len(c.Stored()))
		}
		if c.Redact() != nil {
			return
		}
		same(t, &c)
		once := onFile(t, &c)
		if err := c.Redact(); err != nil || !c.Redacted || len(onFile(t, &c)) != len(once) {
			t.Errorf("%s is redacted a second time to %s, %v", once, onFile(t, &c), err)
		}
	})
}

func onFile(t *testing.T, c *casefile.Case) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return b.Bytes()
}

func same(t *testing.T, c *casefile.Case) {
	t.Helper()
	file := onFile(t, c)
	again, err := casefile.Read(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(again.Events) != len(c.Events) || again.AccountID != c.AccountID || again.Head != c.Head || again.Redacted != c.Redacted {
		t.Fatalf("%+v came back as %+v", c, again)
	}
	for i := range c.Events {
		a, b := c.Events[i], again.Events[i]
		if !a.EffectiveAt.Equal(b.EffectiveAt) || !a.RecordedAt.Equal(b.RecordedAt) {
			t.Errorf("%+v came back as %+v", a, b)
		}
		a.EffectiveAt, a.RecordedAt = b.EffectiveAt, b.RecordedAt
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%+v came back as %+v", a, b)
		}
	}
}
