package casefile_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/eventstore"
	"passbook/internal/casefile"
	"passbook/internal/casetest"
	"passbook/internal/firstlog"
)

// kept is a log in memory.
type kept []eventstore.Event

func (k kept) Head(context.Context) (eventstore.Head, error) {
	return eventstore.Head{Position: int64(len(k))}, nil
}

func (k kept) ReadStream(_ context.Context, id uuid.UUID, after int64, limit int) ([]eventstore.Event, error) {
	var stream []eventstore.Event
	for _, e := range k {
		if e.StreamID == id && e.Version > after && len(stream) < limit {
			stream = append(stream, e)
		}
	}
	return stream, nil
}

func account(n string) uuid.UUID { return uuid.MustParse("01977a70-5eed-7000-8000-00000000000" + n) }

func capture(t *testing.T, log kept, id uuid.UUID) casefile.Case {
	t.Helper()
	c, err := casefile.Capture(t.Context(), log, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func written(t *testing.T, c *casefile.Case) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is captured is read back byte for byte, and folds; nothing of the envelope that names anybody comes along.
func TestACaseHasTheStoredEvents(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	for _, n := range strings.Split("012345678", "") {
		c := capture(t, log, account(n))
		text := written(t, &c)
		again, err := casefile.Read(strings.NewReader(text))
		if err != nil || !reflect.DeepEqual(again, c) || again.Head != 377 {
			t.Errorf("account %s: read back as %+v, %v", n, again, err)
		}
		if lines := strings.Count(text, "\n"); lines != len(c.Events)+2 {
			t.Errorf("account %s: %d events in %d lines", n, len(c.Events), lines)
		}
		for _, secret := range []string{"teller-7", "old-00", "Python-urllib", "traceparent", "req-", "idempotency"} {
			if strings.Contains(text, secret) {
				t.Errorf("account %s: the case has %q", n, secret)
			}
		}
		stored := c.Stored()
		for i, e := range stored {
			original := log[e.Position-1]
			original.Metadata = []byte(`{}`)
			if !reflect.DeepEqual(stored[i], original) {
				t.Errorf("got %+v, want %+v", stored[i], original)
			}
		}
		casetest.Fold(t, stored)
	}
}

// Redacted, no text of the customers is left, equal texts are still equal, and the history folds to the same amounts.
func TestRedaction(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	for _, n := range strings.Split("012345678", "") {
		c := capture(t, log, account(n))
		before := casetest.Fold(t, c.Stored())
		if err := c.Redact(); err != nil {
			t.Fatal(err)
		}
		text := written(t, &c)
		for _, word := range []string{"Ada", `"ada"`, "Lovelace", "Praha", "branch", "salary", "INV-", "Frieda", "court", "suspicion", "2.1 %", "Q1", "key0", "žluť", "花", "moved", "Gone", "owner\""} {
			if strings.Contains(text, word) {
				t.Errorf("account %s: %q is left", n, word)
			}
		}
		after := casetest.Fold(t, c.Stored())
		if len(after.Steps) != len(before.Steps) || after.State.Balance != before.State.Balance || after.State.Status != before.State.Status || after.State.Currency != before.State.Currency {
			t.Errorf("account %s folds to %+v, was %+v", n, after.State, before.State)
		}
		for i, step := range after.Steps {
			if reflect.TypeOf(step.Event) != reflect.TypeOf(before.Steps[i].Event) || step.After.Balance != before.Steps[i].After.Balance {
				t.Errorf("account %s: step %d is %+v, was %+v", n, i, step.Event, before.Steps[i].Event)
			}
		}
		if (after.State.OwnerName == "") != (before.State.OwnerName == "") || len(after.State.Metadata) != len(before.State.Metadata) {
			t.Errorf("account %s: what was empty is %+v, was %+v", n, after.State, before.State)
		}
	}
}

// Members that this code does not know are redacted, too, at any depth; numbers and the bank's own words stay.
func TestRedactionOfWhatIsUnknown(t *testing.T) {
	t.Parallel()
	c := casefile.Case{Events: []casefile.Event{{Data: []byte(
		`{"transaction_id":"t","amount":5,"creditor":{"name":"Bob","agent":["X","Bob"],"amount":7},"memo":"Bob","flag":true,"none":null,"metadata":{"Bob":"x"},"source":"unspecified"}`)}}}
	if err := c.Redact(); err != nil {
		t.Fatal(err)
	}
	want := `{"transaction_id":"t","amount":5,"creditor":{"name":"redacted-1","agent":["redacted-2","redacted-1"],"amount":7},"memo":"redacted-1","flag":true,"none":null,` +
		`"metadata":{"redacted-1":"redacted-3"},"source":"unspecified"}`
	if got := string(c.Events[0].Data); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.Events[0].Data = []byte(`7`)
	if err := c.Redact(); err == nil {
		t.Error("a payload that is no object is said to be redacted")
	}
}

func TestWhatIsNoCase(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	if _, err := casefile.Capture(t.Context(), log, uuid.New()); !errors.Is(err, casefile.ErrNoAccount) {
		t.Errorf("of no account: %v", err)
	}
	log[0].StreamType = "payment"
	if _, err := casefile.Capture(t.Context(), log, account("0")); !errors.Is(err, casefile.ErrNoAccount) {
		t.Errorf("of a payment: %v", err)
	}
	for _, text := range []string{``, `{}`, `{"passbook_case":2}`, `{"passbook_case":1,"secret":1}`, `[]`} {
		if c, err := casefile.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s is read as %+v", text, c)
		}
	}
}
