package account

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// object is a JSON object being written, field after field. Its bytes are those that encoding/json would write with HTML
// escaping off, at a fraction of the time and with one allocation: most events of a bank are written by it.
type object []byte

// objectBytes has room for a money event with a short reference, the event there are most of.
const objectBytes = 256

func newObject() object { return append(make(object, 0, objectBytes), '{') }

func (o object) end() []byte { return append(o, '}') }

// name takes names from this package's source only: they need no escaping.
func (o object) name(name string) object {
	if o[len(o)-1] != '{' {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

func (o object) text(name, value string) object { return appendText(o.name(name), value) }

func (o object) optionalText(name, value string) object {
	if value == "" {
		return o
	}
	return o.text(name, value)
}

func (o object) amount(name string, value money.Amount) object {
	return strconv.AppendInt(o.name(name), int64(value), 10)
}

func (o object) currency(name string, value money.Currency) object { return o.text(name, value.Code()) }

func (o object) id(name string, value uuid.UUID) object {
	o = append(o.name(name), '"')
	for i, group := range [][]byte{value[0:4], value[4:6], value[6:8], value[8:10], value[10:16]} {
		if i > 0 {
			o = append(o, '-')
		}
		o = hex.AppendEncode(o, group)
	}
	return append(o, '"')
}

func (o object) optionalID(name string, value uuid.UUID) object {
	if value == uuid.Nil {
		return o
	}
	return o.id(name, value)
}

func (o object) time(name string, value time.Time) object {
	o = append(o.name(name), '"')
	return append(value.AppendFormat(o, time.RFC3339Nano), '"')
}

func (o object) optionalTime(name string, value time.Time) object {
	if value.IsZero() {
		return o
	}
	return o.time(name, value)
}

func (o object) limits(name string, value Limits) object {
	inner := append(object(nil), '{')
	for _, limit := range [...]struct {
		name   string
		amount money.Amount
	}{{"per_transaction", value.PerTransaction}, {"per_day", value.PerDay}, {"per_month", value.PerMonth}} {
		if limit.amount != 0 {
			inner = inner.amount(limit.name, limit.amount)
		}
	}
	return append(o.name(name), inner.end()...)
}

func (o object) optionalMap(name string, values map[string]string) object {
	if len(values) == 0 {
		return o
	}
	return o.textMap(name, values)
}

func (o object) textMap(name string, values map[string]string) object {
	var room [MetadataMax]string // keeps the keys off the heap
	keys := room[:0]
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	o = append(o.name(name), '{')
	for i, key := range keys {
		if i > 0 {
			o = append(o, ',')
		}
		o = append(appendText(o, key), ':')
		o = appendText(o, values[key])
	}
	return append(o, '}')
}

// appendText writes a JSON string. Bytes that are not UTF-8 become U+FFFD, so that what is written is valid JSON come what may.
func appendText(o object, text string) object {
	o = append(o, '"')
	clean := 0 // text[clean:i] needs no escape and is not written yet
	for i := 0; i < len(text); {
		width, escape := escapeAt(text, i)
		if escape != "" {
			o = append(append(o, text[clean:i]...), escape...)
			clean = i + width
		}
		i += width
	}
	return append(append(o, text[clean:]...), '"')
}

// escapeAt returns how wide the character at i is, and what to write for it unless it stands for itself.
func escapeAt(text string, i int) (width int, escape string) {
	if c := text[i]; c < utf8.RuneSelf {
		return 1, asciiEscapes[c]
	}
	switch r, width := utf8.DecodeRuneInString(text[i:]); {
	case r == utf8.RuneError && width == 1:
		return width, `\ufffd`
	case r == '\u2028' || r == '\u2029': // line ends to JavaScript, text to JSON
		return width, `\u` + strconv.FormatInt(int64(r), 16)
	default:
		return width, ""
	}
}

var asciiEscapes = escapeASCII()

func escapeASCII() (escapes [utf8.RuneSelf]string) {
	for c := range byte(' ') {
		escapes[c] = `\u00` + hex.EncodeToString([]byte{c})
	}
	escapes['"'], escapes['\\'] = `\"`, `\\`
	escapes['\b'], escapes['\f'] = `\b`, `\f`
	escapes['\n'], escapes['\r'], escapes['\t'] = `\n`, `\r`, `\t`
	return escapes
}
