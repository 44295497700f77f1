package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkQuery holds the query string to the document: a parameter that the operation does not know, or that it would read
// in another way than it was meant, must not be passed over in silence.
func (c *Call) checkQuery(req *http.Request) error {
	if req.URL.RawQuery == "" {
		return nil
	}
	r := c.route
	given, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return &Error{Code: InvalidParameter, Detail: "The query string cannot be read.", Cause: err}
	}
	var faults []FieldError
	for name, values := range given {
		faults = append(faults, r.checkParameter(name, values)...)
	}
	if len(faults) == 0 {
		c.query = given
		c.DryRun = given.Get("dry_run") == "true"
		return nil
	}
	slices.SortFunc(faults, func(a, b FieldError) int { return strings.Compare(a.Parameter, b.Parameter) })
	return &Error{Code: InvalidParameter, Detail: summary(InvalidParameter, faults), Fields: faults}
}

func (r *route) checkParameter(name string, values []string) []FieldError {
	fault := func(code, detail string) []FieldError {
		return []FieldError{{Parameter: clip(name), Code: code, Detail: detail}}
	}
	schema, known := r.query[name]
	switch {
	case !known:
		return fault(FieldUnknownParameter, "is not a parameter of this request")
	case slices.ContainsFunc(values, unprintable):
		return fault(FieldInvalidEncoding, "must be valid UTF-8 without NUL")
	case schema.Type.Is(openapi3.TypeArray):
		return named(name, check(schema, list(values)))
	case len(values) > 1:
		return fault(FieldRepeatedParameter, "stands more than once")
	case schema.Type.Is(openapi3.TypeInteger):
		number, err := strconv.ParseInt(values[0], 10, 32)
		if err != nil {
			return fault(FieldWrongType, "must be a whole number")
		}
		return named(name, check(schema, float64(number)))
	case schema.Type.Is(openapi3.TypeBoolean):
		if values[0] != "true" && values[0] != "false" {
			return fault(FieldWrongType, "must be true or false")
		}
		return nil
	}
	return named(name, check(schema, values[0]))
}

// unprintable finds what Postgres cannot hold in a text.
func unprintable(text string) bool { return !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 }

func list(values []string) []any {
	items := make([]any, len(values))
	for i, value := range values {
		items[i] = value
	}
	return items
}

func named(name string, faults []FieldError) []FieldError {
	for i := range faults {
		faults[i].Parameter, faults[i].Pointer = name, ""
	}
	return faults
}
