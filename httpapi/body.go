package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// BodyMax is the largest body of a request, in bytes.
const BodyMax = 64 << 10

// Suspect is implemented by bodies whose zero values may stand for something missing: when Suspect is true, the body is held to
// the document's schema although it could be decoded. Other bodies are always.
type Suspect interface{ Suspect() bool }

var strict = json.JoinOptions(json.RejectUnknownMembers(true), jsontext.AllowDuplicateNames(false))

// buffers are where bodies are read to; decoded values do not point into them.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// Bind reads the body of the request that the call is about: see Decode.
func (c *Call) Bind(r *http.Request, target any) error {
	if c.route.bodyOptional && r.ContentLength == 0 {
		return c.Decode(nil, target)
	}
	if err := checkMedia(r); err != nil {
		return err
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	body, err := c.route.readBody(r, (*buffer)[:0])
	*buffer = body[:0]
	if err != nil {
		return err
	}
	return c.Decode(body, target)
}

// Decode decodes the body of the call's operation strictly: exact names, each at most once, exact types, one JSON value and
// nothing behind it. Only a body that fails, or is suspect, is held to the schema of the document, to say what is wrong with it.
func (c *Call) Decode(body []byte, target any) error {
	if c.route.bodyOptional && len(body) == 0 {
		body = noBody
	}
	return decode(c.route.body, body, target)
}

// noBody is what a missing body is read as where one need not be sent.
var noBody = []byte("{}")

func decode(schema *openapi3.Schema, body []byte, target any) error {
	if err := json.Unmarshal(body, target, strict); err != nil {
		return explain(schema, body, err)
	}
	if suspect(target, body) {
		return doubt(schema, body)
	}
	return nil
}

// BindRaw reads the body whole and does not decode it. Its media type must be one of those given.
func (c *Call) BindRaw(r *http.Request, media ...string) (body []byte, which string, err error) {
	which, err = checkMediaOf(r, media)
	if err != nil {
		return nil, "", err
	}
	body, err = c.route.readBody(r, make([]byte, 0, min(max(r.ContentLength, 1024), int64(c.route.bodyMax()))+1))
	return body, which, err
}

// DecodeEntry is Decode for one entry of a body that is an array.
func (c *Call) DecodeEntry(entry []byte, target any) error {
	return decode(c.route.body.Items.Value, entry, target)
}

func (r *route) bodyMax() int {
	if r.limits.Body != 0 {
		return r.limits.Body
	}
	return BodyMax
}

const mediaJSON = "application/json"

// checkMedia lets JSON pass. An encoded body is refused: how large it becomes is not known before it has become so.
func checkMedia(r *http.Request) error {
	if given := r.Header["Content-Type"]; len(given) == 1 && given[0] == mediaJSON && len(r.Header["Content-Encoding"]) == 0 {
		return nil
	}
	_, err := checkMediaOf(r, []string{mediaJSON})
	return err
}

func checkMediaOf(r *http.Request, media []string) (which string, err error) {
	if given := r.Header["Content-Type"]; len(given) == 1 {
		which = mediaType(given[0])
	}
	if !slices.Contains(media, which) {
		return "", &Error{Code: UnsupportedMediaType, Detail: "The body must be " + strings.Join(media, " or ") + "."}
	}
	if len(r.Header["Content-Encoding"]) > 0 {
		return "", &Error{Code: UnsupportedMediaType, Detail: "The body must be sent as it is: no Content-Encoding is taken."}
	}
	return which, nil
}

// mediaType is a content type without parameters; "" when it cannot be read or is not of UTF-8.
func mediaType(contentType string) string {
	media, params, err := mime.ParseMediaType(contentType)
	if charset, given := params["charset"]; err != nil || given && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return media
}

func (rt *route) readBody(r *http.Request, dst []byte) ([]byte, error) {
	limit := rt.bodyMax()
	if r.ContentLength > int64(limit) {
		return dst, TooLarge(limit)
	}
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Body.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst, TooLarge(limit)
		case errors.Is(err, io.EOF):
			return dst, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return dst, tooSlow(rt.readTime(), err)
		case err != nil:
			return dst, &Error{Code: MalformedRequest, Detail: "The body could not be read to its end.", Cause: err}
		}
	}
}

// suspect is about what a successful decoding leaves open: null, and values that are missing.
func suspect(target any, body []byte) bool {
	s, ok := target.(Suspect)
	return !ok || s.Suspect() || bytes.Contains(body, []byte("null"))
}

// explain says why a body could not be decoded into the type of its operation.
func explain(schema *openapi3.Schema, body []byte, cause error) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return refusal([]FieldError{{Code: FieldRequired, Detail: "a body is required"}}, cause)
	}
	if err := tooDeep(body); err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return refusal([]FieldError{undecodable(body, err)}, cause)
	}
	faults := check(schema, value)
	if len(faults) == 0 {
		faults = []FieldError{undecodable(body, cause)}
	}
	return refusal(faults, cause)
}

// doubt holds a decoded body to the schema. Amounts out of range are left to the operation: whether its account exists and is
// open comes first.
func doubt(schema *openapi3.Schema, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return refusal([]FieldError{undecodable(body, err)}, err)
	}
	var faults []FieldError
	for _, fault := range check(schema, value) {
		if fault.Code != FieldOutOfRange {
			faults = append(faults, fault)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return refusal(faults, nil)
}

// undecodable tells in our words what the decoder stumbled over.
func undecodable(body []byte, err error) FieldError {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return FieldError{Pointer: clip(string(syntactic.JSONPointer)), Code: FieldDuplicate, Detail: "stands twice"}
	case !utf8.Valid(body):
		return FieldError{Code: FieldInvalidEncoding, Detail: "the body is not valid UTF-8"}
	case errors.As(err, &syntactic):
		return FieldError{Code: FieldInvalidSyntax, Detail: fmt.Sprintf("not valid JSON at byte %d", syntactic.ByteOffset)}
	case errors.As(err, &semantic) && errors.Is(err, strconv.ErrRange):
		return FieldError{Pointer: clip(string(semantic.JSONPointer)), Code: FieldOutOfRange, Detail: "is too large or too small"}
	case errors.As(err, &semantic) && semantic.JSONKind == '0':
		return FieldError{Pointer: clip(string(semantic.JSONPointer)), Code: FieldWrongType, Detail: "must be a whole number written in digits alone"}
	case errors.As(err, &semantic):
		return FieldError{Pointer: clip(string(semantic.JSONPointer)), Code: FieldInvalidFormat, Detail: "does not have the form it must have"}
	}
	return FieldError{Code: FieldInvalidSyntax, Detail: "not valid JSON"}
}

// refusal chooses the code of the whole: a body of the wrong shape is malformed; one of the right shape has a wrong value; and
// if nothing is wrong but numbers out of range, which in our bodies are amounts, it is that.
func refusal(faults []FieldError, cause error) error {
	code := AmountOutOfRange
	for _, fault := range faults {
		switch fault.Code {
		case FieldOutOfRange:
		case FieldInvalidLength, FieldInvalidFormat, FieldInvalidValue:
			if code == AmountOutOfRange {
				code = InvalidParameter
			}
		default:
			code = MalformedRequest
		}
	}
	return &Error{Code: code, Detail: summary(code, faults), Fields: faults, Cause: cause}
}

func summary(code string, faults []FieldError) string {
	first := faults[0]
	where := first.Pointer + first.Parameter
	if where == "" {
		where = "the body"
	}
	switch {
	case first.Pointer+first.Parameter == "":
		return "The request cannot be read: " + first.Detail + "."
	case code == MalformedRequest:
		return "The body does not have the form it must have: " + where + " " + first.Detail + "."
	}
	return where + " " + first.Detail + "."
}
