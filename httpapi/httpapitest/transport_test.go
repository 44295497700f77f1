package httpapitest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"passbook/httpapi/httpapitest"
)

type answering func(req *http.Request) *http.Response

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) { return a(req), nil }

// An answer that the document does not allow is told of when it has been read or closed, and one that it allows is not.
func TestTransportTellsOfDifferences(t *testing.T) {
	t.Parallel()
	const owner = `{"owner_id":"o","owner_name":"Ada","account_ids":[],"has_more":false%s}`
	for name, c := range map[string]struct {
		path, body, want string
		status           int
	}{
		"as documented":        {"/v1/owners/o", fmt.Sprintf(owner, ""), "", 200},
		"an unknown field":     {"/v1/owners/o", fmt.Sprintf(owner, `,"x":1`), "not as documented", 200},
		"an unknown status":    {"/v1/owners/o", fmt.Sprintf(owner, ""), "status is not supported", 202},
		"no problem":           {"/v1/owners/o", "{}", "Content-Type", 404},
		"not of the documents": {"/metrics", "x", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told []string
			transport := httpapitest.NewTransport(answering(func(*http.Request) *http.Response {
				h := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r"}, "Passbook-Position": {"1"}, "Passbook-Lag-Ms": {"0"}}
				return &http.Response{StatusCode: c.status, Header: h, Body: io.NopCloser(bytes.NewBufferString(c.body))}
			}), func(_ *http.Request, fault string) { told = append(told, fault) })
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://bank"+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			one := make([]byte, 1)
			if n, err := response.Body.Read(one); n != 1 || err != nil || one[0] != c.body[0] {
				t.Errorf("the body begins with %q, %v", one[:n], err)
			}
			if err := response.Body.Close(); err != nil { // reads the rest
				t.Fatal(err)
			}
			if all := strings.Join(told, "\n"); !strings.Contains(all, c.want) || c.want == "" && all != "" {
				t.Errorf("told %q, want %q", all, c.want)
			}
		})
	}
}
