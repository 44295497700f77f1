package apifuzz

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

// A drawn value is one of these: what JSON has, written as it is drawn.
type (
	raw    string // as it stands
	text   string
	array  []any
	object []member
	member struct {
		name  string
		value any
	}
)

// encode writes the value; a name may stand twice, and text need not be valid.
func encode(value any) []byte {
	switch v := value.(type) {
	case raw:
		return []byte(v)
	case text:
		return quote(string(v))
	case array:
		out := []byte("[")
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, encode(item)...)
		}
		return append(out, ']')
	case object:
		out := []byte("{")
		for i, m := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, quote(m.name)...), ':'), encode(m.value)...)
		}
		return append(out, '}')
	}
	panic("no such value")
}

// quote escapes what JSON asks for and leaves invalid UTF-8 as it is.
func quote(s string) []byte {
	if utf8.ValidString(s) {
		out, err := json.Marshal(s)
		if err != nil {
			panic(err) // a valid string
		}
		return out
	}
	return []byte(`"` + strings.ReplaceAll(s, `"`, ``) + `"`)
}

const deepest = 4

// value draws one that the schema allows, or one with a fault where the mood has some left.
func (d *drawer) value(name string, s *openapi3.Schema, depth int) any {
	if d.wrong("value of "+name, 6) {
		return d.bad(s)
	}
	switch {
	case len(s.OneOf) > 0:
		return d.value(name, pick(d, s.OneOf).Value, depth)
	case len(s.AllOf) > 0:
		return d.value(name, s.AllOf[0].Value, depth)
	case len(s.Enum) > 0:
		return d.enum(s)
	case s.Type.Is(openapi3.TypeObject):
		return d.object(name, s, depth)
	case s.Type.Is(openapi3.TypeArray):
		return d.array(name, s, depth)
	case s.Type.Is(openapi3.TypeInteger), s.Type.Is(openapi3.TypeNumber):
		return d.number(s)
	case s.Type.Is(openapi3.TypeBoolean):
		return raw(strconv.FormatBool(d.chance(50)))
	}
	return d.text(name, s)
}

func (d *drawer) enum(s *openapi3.Schema) any {
	switch v := pick(d, s.Enum).(type) {
	case string:
		return text(v)
	default:
		out, err := json.Marshal(v)
		if err != nil {
			panic(err) // it was read from the document
		}
		return raw(out)
	}
}

func (d *drawer) object(name string, s *openapi3.Schema, depth int) any {
	var o object
	for _, property := range slices.Sorted(maps.Keys(s.Properties)) {
		required := slices.Contains(s.Required, property)
		if !required && (depth > deepest || !d.chance(40)) || required && d.wrong("without "+property, 5) {
			continue
		}
		o = append(o, member{property, d.value(property, s.Properties[property].Value, depth+1)})
	}
	if open := s.AdditionalProperties.Schema; open != nil && depth <= deepest {
		for range d.upTo(3) {
			key := text("k" + strconv.Itoa(len(o)))
			if d.wrong("name in "+name, 20) {
				key = d.text("", openapi3.NewStringSchema().WithMaxLength(60)).(text)
			}
			o = append(o, member{string(key), d.value("", open.Value, depth+1)})
		}
	}
	if len(o) == 0 && s.MinProps > 0 && len(s.Properties) > 0 {
		property := pick(d, slices.Sorted(maps.Keys(s.Properties)))
		o = append(o, member{property, d.value(property, s.Properties[property].Value, depth+1)})
	}
	if d.wrong("unknown field in "+name, 5) {
		o = append(o, member{pick(d, []string{"x", "Amount", "amount ", "__proto__", "\x00", ""}), raw("1")})
	}
	if len(o) > 0 && d.wrong("field twice in "+name, 4) {
		o = append(o, pick(d, o))
		d.r.garbled = true
	}
	return o
}

func (d *drawer) array(name string, s *openapi3.Schema, depth int) any {
	a := array{}
	for range int(s.MinItems) + d.upTo(3) { //nolint:gosec // small
		if item, drawn := d.item(s); drawn {
			a = append(a, item)
			continue
		}
		a = append(a, d.value(name, s.Items.Value, depth+1))
	}
	return a
}

// number draws from within the bounds, small ones and the bounds themselves above all.
func (d *drawer) number(s *openapi3.Schema) any {
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	if s.Min != nil {
		least = int64(*s.Min)
	}
	if s.Max != nil {
		most = int64(*s.Max)
	}
	n := rapid.Int64Range(max(least, 1), min(most, 5_000)).Draw(d.t, "small")
	switch d.upTo(20) {
	case 0:
		n = least
	case 1:
		n = most
	case 2:
		n = rapid.Int64Range(least, most).Draw(d.t, "any")
	}
	return raw(strconv.FormatInt(n, 10))
}

// text draws one of the kind that the name or the format tells.
func (d *drawer) text(name string, s *openapi3.Schema) any {
	switch s.Format {
	case "uuid":
		return text(d.known.id(d, name))
	case "date-time":
		return text(d.moment().Format(time.RFC3339Nano))
	case "day", "date":
		return text(d.moment().Format(time.DateOnly))
	}
	if known := d.known.named(d, name); known != "" {
		return text(known)
	}
	switch {
	case name == "currency":
		return text(pick(d, []string{"EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "CZK", "JPY", "KWD", "XXX"}))
	case name == "If-Match":
		return text(`"` + strconv.Itoa(d.upTo(9)) + `"`)
	case strings.HasPrefix(s.Pattern, "^(0|"), strings.HasPrefix(s.Pattern, "^[0-9]"):
		return text(strconv.Itoa(d.upTo(1_000)))
	case s.Pattern == "^[!-~]+$":
		return text(rapid.StringMatching(`[!-~]{1,40}`).Draw(d.t, "visible"))
	}
	return text(d.words(int(s.MinLength), s.MaxLength)) //nolint:gosec // small
}

func (d *drawer) words(least int, most *uint64) string {
	longest := 60
	if most != nil {
		longest = int(*most) //nolint:gosec // a length of the document
	}
	switch d.upTo(12) {
	case 0:
		return strings.Repeat("ž", longest) // as many characters as may be, and more bytes
	case 1:
		return strings.Repeat("a", least)
	case 2:
		return clip("'; DROP TABLE eventstore.events; --", longest)
	case 3:
		return clip("𝔓𝔞𝔰𝔰 \u202e \u0301 ﷺ\u200d", longest)
	}
	return clip(rapid.StringMatching(`[a-zA-Z0-9 .,]{1,20}`).Draw(d.t, "word"), longest)
}

func clip(s string, longest int) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), longest)])
}

// moment draws one near now, or far away.
func (d *drawer) moment() time.Time {
	day := 24 * time.Hour
	near := d.known.now.Add(time.Duration(rapid.Int64Range(-int64(40*day), int64(40*day)).Draw(d.t, "near")))
	switch d.upTo(15) {
	case 0:
		return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	case 1:
		return time.Date(2199, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	case 2:
		return time.Date(rapid.IntRange(0, 9999).Draw(d.t, "year"), 2, 28, 23, 59, 59, 0, time.FixedZone("", 14*3600))
	}
	return near
}

// nasty are values of no schema of ours, or of few.
var nasty = []any{
	raw("null"), raw("true"), raw("-1"), raw("0"), raw("1.0"), raw("1e2"), raw("-0"), raw("1e400"), raw("00"), raw("NaN"), raw("0.1"), raw("+1"),
	raw("9007199254740992"), raw("-9007199254740992"), raw("9223372036854775807"), raw("9223372036854775808"), raw("-9223372036854775809"),
	raw(strings.Repeat("9", 400)), raw("0." + strings.Repeat("0", 400) + "1"), raw(`"\u0000"`), raw(`"\ud800"`), raw(`"\x"`), raw(""), raw("{}"), raw("[]"), raw(`[null]`),
	raw(`{"a":{"b":[{}]}}`), text(""), text("\x00"), text("a\x00b"), text("\xff\xfe"), text("\x1b[2J\r\n"), text("null"), text("1"), text(strings.Repeat("x", 5_000)),
	text(strings.Repeat("😀", 300)), text("0001-01-01T00:00:00Z"), text("9999-12-31T23:59:59.999999999Z"), text("2026-02-30T00:00:00Z"), text("2026-11-21T09:30:00"),
	text("2026-11-21T24:00:00Z"), text("2026-11-21t09:30:00z"), text("00000000-0000-0000-0000-000000000000"), text("{01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10}"),
	text("urn:uuid:01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10"), text("01980A52-6D2F-7C31-9F5E-2B8D5F4F6A10"), text("eur"), text("EURO"), text("$(id)"), text("../../etc/passwd"),
}

// bad is a value that is probably wrong here.
func (d *drawer) bad(s *openapi3.Schema) any {
	if d.chance(40) {
		switch {
		case s.Max != nil && *s.Max < math.MaxInt64:
			return raw(strconv.FormatInt(int64(*s.Max)+1, 10))
		case s.Min != nil:
			return raw(strconv.FormatInt(int64(*s.Min)-1, 10))
		case s.MaxLength != nil:
			return text(strings.Repeat("y", int(*s.MaxLength)+1)) //nolint:gosec // a length of the document
		}
	}
	return pick(d, nasty)
}
