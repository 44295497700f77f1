// Package payload writes and reads the JSON payloads of stored events, and says what one must hold to be the event it says it is.
// Texts were judged when they were decided on and are not judged again: the limits of today do not make yesterday's facts untrue.
package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

var (
	// ErrNoObject is the error of a payload that is no JSON object.
	ErrNoObject = errors.New("not a JSON object")
	// ErrMissing is the error of a payload without something that is required.
	ErrMissing = errors.New("missing or out of range")
)

// Encode writes an event as its struct tags say. HTML is not escaped: the bytes are for machines and people, not for pages. It
// panics when the event is not JSON.
func Encode(event any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		panic(fmt.Sprintf("payload: %T is not JSON: %v", event, err)) // only what is no JSON itself, or a time outside the years 0 to 9999
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Decode reads an object on top of blank, whose values stand where the payload has none. Fields that E does not have are passed
// over.
func Decode[E any](data []byte, blank E) (E, error) {
	if !IsObject(data) { // a null would leave blank as it is and be no error
		return blank, ErrNoObject
	}
	err := json.Unmarshal(data, &blank)
	return blank, err
}

// IsObject tells whether the data, if it is JSON, is an object.
func IsObject(data []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) }

// Need is the fault of a field that does not hold what it must; nil if it does.
func Need(holds bool, field string) error {
	if holds {
		return nil
	}
	return fmt.Errorf("%s: %w", field, ErrMissing)
}
