package httpapitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
)

// Request is a request to an API under test.
type Request struct {
	Method, Path string
	Token        string
	Body         string
	Header       map[string]string // Content-Type is application/json where there is a body, unless set here
}

// Response is the answer to one.
type Response struct {
	Status  int
	Header  http.Header
	Body    []byte
	Problem Problem // when the status is 400 or more
}

// Problem is problem+json as a client reads it.
type Problem struct {
	Type, Title, Code, Detail, Instance string
	Status                              int
	RequestID                           string `json:"request_id"`
	Retryable                           bool
	Errors                              []struct{ Pointer, Parameter, Code, Detail string }
	Context                             map[string]any
}

// JSON decodes the body.
func (r *Response) JSON(t TB) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal(r.Body, &value); err != nil {
		t.Fatalf("body %s: %v", r.Body, err)
	}
	return value
}

// Do sends the request to the handler and holds the answer to the document and to what all answers have in common.
func (k *Kit) Do(t TB, h http.Handler, r Request) *Response {
	t.Helper()
	req := httptest.NewRequest(r.Method, r.Path, strings.NewReader(r.Body))
	if r.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	for name, value := range r.Header {
		if value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, value)
	}
	return k.Send(t, h, req)
}

// Send is Do for a request of any kind.
func (k *Kit) Send(t TB, h http.Handler, req *http.Request) *Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	answer := &Response{Status: w.Code, Header: asReceived(w.Header()), Body: w.Body.Bytes()}
	for _, fault := range k.Faults(req, answer.Status, answer.Header, answer.Body) {
		t.Errorf("%s %s: %s", req.Method, req.URL, fault)
	}
	if answer.Status >= 400 {
		if err := json.Unmarshal(answer.Body, &answer.Problem); err != nil {
			t.Fatalf("%s: %v", answer.Body, err)
		}
	}
	return answer
}

// asReceived writes the names as a client's net/http would.
func asReceived(h http.Header) http.Header {
	received := http.Header{}
	for name, values := range h {
		received[http.CanonicalHeaderKey(name)] = values
	}
	return received
}
