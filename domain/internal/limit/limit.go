// Package limit judges the texts of commands.
package limit

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// First returns the first of the faults that is one.
func First(faults ...error) error {
	for _, fault := range faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}

// Text tells whether a text is shortest to longest characters of valid UTF-8 without NUL, which Postgres cannot hold.
func Text(text string, shortest, longest int) bool {
	if len(text) < shortest || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return false
	}
	return len(text) <= longest || utf8.RuneCountInString(text) <= longest
}

// TextRule says what Text demands.
func TextRule(shortest, longest int) string {
	return fmt.Sprintf("must be %d to %d characters of valid UTF-8 without NUL", shortest, longest)
}

// Entries bounds the metadata of a command: how many entries, and the characters of a key, which has at least one, and of a value.
type Entries struct{ Most, Key, Value int }

// Fault says what is wrong with metadata; nothing when it is within the bounds. It does not name the faulty key: which one a walk of
// the map meets first would differ from call to call.
func (e Entries) Fault(metadata map[string]string) string {
	if len(metadata) > e.Most {
		return fmt.Sprintf("must have at most %d entries", e.Most)
	}
	for key, value := range metadata {
		if !Text(key, 1, e.Key) || !Text(value, 0, e.Value) {
			return fmt.Sprintf("must have keys of 1 to %d and values of at most %d characters of valid UTF-8 without NUL", e.Key, e.Value)
		}
	}
	return ""
}
