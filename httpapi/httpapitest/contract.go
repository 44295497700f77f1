package httpapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"passbook/httpapi"
)

// Contract is an OpenAPI document that answers are held to.
type Contract struct{ Spec *openapi3.T }

// opaqueMedia are the media types of answers whose bodies the document describes in words.
var opaqueMedia = []string{"application/x-ndjson", "text/csv", "application/pdf", "text/event-stream", "text/html"}

var registerDecoders = sync.OnceFunc(func() { // the library's table of decoders is one for the process, without a lock
	for _, media := range opaqueMedia {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.PlainBodyDecoder)
	}
})

// NewContract reads the document.
func NewContract(yaml []byte) (*Contract, error) {
	registerDecoders()
	spec, err := openapi3.NewLoader().LoadFromData(yaml)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	spec.OpenAPI = "3.0.3" // the library compiles the schemas of 3.1 anew for each answer, and ours say nothing that 3.0 does not have
	return &Contract{Spec: spec}, nil
}

// Faults lists what an answer has that the document does not allow, or lacks that all answers have in common.
func (k *Contract) Faults(req *http.Request, status int, header http.Header, body []byte) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if header.Get("X-Request-Id") == "" {
		fault("no X-Request-Id")
	}
	if status >= 400 && req.Method != http.MethodHead {
		k.checkProblem(req, status, header, body, fault)
	}
	k.checkDocumented(req, status, header, body, fault)
	return faults
}

// checkProblem holds an error to its schema, to the table of errors and to itself.
func (k *Contract) checkProblem(req *http.Request, status int, header http.Header, body []byte, fault func(string, ...any)) {
	if media := header.Get("Content-Type"); media != "application/problem+json" {
		fault("%d with Content-Type %q", status, media)
	}
	var value any
	var p Problem
	if err := json.Unmarshal(body, &value); err != nil {
		fault("%d %s: %v", status, body, err)
		return
	}
	if err := k.Spec.Components.Schemas["Problem"].Value.VisitJSON(value, formats...); err != nil {
		fault("%s: %v", body, err)
	}
	if err := json.Unmarshal(body, &p); err != nil {
		fault("%s: %v", body, err)
		return
	}
	if kind := httpapi.KindOf(p.Code); kind.Code != p.Code || kind.Status != status {
		fault("%d with the code %q, which the table of errors does not have with it", status, p.Code)
	}
	if p.Status != status || !names(p.Instance, req.URL.Path) || p.Type != "https://passbook.dev/errors/"+p.Code {
		fault("%d does not fit its problem %s", status, body)
	}
	if replayed := header.Get("Idempotent-Replayed") != ""; !replayed && p.RequestID != header.Get("X-Request-Id") {
		fault("request id %q in the header, %q in the problem", header.Get("X-Request-Id"), p.RequestID)
	}
}

// names tells whether an instance is the path, as JSON can hold it: what is not UTF-8 is replaced, and of a path that is no
// operation's the end may be missing.
func names(instance, path string) bool {
	text := strings.Map(func(r rune) rune { return r }, path)
	begin, cut := strings.CutSuffix(instance, "…")
	return instance == text || cut && strings.HasPrefix(text, begin)
}

// formats hold texts to their formats, too: uuid, date-time, date.
var formats = []openapi3.SchemaValidationOption{openapi3.EnableFormatValidation()}

// checkDocumented holds an answer to what the document says about its operation; requests to none are let off.
func (k *Contract) checkDocumented(req *http.Request, status int, header http.Header, body []byte, fault func(string, ...any)) {
	route, params := k.find(req)
	if route == nil {
		return
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
	err := openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, SchemaValidationOptions: formats},
	})
	if err != nil {
		fault("%d %s is not as documented: %v", status, body, err)
	}
	documented := route.Operation.Responses.Status(status)
	if documented == nil {
		return
	}
	for _, name := range passbookHeaders(header) {
		if _, ok := documentedHeader(documented.Value.Headers, name); !ok {
			fault("%d has the header %s, which is not documented", status, name)
		}
	}
}

// passbookHeaders are the headers of an answer that mean something to clients of the API.
func passbookHeaders(h http.Header) []string {
	known := []string{"Content-Type", "Content-Length", "Date", "Cache-Control", "Connection", "Transfer-Encoding",
		"X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "Strict-Transport-Security", "Vary"}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(h)), func(name string) bool { return slices.Contains(known, name) })
}

func documentedHeader(headers openapi3.Headers, name string) (*openapi3.HeaderRef, bool) {
	for documented, h := range headers {
		if strings.EqualFold(documented, name) {
			return h, true
		}
	}
	return nil, false
}

// find matches a request with an operation of the document.
func (k *Contract) find(req *http.Request) (*routers.Route, map[string]string) {
	given := strings.Split(req.URL.EscapedPath(), "/")
	for path, item := range k.Spec.Paths.Map() {
		params, ok := match(strings.Split(path, "/"), given)
		if operation := item.Operations()[req.Method]; ok && operation != nil {
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
		text, err := url.PathUnescape(given[i])
		switch {
		case err != nil:
			return nil, false
		case strings.HasPrefix(part, "{"):
			params[strings.Trim(part, "{}")] = text
		case part != text:
			return nil, false
		}
	}
	return params, true
}
