package cloudevent

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"passbook/eventstore"
)

// timeFormat is RFC 3339 with the microseconds that Postgres keeps.
const timeFormat = "2006-01-02T15:04:05.999999Z07:00"

// Append appends the event in structured JSON to dst. The bytes are a function of the event alone. An event whose metadata is
// not JSON of the known shape, or that has no payload, is an error.
func Append(dst []byte, e *eventstore.Event) ([]byte, error) {
	if len(e.Data) == 0 {
		return nil, fmt.Errorf("event %d: %w", e.Position, errNoData)
	}
	metadata, err := decodeMetadata(e)
	if err != nil {
		return nil, err
	}
	dst = append(dst, `{"specversion":"`+specVersion+`"`...)
	dst = appendText(dst, "id", e.ID.String())
	dst = appendText(dst, "source", Source)
	dst = appendText(dst, "type", typePrefix+e.Type)
	dst = appendText(dst, "subject", e.StreamID.String())
	dst = appendTime(dst, "time", e.RecordedAt)
	dst = appendText(dst, "datacontenttype", dataContentType)
	dst = appendNumeral(dst, "position", e.Position)
	dst = appendText(dst, "streamtype", e.StreamType)
	dst = appendNumeral(dst, "streamversion", e.Version)
	dst = strconv.AppendInt(appendName(dst, "schemaversion"), int64(e.Schema), 10)
	dst = appendTime(dst, "effectiveat", e.EffectiveAt)
	dst = appendMetadata(dst, &metadata)
	dst = append(appendName(dst, "data"), e.Data...)
	return append(dst, '}'), nil
}

var errNoData = errors.New("no payload")

func decodeMetadata(e *eventstore.Event) (eventstore.Metadata, error) {
	if len(e.Metadata) == 0 || bytes.Equal(e.Metadata, []byte("{}")) {
		return eventstore.Metadata{}, nil
	}
	return e.DecodeMetadata()
}

func appendMetadata(dst []byte, m *eventstore.Metadata) []byte {
	dst = appendOptional(dst, "actor", m.Actor)
	dst = appendOptional(dst, "correlationid", m.CorrelationID)
	dst = appendOptional(dst, "causationid", m.CausationID)
	dst = appendOptional(dst, "idempotencykey", m.IdempotencyKey)
	dst = appendOptional(dst, "traceparent", m.Traceparent)
	dst = appendOptional(dst, "client", m.Client)
	dst = appendOptional(dst, "useragent", m.UserAgent)
	return appendOptional(dst, "address", m.Address)
}

// appendOptional leaves an empty attribute out: CloudEvents knows no empty ones.
func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendText(dst, name, value)
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendText(dst []byte, name, value string) []byte {
	dst = append(appendName(dst, name), '"')
	return append(appendEscaped(dst, value), '"')
}

func appendNumeral(dst []byte, name string, value int64) []byte {
	dst = append(appendName(dst, name), '"')
	return append(strconv.AppendInt(dst, value, 10), '"')
}

func appendTime(dst []byte, name string, value time.Time) []byte {
	dst = append(appendName(dst, name), '"')
	return append(value.UTC().AppendFormat(dst, timeFormat), '"')
}

// appendEscaped appends the text within a JSON string. Characters that CloudEvents forbids in an attribute (control
// characters, noncharacters, halves of surrogate pairs) become U+FFFD.
func appendEscaped(dst []byte, text string) []byte {
	if plain(text) {
		return append(dst, text...)
	}
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case forbidden(r):
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// plain reports whether the text is printable ASCII without anything to escape, as most attributes are.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// forbidden follows CloudEvents 1.0, type system, String. Surrogates and invalid bytes come as U+FFFD already.
func forbidden(r rune) bool {
	return r < 0x20 || 0x7f <= r && r <= 0x9f || 0xfdd0 <= r && r <= 0xfdef || r&0xfffe == 0xfffe
}
