package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Header names, as net/http keeps them.
const (
	headerRequestID   = "X-Request-Id"
	headerTraceparent = "Traceparent"
	headerKey         = "Idempotency-Key"
	headerIfMatch     = "If-Match"
	headerIfNoneMatch = "If-None-Match"
	headerMinPosition = "Passbook-Min-Position"
	headerPrefer      = "Prefer"
	headerLastEventID = "Last-Event-Id"
	headerUserAgent   = "User-Agent"
)

const (
	requestIDMax = 128
	keyMax       = 255
	clientMax    = 128
	userAgentMax = 200
	waitDefault  = 2 * time.Second
	// WaitMax is the longest that a read waits for its position.
	WaitMax = 30 * time.Second
)

// visible reports whether text has 1 to longest characters, all visible ASCII.
func visible(text string, longest int) bool {
	if text == "" || len(text) > longest {
		return false
	}
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return true
}

// requestID takes the client's id when it is fit to be logged and sent back, and makes one when not. It is the value of a
// header, which always has one element.
func requestID(h http.Header) []string {
	if given := h[headerRequestID]; len(given) == 1 && visible(given[0], requestIDMax) {
		return given
	}
	id, err := uuid.NewV7()
	if err != nil { // the system has no randomness left to give; an id is not worth a refusal
		return []string{"none"}
	}
	return []string{id.String()}
}

const traceparentLength = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// traceparent returns a well-formed W3C trace context of version 00 as it was sent, and "" for anything else: as the
// standard has it, a malformed one is as none.
func traceparent(h http.Header) string {
	given := h[headerTraceparent]
	if len(given) != 1 || len(given[0]) != traceparentLength {
		return ""
	}
	text := given[0]
	version, trace, span, flags := text[0:3], text[3:35], text[36:52], text[53:55]
	if version != "00-" || text[35] != '-' || text[52] != '-' || !lowerHex(trace) || !lowerHex(span) || !lowerHex(flags) {
		return ""
	}
	if strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return ""
	}
	return text
}

func lowerHex(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }

// IdempotencyKey returns the key of a write.
func (c *Call) IdempotencyKey() (string, error) {
	given := c.Header[headerKey]
	fault := FieldError{Parameter: headerKey, Code: FieldRequired, Detail: "is required"}
	switch {
	case len(given) > 1:
		fault.Code, fault.Detail = FieldRepeatedParameter, "stands more than once"
	case len(given) == 1 && visible(given[0], keyMax):
		return given[0], nil
	case len(given) == 1 && given[0] != "":
		fault.Code, fault.Detail = FieldInvalidFormat, "must be 1 to 255 visible ASCII characters"
	}
	return "", &Error{
		Code: IdempotencyKeyRequired, Fields: []FieldError{fault},
		Detail: "Every write carries an Idempotency-Key of 1 to 255 visible ASCII characters.",
	}
}

// IfMatch returns the version that the caller expects, or none.
func (c *Call) IfMatch(none int64) (int64, error) {
	given := c.Header[headerIfMatch]
	if len(given) == 0 {
		return none, nil
	}
	text, quoted := strings.CutPrefix(given[0], `"`)
	text, closed := strings.CutSuffix(text, `"`)
	version, ok := parsePosition(text)
	if len(given) > 1 || !quoted || !closed || !ok {
		return 0, badHeader(headerIfMatch, `must be one strong entity tag that holds a version, such as "17"`)
	}
	return version, nil
}

// HasVersion reports whether the caller has the version already: If-None-Match lists its entity tag, weak or strong, or is
// "*" (RFC 9110, 13.1.2). A list that cannot be read counts up to where it cannot.
func (c *Call) HasVersion(version int64) bool {
	for _, line := range c.Header[headerIfNoneMatch] {
		if strings.TrimSpace(line) == "*" || listsTag(line, version) {
			return true
		}
	}
	return false
}

func listsTag(list string, version int64) bool {
	for {
		list = strings.TrimLeft(list, " \t,")
		list = strings.TrimPrefix(list, "W/")
		rest, quoted := strings.CutPrefix(list, `"`)
		tag, rest, closed := strings.Cut(rest, `"`)
		if !quoted || !closed {
			return false
		}
		if n, ok := parsePosition(tag); ok && n == version {
			return true
		}
		list = rest
	}
}

// MinPosition returns the position that a read must include; 0 when none was given.
func (c *Call) MinPosition() (int64, error) {
	given := c.Header[headerMinPosition]
	if len(given) == 0 {
		return 0, nil
	}
	position, ok := parsePosition(given[0])
	if len(given) > 1 || !ok {
		return 0, badHeader(headerMinPosition, "must be the Passbook-Position of an earlier answer")
	}
	return position, nil
}

// LastEventID returns the position of the last event that the client of a stream has; ok is false when it sent none.
func (c *Call) LastEventID() (position int64, ok bool, err error) {
	given := c.Header[headerLastEventID]
	if len(given) == 0 || len(given) == 1 && given[0] == "" {
		return 0, false, nil
	}
	position, ok = parsePosition(given[0])
	if len(given) > 1 || !ok {
		return 0, false, badHeader("Last-Event-ID", "must be the id of an event of the stream")
	}
	return position, true, nil
}

// parsePosition reads a whole number from 0, in digits alone and without leading zeros.
func parsePosition(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func badHeader(name, detail string) error {
	return &Error{
		Code: InvalidParameter, Detail: name + " " + detail + ".",
		Fields: []FieldError{{Parameter: name, Code: FieldInvalidFormat, Detail: detail}},
	}
}

// Wait is how long the caller wants to wait for its position (RFC 7240: what cannot be read is ignored).
func (c *Call) Wait() time.Duration {
	for _, line := range c.Header[headerPrefer] {
		for _, preference := range strings.Split(line, ",") {
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			if seconds, ok := parsePosition(strings.Trim(strings.TrimSpace(value), `"`)); ok {
				return min(time.Duration(min(seconds, 1000))*time.Second, WaitMax)
			}
		}
	}
	return waitDefault
}

// Client names the program that the token was issued to (azp, client_id or cid); "" when the token does not say.
func (c *Call) Client() string { return printable(c.Identity.Client, clientMax) }

// UserAgent is what the calling program calls itself. Nobody vouches for it.
func (c *Call) UserAgent() string {
	if given := c.Header[headerUserAgent]; len(given) > 0 {
		return printable(given[0], userAgentMax)
	}
	return ""
}

// printable keeps what can be stored and logged: printable ASCII, in bounded length.
func printable(text string, longest int) string {
	text = text[:min(len(text), longest)]
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return -1
				}
				return r
			}, text)
		}
	}
	return text
}
