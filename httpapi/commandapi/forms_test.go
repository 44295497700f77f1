package commandapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
)

// TestBodiesAreReadStrictly tries what decoders let pass.
func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("") + "/deposits"
	for name, c := range map[string]struct{ body, code, pointer, fault string }{
		"empty":                        {" \n", "malformed_request", "", "required"},
		"not JSON":                     {`amount=1`, "malformed_request", "", "invalid_syntax"},
		"cut short":                    {`{"amount":1,"currency":"EUR"`, "malformed_request", "", "invalid_syntax"},
		"trailing garbage":             {`{"amount":1,"currency":"EUR"} x`, "malformed_request", "", "invalid_syntax"},
		"two values":                   {`{"amount":1,"currency":"EUR"}{}`, "malformed_request", "", "invalid_syntax"},
		"trailing comma":               {`{"amount":1,"currency":"EUR",}`, "malformed_request", "", "invalid_syntax"},
		"comment":                      {`{"amount":1,"currency":"EUR"/**/}`, "malformed_request", "", "invalid_syntax"},
		"byte order mark":              {"\ufeff" + `{"amount":1,"currency":"EUR"}`, "malformed_request", "", "invalid_syntax"},
		"number with a leading zero":   {`{"amount":01,"currency":"EUR"}`, "malformed_request", "", "invalid_syntax"},
		"number with a plus":           {`{"amount":+1,"currency":"EUR"}`, "malformed_request", "", "invalid_syntax"},
		"hexadecimal number":           {`{"amount":0x1,"currency":"EUR"}`, "malformed_request", "", "invalid_syntax"},
		"infinity":                     {`{"amount":Infinity,"currency":"EUR"}`, "malformed_request", "", "invalid_syntax"},
		"raw control character":        {"{\"amount\":1,\"currency\":\"EUR\",\"reference\":\"a\x01b\"}", "malformed_request", "", "invalid_syntax"},
		"amount twice":                 {`{"amount":1,"amount":2,"currency":"EUR"}`, "malformed_request", "/amount", "duplicate_field"},
		"amount twice, once escaped":   {`{"amount":1,"\u0061mount":2,"currency":"EUR"}`, "malformed_request", "/amount", "duplicate_field"},
		"metadata twice":               {`{"amount":1,"currency":"EUR","metadata":{"a":"1","a":"2"}}`, "malformed_request", "/metadata/a", "duplicate_field"},
		"not UTF-8":                    {"{\"amount\":1,\"currency\":\"EUR\",\"reference\":\"\xff\"}", "malformed_request", "", "invalid_encoding"},
		"half a surrogate pair":        {`{"amount":1,"currency":"EUR","reference":"\ud800"}`, "malformed_request", "", "invalid_syntax"},
		"array":                        {`[{"amount":1,"currency":"EUR"}]`, "malformed_request", "", "wrong_type"},
		"text":                         {`"EUR"`, "malformed_request", "", "wrong_type"},
		"null":                         {`null`, "malformed_request", "", "wrong_type"},
		"true":                         {`true`, "malformed_request", "", "wrong_type"},
		"deeply nested":                {strings.Repeat(`[`, 20_000), "malformed_request", "", "too_deep"},
		"deeply nested, unknown field": {`{"x":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000) + `}`, "malformed_request", "", "too_deep"},
		"unknown field with a slash":   {`{"amount":1,"currency":"EUR","a/b~c":1}`, "malformed_request", "/a~1b~0c", "unknown_field"},
		"unknown field, very long":     {`{"amount":1,"currency":"EUR","` + strings.Repeat("x", 5000) + `":1}`, "malformed_request", "/" + strings.Repeat("x", 60) + "…", "unknown_field"},
		"account in the body":          {`{"amount":1,"currency":"EUR","account_id":"x"}`, "malformed_request", "/account_id", "unknown_field"},
		"currency as a number":         {`{"amount":1,"currency":978}`, "malformed_request", "/currency", "wrong_type"},
		"amount as an object":          {`{"amount":{"value":1},"currency":"EUR"}`, "malformed_request", "/amount", "wrong_type"},
		"amount as a boolean":          {`{"amount":true,"currency":"EUR"}`, "malformed_request", "/amount", "wrong_type"},
		"amount 1.0":                   {`{"amount":1.0,"currency":"EUR"}`, "malformed_request", "/amount", "wrong_type"},
		"metadata as a list":           {`{"amount":1,"currency":"EUR","metadata":[]}`, "malformed_request", "/metadata", "wrong_type"},
		"metadata value null":          {`{"amount":1,"currency":"EUR","metadata":{"a":null}}`, "malformed_request", "/metadata/a", "wrong_type"},
		"metadata null":                {`{"amount":1,"currency":"EUR","metadata":null}`, "malformed_request", "/metadata", "wrong_type"},
		"effective_at as a number":     {`{"amount":1,"currency":"EUR","effective_at":0}`, "malformed_request", "/effective_at", "wrong_type"},
	} {
		t.Run(name, func(t *testing.T) {
			before := r.bank.asked()
			answer := r.want(r.do("POST", path, c.body), 400, c.code)
			first := answer.Problem.Errors[0]
			if first.Pointer != c.pointer || first.Code != c.fault {
				t.Errorf("errors %+v, want %s at %q", answer.Problem.Errors, c.fault, c.pointer)
			}
			for _, word := range []string{"json:", "jsontext", "Go ", "commandapi", "schema", "int64", "struct"} {
				if strings.Contains(string(answer.Body), word) {
					t.Errorf("the words of a library: %s", answer.Body)
				}
			}
			if r.bank.asked() != before {
				t.Error("the bank was asked")
			}
		})
	}
}

// TestEveryFaultIsTold: a client sees all that is wrong with its request at once.
func TestEveryFaultIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	answer := r.want(r.do("POST", "/v1/accounts", `{"owner_id":7,"currency":"eur","overdraft_limit":-1,"metadata":{"a":1},"x":1,"y":2}`), 400, "malformed_request")
	var got []string
	for _, e := range answer.Problem.Errors {
		got = append(got, e.Pointer+" "+e.Code)
	}
	want := "[/currency invalid_format /metadata/a wrong_type /overdraft_limit out_of_range /owner_id wrong_type /owner_name required /x unknown_field /y unknown_field]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

// TestRequiredFields leaves out each required field of each operation, and sets each field to null.
func TestRequiredFields(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	account := r.open("")
	mighty := r.Token(t, "teller-1", auth.AccountsWrite, auth.Operations, auth.ApprovalsWrite, auth.WebhooksWrite)
	for path, item := range r.Spec.Paths.Map() {
		for method, operation := range item.Operations() {
			if path == "/v1/bulk" || operation.RequestBody == nil { // its items are tried elsewhere
				continue
			}
			media := operation.RequestBody.Value.Content["application/json"]
			var example map[string]any
			for _, e := range media.Examples {
				example = e.Value.Value.(map[string]any)
			}
			at := strings.Replace(path, "/v1/accounts/{account_id}", account, 1)
			at = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(at, uuid.NewString())
			for _, name := range media.Schema.Value.Required {
				r.wantFault(mighty, method, at, without(example, name), "/"+name, "required")
			}
			for name := range media.Schema.Value.Properties {
				broken := without(example, name)
				if media.Schema.Value.MaxProps != nil { // there is room for one
					broken = map[string]any{}
				}
				broken[name] = nil
				r.wantFault(mighty, method, at, broken, "/"+name, "wrong_type")
			}
		}
	}
}

func without(example map[string]any, name string) map[string]any {
	body := map[string]any{}
	for k, v := range example {
		if k != name {
			body[k] = v
		}
	}
	return body
}

func (r *rig) wantFault(token, method, path string, body map[string]any, pointer, code string) {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	answer := r.want(r.as(token, method, path, string(text)), 400, "malformed_request")
	if e := answer.Problem.Errors; len(e) != 1 || e[0].Pointer != pointer || e[0].Code != code {
		r.t.Errorf("%s %s %s: errors %+v, want %s at %s", method, path, text, e, code, pointer)
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("") + "/deposits"
	const body = `{"amount":1,"currency":"EUR"}`
	for media, want := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "Application/JSON;charset=UTF-8": 201,
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "application/jsonp": 415, "application/json; charset=latin1": 415,
		"application/json, text/plain": 415, "application/merge-patch+json": 415, ";": 415,
	} {
		code := ""
		if want == 415 {
			code = "unsupported_media_type"
		}
		r.want(r.do("POST", path, body, "Content-Type", media), want, code)
	}
	r.want(r.do("POST", path, body, "Content-Encoding", "gzip"), 415, "unsupported_media_type")
}

func TestBodySize(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("") + "/deposits"
	body := func(size int) string {
		const head, tail = `{"amount":1,"currency":"EUR"`, `}`
		return head + strings.Repeat(" ", size-len(head)-len(tail)) + tail
	}
	r.want(r.do("POST", path, body(64<<10)), 201, "")
	r.want(r.do("POST", path, body(64<<10+1)), 413, "payload_too_large")
	for size, want := range map[int]int{64 << 10: 201, 64<<10 + 1: 413, 10 << 20: 413} { // a length that is not announced
		req := httptest.NewRequest("POST", path, io.MultiReader(strings.NewReader(body(size))))
		req.ContentLength = -1
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+r.teller)
		req.Header.Set("Idempotency-Key", fmt.Sprint("chunked-", size))
		if answer := r.Send(t, r.server, req); answer.Status != want {
			t.Errorf("%d bytes: %d %.200s", size, answer.Status, answer.Body)
		}
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req := httptest.NewRequest("POST", r.open("")+"/deposits", io.MultiReader(bytes.NewReader([]byte(`{"amount":1,`)), brokenReader{}))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.teller)
	req.Header.Set("Idempotency-Key", "k")
	answer := r.Send(t, r.server, req)
	r.want(answer, 400, "malformed_request")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
