package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// The names of the limits, as they stand in the context of problems, in metrics and in docs/operations.md.
const (
	limitSubject     = "rate_per_subject"
	limitAccount     = "rate_per_account"
	limitAddress     = "rate_per_address"
	limitConnections = "connections"
	limitHeaders     = "header_bytes"
	limitURL         = "url_bytes"
	limitBody        = "body_bytes"
	limitDepth       = "json_depth"
	limitHeadTime    = "head_time"
	limitReadTime    = "read_time"
	limitTime        = "request_time"
)

const (
	urlMax   = 8 << 10 // bytes of path and query string
	depthMax = 16      // of arrays and objects in each other; the deepest body of the documents has 4
)

// checkURL refuses what is longer than any address of ours, and what no text in Postgres can be equal to.
func checkURL(r *http.Request) error {
	if len(r.RequestURI) <= urlMax {
		if unprintable(r.URL.Path) {
			return &Error{Code: NotFound, Detail: "There is nothing at this path."}
		}
		return nil
	}
	return &Error{
		Code: URLTooLong, Detail: fmt.Sprintf("Path and query string have more than %d bytes.", urlMax),
		Context: []Member{Text("limit", limitURL), Number("limit_bytes", urlMax)},
	}
}

// answerUnread answers a request that is not looked at any further. Its path and its body are not read, so the connection ends with it.
func (s *Server) answerUnread(w http.ResponseWriter, r *http.Request, err error) {
	w.Header()["Connection"] = closing
	c := s.echo.NewContext(r, w)
	r.URL.Path = clip(r.URL.Path)
	s.answerUnmatched(err, c)
}

// tooDeep finds JSON that is nested deeper than any body may be. It is asked about bodies that are refused anyway, to say why, and
// before they are looked at by what follows each level by a call of its own.
func tooDeep(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		if _, err := d.ReadToken(); err != nil {
			return nil //nolint:nilerr // faults of syntax are told by others
		}
		if d.StackDepth() > depthMax {
			return &Error{
				Code: MalformedRequest, Detail: fmt.Sprintf("The body is nested deeper than %d levels.", depthMax),
				Fields:  []FieldError{{Code: FieldTooDeep, Detail: fmt.Sprintf("is nested deeper than %d levels", depthMax)}},
				Context: []Member{Text("limit", limitDepth), Number("limit_levels", depthMax)},
			}
		}
	}
}

// TooLarge is the answer to a body of more bytes than the limit.
func TooLarge(limit int) *Error {
	return &Error{
		Code: PayloadTooLarge, Detail: fmt.Sprintf("The body has more than %d bytes.", limit),
		Context: []Member{Text("limit", limitBody), Number("limit_bytes", limit)},
	}
}

// tooSlow is about a body that has not come within the time that the connection has for it.
func tooSlow(limit time.Duration, cause error) error {
	return &Error{
		Code: RequestTimeout, Detail: "The body did not come within " + limit.String() + ". Nothing was done.", Cause: cause,
		Context: []Member{Text("limit", limitReadTime), Number("limit_seconds", seconds(limit))},
	}
}

// readTime is how long head and body of a request to the route may take.
func (r *route) readTime() time.Duration {
	if r.limits.Timeout != 0 {
		return r.limits.Timeout
	}
	return r.server.cfg.ReadTimeout
}

// endAfter closes the connection behind the answer to a chunked request. A request that has a Content-Length beside its chunks is read
// by its chunks, as the standard has it; whoever stands in front of us and went by the length must not have what is left over read here
// as the next request of somebody else.
func endAfter(c echo.Context) {
	if r := c.Request(); len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
		c.Response().Header()["Connection"] = closing
	}
}
