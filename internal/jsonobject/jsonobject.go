// Package jsonobject takes a JSON object apart and puts it together again, with its members in their order and each value as it
// was written: for payloads that are changed in one place.
package jsonobject

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object taken apart.
type Object []Member

// Member is one of its members.
type Member struct {
	Name  string
	Value []byte // as JSON
}

// ErrNoObject means that the bytes are no JSON object.
var ErrNoObject = errors.New("not a JSON object")

// Parse is lenient: a name may stand twice, and then counts as it stands last; texts need not be UTF-8. The object shares no memory
// with data.
func Parse(data []byte) (Object, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if first, err := decoder.ReadToken(); err != nil || first.Kind() != '{' {
		return nil, errors.Join(ErrNoObject, err)
	}
	var o Object
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoObject, err)
		}
		key := name.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoObject, err)
		}
		o = append(o, Member{key, bytes.Clone(value)})
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoObject, err)
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows it", ErrNoObject)
	}
	return o, nil
}

// place is where the member stands that counts, -1 if there is none.
func (o Object) place(name string) int {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Name == name {
			return i
		}
	}
	return -1
}

// Get returns the value of a member; one that is null is not found.
func (o Object) Get(name string) (value []byte, found bool) {
	at := o.place(name)
	if at < 0 || string(o[at].Value) == "null" {
		return nil, false
	}
	return o[at].Value, true
}

// Says reports whether the member is there and says something.
func (o Object) Says(name string) bool {
	value, found := o.Get(name)
	return found && string(value) != `""`
}

// Set changes a member, or adds it behind another.
func (o *Object) Set(name string, value []byte, behind string) {
	if at := o.place(name); at >= 0 {
		(*o)[at].Value = value
		return
	}
	*o = slices.Insert(*o, o.place(behind)+1, Member{name, value})
}

// Bytes is the object as JSON, without blanks between its members.
func (o Object) Bytes() []byte {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, m.Name) // the error is about what is not UTF-8, which is replaced
		b = append(append(b, ':'), m.Value...)
	}
	return append(b, '}')
}
