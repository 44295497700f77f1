package limit_test

import (
	"errors"
	"strings"
	"testing"

	"passbook/domain/internal/limit"
)

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "a": true, "äöü": true, "abc": true, "abcd": false, "äöüß": false, "a\x00b": false, "\xff": false, strings.Repeat("€", 3): true,
	} {
		if got := limit.Text(text, 1, 3); got != want {
			t.Errorf("Text(%q, 1, 3) = %t", text, got)
		}
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	bounds := limit.Entries{Most: 2, Key: 3, Value: 4}
	for _, sound := range []map[string]string{nil, {"a": ""}, {"abc": "äöüß", "b": "x"}} {
		if fault := bounds.Fault(sound); fault != "" {
			t.Errorf("%v: %s", sound, fault)
		}
	}
	for _, faulty := range []map[string]string{{"a": "", "b": "", "c": ""}, {"": "x"}, {"abcd": "x"}, {"a": "abcde"}, {"a": "\x00"}} {
		if bounds.Fault(faulty) == "" {
			t.Errorf("%v is taken", faulty)
		}
	}
}

func TestFirst(t *testing.T) {
	t.Parallel()
	one, two := errors.New("one"), errors.New("two")
	if err := limit.First(nil, nil); err != nil {
		t.Errorf("no fault is %v", err)
	}
	if err := limit.First(nil, one, two); !errors.Is(err, one) {
		t.Errorf("the first fault is %v", err)
	}
}
