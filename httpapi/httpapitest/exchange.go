package httpapitest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
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
	if answer.Header.Get("X-Request-Id") == "" {
		t.Errorf("%s %s: no X-Request-Id", req.Method, req.URL)
	}
	if answer.Status >= 400 {
		k.checkProblem(t, req, answer)
	}
	k.checkDocumented(t, req, answer)
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

// checkProblem holds an error to its schema and to itself.
func (k *Kit) checkProblem(t TB, req *http.Request, r *Response) {
	t.Helper()
	if media := r.Header.Get("Content-Type"); media != "application/problem+json" {
		t.Errorf("%s %s: %d with Content-Type %q", req.Method, req.URL, r.Status, media)
	}
	var value any
	if err := json.Unmarshal(r.Body, &value); err != nil {
		t.Fatalf("%s %s: %s: %v", req.Method, req.URL, r.Body, err)
	}
	if err := k.Spec.Components.Schemas["Problem"].Value.VisitJSON(value); err != nil {
		t.Errorf("%s %s: %s: %v", req.Method, req.URL, r.Body, err)
	}
	if err := json.Unmarshal(r.Body, &r.Problem); err != nil {
		t.Fatalf("%s: %v", r.Body, err)
	}
	p := r.Problem
	if p.Status != r.Status || p.Instance != req.URL.Path || p.Type != "https://passbook.dev/errors/"+p.Code {
		t.Errorf("%s %s: %d does not fit its problem %s", req.Method, req.URL, r.Status, r.Body)
	}
	if replayed := r.Header.Get("Idempotent-Replayed") != ""; !replayed && p.RequestID != r.Header.Get("X-Request-Id") {
		t.Errorf("%s %s: request id %q in the header, %q in the problem", req.Method, req.URL, r.Header.Get("X-Request-Id"), p.RequestID)
	}
}

// checkDocumented holds an answer to what the document says about its operation; requests to none are let off.
func (k *Kit) checkDocumented(t TB, req *http.Request, r *Response) {
	t.Helper()
	route, params := k.find(req)
	if route == nil {
		return
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
	err := openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: r.Status, Header: r.Header, Body: io.NopCloser(bytes.NewReader(r.Body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		t.Errorf("%s %s: %d %s is not as documented: %v", req.Method, req.URL, r.Status, r.Body, err)
	}
	documented := route.Operation.Responses.Status(r.Status)
	if documented == nil {
		return
	}
	for _, name := range passbookHeaders(r.Header) {
		if _, ok := header(documented.Value.Headers, name); !ok {
			t.Errorf("%s %s: %d has the header %s, which is not documented", req.Method, req.URL, r.Status, name)
		}
	}
}

// passbookHeaders are the headers of an answer that mean something to clients of the API.
func passbookHeaders(h http.Header) []string {
	known := []string{"Content-Type", "Content-Length", "Date", "Cache-Control"}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(h)), func(name string) bool { return slices.Contains(known, name) })
}

func header(headers openapi3.Headers, name string) (*openapi3.HeaderRef, bool) {
	for documented, h := range headers {
		if strings.EqualFold(documented, name) {
			return h, true
		}
	}
	return nil, false
}

// find matches a request with an operation of the document.
func (k *Kit) find(req *http.Request) (*routers.Route, map[string]string) {
	given := strings.Split(req.URL.Path, "/")
	for path, item := range k.Spec.Paths.Map() {
		params, ok := match(strings.Split(path, "/"), given)
		if operation := item.GetOperation(req.Method); ok && operation != nil {
			return &routers.Route{Spec: k.Spec, Path: path, PathItem: item, Method: req.Method, Operation: operation}, params
		}
	}
	return nil, nil
}

func match(template, given []string) (map[string]string, bool) {
	if len(template) != len(given) {
		return nil, false
	}
	params := map[string]string{}
	for i, part := range template {
		if strings.HasPrefix(part, "{") {
			params[strings.Trim(part, "{}")] = given[i]
		} else if part != given[i] {
			return nil, false
		}
	}
	return params, true
}
