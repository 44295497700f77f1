package httpapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// check holds a decoded JSON value to a schema and lists what is wrong, in a stable order.
func check(schema *openapi3.Schema, value any) []FieldError {
	err := schema.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.MultiErrors(),
		openapi3.EnableFormatValidation(), openapi3.WithStringFormatValidators(formats))
	faults := flatten(nil, err)
	slices.SortFunc(faults, func(a, b FieldError) int {
		return strings.Compare(a.Pointer+" "+a.Code, b.Pointer+" "+b.Code)
	})
	return slices.Compact(faults)
}

// flatten turns the validator's errors into ours, without using a word of theirs.
func flatten(faults []FieldError, err error) []FieldError {
	var many openapi3.MultiError
	var one *openapi3.SchemaError
	switch {
	case err == nil:
		return faults
	case errors.As(err, &many):
		for _, e := range many {
			faults = flatten(faults, e)
		}
		return faults
	case errors.As(err, &one):
		return append(faults, translate(one)...)
	}
	return append(faults, FieldError{Code: FieldInvalidValue, Detail: "does not have the form it must have"})
}

func translate(e *openapi3.SchemaError) []FieldError {
	pointer := pointerOf(e.JSONPointer())
	fault := func(code, detail string) []FieldError {
		return []FieldError{{Pointer: pointer, Code: code, Detail: detail}}
	}
	if e.Value == nil { // whatever else null is not
		return fault(FieldWrongType, "must be "+typeName(e.Schema))
	}
	switch e.SchemaField {
	case "type", "nullable":
		return fault(FieldWrongType, "must be "+typeName(e.Schema))
	case "required":
		return fault(FieldRequired, "is required")
	case "properties":
		return unknownMembers(pointer, e)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return fault(FieldOutOfRange, rangeText(e.Schema))
	case "minLength", "maxLength":
		return fault(FieldInvalidLength, lengthText(e.Schema))
	case "minItems", "maxItems", "minProperties", "maxProperties":
		return fault(FieldInvalidLength, "has too few or too many entries")
	case "enum":
		return fault(FieldInvalidValue, "must be one of "+enumText(e.Schema))
	case "pattern":
		return fault(FieldInvalidFormat, "does not have the form it must have")
	case "format":
		if e.Schema.Type.Is(openapi3.TypeInteger) {
			return fault(FieldOutOfRange, rangeText(e.Schema))
		}
		return fault(FieldInvalidFormat, formatText(e.Schema.Format))
	}
	return fault(FieldInvalidValue, "does not have the form it must have")
}

// unknownMembers names all members of the object that its schema does not have: the validator's error is about one of them.
func unknownMembers(pointer string, e *openapi3.SchemaError) []FieldError {
	object, _ := e.Value.(map[string]any)
	var faults []FieldError
	for name := range object {
		if _, ok := e.Schema.Properties[name]; !ok {
			faults = append(faults, FieldError{Pointer: pointer + pointerOf([]string{name}), Code: FieldUnknown, Detail: "is not a field of this request"})
		}
	}
	return faults
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// pointerOf writes a JSON pointer. Long names, which only unknown ones can be, are cut.
func pointerOf(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteByte('/')
		b.WriteString(escaper.Replace(clip(name)))
	}
	return b.String()
}

const clipMax = 60 // characters of a client's own text that are told back

func clip(text string) string {
	if runes := []rune(text); len(runes) > clipMax {
		return string(runes[:clipMax]) + "…"
	}
	return text
}

func typeName(s *openapi3.Schema) string {
	switch {
	case s.Type.Is(openapi3.TypeInteger):
		return "a whole number"
	case s.Type.Is(openapi3.TypeString):
		return "a text"
	case s.Type.Is(openapi3.TypeObject):
		return "an object"
	}
	return "of another type"
}

func rangeText(s *openapi3.Schema) string {
	switch {
	case s.Min != nil && s.Max != nil:
		return fmt.Sprintf("must be between %.0f and %.0f", *s.Min, *s.Max)
	case s.Min != nil:
		return fmt.Sprintf("must be at least %.0f", *s.Min)
	}
	return "is too large or too small"
}

func lengthText(s *openapi3.Schema) string {
	if s.MaxLength != nil {
		return fmt.Sprintf("must have %d to %d characters", s.MinLength, *s.MaxLength)
	}
	return fmt.Sprintf("must have at least %d characters", s.MinLength)
}

func enumText(s *openapi3.Schema) string {
	var values []string
	for _, v := range s.Enum {
		values = append(values, fmt.Sprint(v))
	}
	return strings.Join(values, ", ")
}

// formats are the formats of text that our documents use.
var formats = map[string]openapi3.StringFormatValidator{
	"uuid":      openapi3.NewCallbackValidator(func(s string) error { _, err := ParseID(s); return err }),
	"date-time": openapi3.NewCallbackValidator(func(s string) error { _, err := time.Parse(time.RFC3339, s); return err }),
	"day":       openapi3.NewCallbackValidator(func(s string) error { _, err := ParseDay(s); return err }),
}

func formatText(format string) string {
	switch format {
	case "uuid":
		return "must be a UUID"
	case "date-time":
		return "must be a time as in RFC 3339, such as 2026-11-21T09:30:00Z"
	case "day":
		return "must be a date, such as 2026-11-21, or a time as in RFC 3339"
	}
	return "does not have the form it must have"
}

var errNotID = errors.New("not a UUID in its usual form")

// ParseID reads a UUID in its usual form of 36 characters and no other, so that each thing has one address.
func ParseID(text string) (uuid.UUID, error) {
	if len(text) != 36 {
		return uuid.Nil, errNotID
	}
	id, err := uuid.Parse(text)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, errNotID
	}
	return id, nil
}

// ParseDay reads a date or a time, which may lie within a day.
func ParseDay(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("neither a date nor a time: %w", err)
	}
	return t.UTC(), nil
}
