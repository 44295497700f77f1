package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
)

const depositBody = `{"amount":1,"currency":"EUR"}`

// TestRequestsThatCanBeReadInTwoWays is about what a proxy in front and the server behind might take for different requests. None of
// them may leave something behind that is read as a request of its own.
func TestRequestsThatCanBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	f := openFront(t, nil)
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: bank\r\n\r\n"
	length := fmt.Sprint("Content-Length: ", len(depositBody))
	for name, c := range map[string]struct {
		request string
		status  int
		code    string
	}{
		"length and chunks":           {f.head("Content-Length: 4", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 400, "malformed_request"},
		"length and chunks of a body": {f.head(length, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(depositBody), depositBody) + smuggled, 503, "overloaded"},
		"two lengths":                 {f.head(length, "Content-Length: 4") + depositBody + smuggled, 400, "malformed_request"},
		"two lengths in one":          {f.head(length+", 4") + depositBody + smuggled, 400, "malformed_request"},
		"a length with a sign":        {f.head("Content-Length: +29") + depositBody + smuggled, 400, "malformed_request"},
		"a negative length":           {f.head("Content-Length: -1") + depositBody + smuggled, 400, "malformed_request"},
		"a hexadecimal length":        {f.head("Content-Length: 0x1d") + depositBody + smuggled, 400, "malformed_request"},
		"a length beyond all numbers": {f.head("Content-Length: 99999999999999999999") + depositBody + smuggled, 400, "malformed_request"},
		"an empty length":             {f.head("Content-Length: ") + depositBody + smuggled, 400, "malformed_request"},
		"a folded length":             {f.head("Content-Length: 2\r\n 9") + depositBody + smuggled, 400, "malformed_request"},
		"space before the colon":      {f.head("Content-Length : 29") + depositBody + smuggled, 400, "malformed_request"},
		"tab before the colon":        {f.head("Transfer-Encoding\t: chunked") + "0\r\n\r\n" + smuggled, 400, "malformed_request"},
		"another coding":              {f.head("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n" + smuggled, 400, "malformed_request"},
		"chunked twice":               {f.head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 400, "malformed_request"},
		"nearly chunked":              {f.head("Transfer-Encoding: xchunked") + "0\r\n\r\n" + smuggled, 400, "malformed_request"},
		"vertical tab":                {f.head("Transfer-Encoding: \vchunked") + "0\r\n\r\n" + smuggled, 400, "malformed_request"},
		"a chunk of no size":          {f.head("Transfer-Encoding: chunked") + "zz\r\n\r\n" + smuggled, 400, "malformed_request"},
		"a chunk larger than all":     {f.head("Transfer-Encoding: chunked") + "fffffffffffffffff\r\n" + smuggled, 400, "malformed_request"},
		"a chunk without its end":     {f.head("Transfer-Encoding: chunked") + "2\r\n{}XX0\r\n\r\n" + smuggled, 400, "malformed_request"},
		"two hosts":                   {f.head("Host: other", length) + depositBody + smuggled, 400, "malformed_request"},
		"no host":                     {"GET /openapi.json HTTP/1.1\r\n\r\n" + smuggled, 400, "malformed_request"},
		"a header without a name":     {f.head(": x", length) + depositBody + smuggled, 400, "malformed_request"},
		"NUL in a header":             {f.head("X-Nul: a\x00b", length) + depositBody + smuggled, 400, "malformed_request"},
		"a bare CR in a header":       {f.head("X-Cr: a\rX-Other: b", length) + depositBody + smuggled, 400, "malformed_request"},
		"space before the first":      {"GET /openapi.json HTTP/1.1\r\n Host: bank\r\n\r\n" + smuggled, 400, "malformed_request"},
		"two spaces in the line":      {"GET  /openapi.json HTTP/1.1\r\nHost: bank\r\n\r\n" + smuggled, 400, "malformed_request"},
		"a method with a space":       {"GE T /openapi.json HTTP/1.1\r\nHost: bank\r\n\r\n" + smuggled, 400, "malformed_request"},
		"NUL in the line":             {"GET /\x00 HTTP/1.1\r\nHost: bank\r\n\r\n" + smuggled, 400, "malformed_request"},
		"no version":                  {"GET /openapi.json\r\nHost: bank\r\n\r\n" + smuggled, 400, "malformed_request"},
		"a version to come":           {"GET /openapi.json HTTP/3.7\r\nHost: bank\r\n\r\n" + smuggled, 400, "malformed_request"},
		"not HTTP":                    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + smuggled, 400, "malformed_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := f.dial(t)
			go func() { _, _ = io.WriteString(conn, c.request) }()
			r := bufio.NewReader(conn)
			answer := read(t, r)
			if answer.status != c.status || answer.problem.Code != c.code || !answer.closes {
				t.Errorf("%d %s (%s), closes %v", answer.status, answer.problem.Code, answer.problem.Detail, answer.closes)
			}
			ends(t, r)
		})
	}
}

// What is folded, and equal lengths, can be read in one way only.
func TestWhatIsUnusualButClear(t *testing.T) {
	t.Parallel()
	f := openFront(t, nil)
	length := fmt.Sprint("Content-Length: ", len(depositBody))
	for name, request := range map[string]string{
		"equal lengths":   f.head(length, length) + depositBody,
		"a folded header": f.head("X-Folded: a\r\n b", length) + depositBody,
		"chunks":          f.head("Transfer-Encoding: chunked") + fmt.Sprintf("%x;x=y\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", len(depositBody), depositBody),
	} {
		conn := f.dial(t)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		answer := read(t, bufio.NewReader(conn))
		if answer.want(t, 503, "overloaded", ""); answer.closes != (name == "chunks") {
			t.Errorf("%s: closes %v", name, answer.closes)
		}
	}
}

// TestPathsThatAreNotTheirs walks all routes of both documents with paths that some server somewhere would take for theirs.
func TestPathsThatAreNotTheirs(t *testing.T) {
	t.Parallel()
	for name, d := range doors(t) {
		token := d.Token(t, "all", auth.Scopes()...)
		for path, item := range d.Spec.Paths.Map() {
			id := uuid.NewString()
			real := variable.ReplaceAllString(path, id)
			for method := range item.Operations() {
				for _, tricked := range []string{
					real + "/", real + "//", "/" + real, real + "/.", real + "/..", real + "/../" + id, "/v1/.." + real, "/v1/../" + real[1:], "/%76%31/.." + real,
					strings.Replace(real, "/v1/", "/v1//", 1), strings.Replace(real, "/v1/", "/v1/./", 1), strings.Replace(real, "/v1/", "/v1/x/../", 1),
					strings.Replace(real, "/v1/", "/v1/%2e%2e/v1/", 1), strings.Replace(real, "/v1/", "/v1%2f", 1), strings.Replace(real, "/v1/", "/v1%5c", 1),
					strings.Replace(real, "/v1/", "/V1/", 1), strings.Replace(real, "/v1/", "/v1/%2F", 1), strings.Replace(real, "/v1/", "/v1;x=y/", 1),
					real + "%00", real + "%2f", real + ".", real + "%20", real + "%0a", real + ";a=b", real + ".json", real + "%23", real + "%3f", real + "%ff", real + "%c0%af",
					"/%2e%2e" + real, "/..%2f" + real[1:], "/..;" + real, "http://other" + real + "/", strings.ToUpper(real),
				} {
					address, err := url.ParseRequestURI(tricked) // as net/http reads the line
					if err != nil {
						continue // which it answers with 400 by itself
					}
					request := httptest.NewRequest(method, "/", nil)
					request.URL, request.RequestURI = address, tricked
					request.Header.Set("Authorization", "Bearer "+token)
					w := httptest.NewRecorder()
					d.server.ServeHTTP(w, request)
					code := problemOf(t, w)
					// Behind an id there may be anything: it is then no id, and names nothing.
					refused := w.Code == 404 || w.Code == 405 || strings.Contains(path, "{") && (w.Code == 400 || w.Code == 415)
					if !refused {
						t.Errorf("%s API: %s %s is answered %d %s", name, method, tricked, w.Code, code)
					}
				}
			}
		}
	}
}
