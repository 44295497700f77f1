package httpapi

import (
	"encoding/hex"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// Error is an error on its way to a client.
type Error struct {
	Code    string // of the table
	Detail  string // for the client: what was wrong this time
	Fields  []FieldError
	Context []Member
	Item    []byte // the problem, as JSON, of the one of many that this one is about

	RetryAfterSeconds int    // 0: the default, for kinds that are retryable
	Challenge         string // WWW-Authenticate
	Cause             error  // for the log only
}

// FieldError is one fault in the request and the place where it is: a JSON pointer into the body, or the name of a parameter
// or header.
type FieldError struct {
	Pointer   string
	Parameter string
	Code      string
	Detail    string
}

// The codes of a FieldError.
const (
	FieldRequired          = "required"
	FieldUnknown           = "unknown_field"
	FieldDuplicate         = "duplicate_field"
	FieldWrongType         = "wrong_type"
	FieldOutOfRange        = "out_of_range"
	FieldInvalidLength     = "invalid_length"
	FieldInvalidFormat     = "invalid_format"
	FieldInvalidValue      = "invalid_value"
	FieldInvalidSyntax     = "invalid_syntax"
	FieldInvalidEncoding   = "invalid_encoding"
	FieldTooDeep           = "too_deep"
	FieldUnknownParameter  = "unknown_parameter"
	FieldRepeatedParameter = "repeated_parameter"
	FieldUnknownCurrency   = "unknown_currency"
	FieldExceedsAvailable  = "exceeds_available"
	FieldExceedsLimit      = "exceeds_limit"
)

// Member is one entry of a problem's context: see Number and Text.
type Member struct {
	name   string
	number int64
	text   string
	isText bool
}

// Number is a context entry that holds a whole number.
func Number[T ~int64 | ~int](name string, value T) Member {
	return Member{name: name, number: int64(value)}
}

// Text is a context entry that holds a text.
func Text(name, value string) Member { return Member{name: name, text: value, isText: true} }

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Cause.Error()
	}
	return e.Code + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// typeBase is what the codes are appended to, to make a problem's type.
const typeBase = "https://passbook.dev/errors/"

// AppendProblem appends the error as problem+json and returns its status. It does not fail: text that is not UTF-8 is mended.
func AppendProblem(dst []byte, e *Error, instance, requestID string) (body []byte, status int) {
	kind := KindOf(e.Code)
	dst = append(dst, `{"type":"`...)
	dst = append(append(dst, typeBase...), kind.Code...)
	dst = append(append(dst, `","title":"`...), kind.Title...)
	dst = strconv.AppendInt(append(dst, `","status":`...), int64(kind.Status), 10)
	dst = append(append(dst, `,"code":"`...), kind.Code...)
	dst = AppendText(append(dst, `","detail":`...), e.Detail)
	dst = AppendText(append(dst, `,"instance":`...), instance)
	dst = AppendText(append(dst, `,"request_id":`...), requestID)
	dst = strconv.AppendBool(append(dst, `,"retryable":`...), kind.Retryable)
	dst = appendFields(dst, e.Fields)
	dst = appendContext(dst, e.Context)
	if len(e.Item) > 0 {
		dst = append(append(dst, `,"item":`...), e.Item...)
	}
	return append(dst, '}'), kind.Status
}

func appendFields(dst []byte, fields []FieldError) []byte {
	if len(fields) == 0 {
		return dst
	}
	dst = append(dst, `,"errors":[`...)
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		if f.Parameter != "" {
			dst = AppendText(append(dst, `{"parameter":`...), f.Parameter)
		} else {
			dst = AppendText(append(dst, `{"pointer":`...), f.Pointer)
		}
		dst = AppendText(append(dst, `,"code":`...), f.Code)
		dst = AppendText(append(dst, `,"detail":`...), f.Detail)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendContext(dst []byte, context []Member) []byte {
	if len(context) == 0 {
		return dst
	}
	dst = append(dst, `,"context":{`...)
	for i, m := range context {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendText(dst, m.name), ':')
		if m.isText {
			dst = AppendText(dst, m.text)
		} else {
			dst = strconv.AppendInt(dst, m.number, 10)
		}
	}
	return append(dst, '}')
}

// AppendText appends a JSON string. Text that is not UTF-8 is mended.
func AppendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // an error says that text was mended; the result is whole all the same
	return dst
}

// AppendID appends an id in its usual form. Nothing in it needs to be escaped in JSON.
func AppendID(dst []byte, id uuid.UUID) []byte {
	dst = append(hex.AppendEncode(dst, id[0:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:16])
}
