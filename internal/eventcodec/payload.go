package eventcodec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Every money event begins with the same members in the same order, written without blanks.
const (
	transaction = `{"transaction_id":"`
	amount      = `","amount":`
	currency    = `,"currency":"`

	idBytes     = 36
	beginAmount = len(transaction) + idBytes + len(amount)
)

// amountAt returns where the amount of a money event begins that is laid out as all of them were written. Two bytes can be
// read from there.
func amountAt(data []byte) (at int, ok bool) {
	if len(data) < beginAmount+2 || string(data[:len(transaction)]) != transaction || string(data[len(transaction)+idBytes:beginAmount]) != amount {
		return 0, false
	}
	return beginAmount, true
}

// behindCurrency returns where the currency of such an event ends.
func behindCurrency(data []byte) (at int, ok bool) {
	at, ok = amountAt(data)
	if !ok {
		return 0, false
	}
	for at < len(data) && isDigit(data[at], '0') {
		at++
	}
	if end := at + currencyBytes; end < len(data) && string(data[at:at+len(currency)]) == currency && data[end-1] == '"' {
		return end, true
	}
	return 0, false
}

func insert(data []byte, at int, text string) []byte {
	longer := make([]byte, 0, len(data)+len(text))
	longer = append(longer, data[:at]...)
	longer = append(longer, text...)
	return append(longer, data[at:]...)
}

func cut(data []byte, at, n int) []byte {
	shorter := make([]byte, 0, len(data)-n)
	shorter = append(shorter, data[:at]...)
	return append(shorter, data[at+n:]...)
}

// object is a JSON object taken apart: its members in their order, each value as it was written.
type object []member

type member struct {
	name  string
	value []byte
}

var errNoObject = errors.New("not a JSON object")

// parse is as lenient as the decoder: a name that stands twice is what it was the last time.
func parse(data []byte) (object, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if first, err := decoder.ReadToken(); err != nil || first.Kind() != '{' {
		return nil, errors.Join(errNoObject, err)
	}
	var o object
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoObject, err)
		}
		key := name.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoObject, err)
		}
		o = append(o, member{key, bytes.Clone(value)})
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoObject, err)
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows it", errNoObject)
	}
	return o, nil
}

// place is where the member stands that counts, -1 if there is none.
func (o object) place(name string) int {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].name == name {
			return i
		}
	}
	return -1
}

func (o object) get(name string) (value []byte, found bool) {
	at := o.place(name)
	if at < 0 || string(o[at].value) == "null" {
		return nil, false
	}
	return o[at].value, true
}

// says reports whether the member is there and says something.
func (o object) says(name string) bool {
	value, found := o.get(name)
	return found && string(value) != `""`
}

// set changes a member, or adds it behind another.
func (o *object) set(name string, value []byte, behind string) {
	if at := o.place(name); at >= 0 {
		(*o)[at].value = value
		return
	}
	*o = slices.Insert(*o, o.place(behind)+1, member{name, value})
}

func (o object) bytes() []byte {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, m.name) // the error is about what is not UTF-8, which is replaced
		b = append(append(b, ':'), m.value...)
	}
	return append(b, '}')
}
