package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"passbook/api"
	"passbook/httpapi"
)

// contract is what clients were promised: the codes of each status.
var contract = map[int]string{
	400: "malformed_request invalid_parameter invalid_cursor idempotency_key_required",
	401: "unauthenticated",
	403: "insufficient_scope approval_by_maker",
	404: "not_found",
	405: "method_not_allowed",
	408: "request_timeout",
	409: "account_exists payment_exists approval_exists idempotency_in_progress concurrent_modification read_model_stale duplicate_reference",
	412: "version_mismatch",
	413: "payload_too_large",
	414: "url_too_long",
	415: "unsupported_media_type",
	422: "insufficient_funds account_frozen account_closed currency_mismatch balance_not_zero overdraft_limit_in_use hold_expired " +
		"capture_exceeds_hold already_reversed reversal_exceeds_original same_account hold_not_active hold_of_payment too_many_holds limit_exceeded not_reversible " +
		"payment_final payment_submitted payment_not_due amount_out_of_range idempotency_key_reused " +
		"approval_required approval_final approval_expired approval_not_due",
	429: "rate_limited",
	431: "headers_too_large",
	500: "internal_error",
	503: "overloaded maintenance",
	504: "timeout",
}

func documents(t *testing.T) map[string]*openapi3.T {
	t.Helper()
	documents := map[string]*openapi3.T{}
	for name, yaml := range map[string][]byte{"command": api.Command, "query": api.Query} {
		document, err := openapi3.NewLoader().LoadFromData(yaml)
		if err != nil {
			t.Fatal(err)
		}
		documents[name] = document
	}
	return documents
}

// TestTableOfErrors walks the table: it is the contract, no more and no less, and both documents explain each code.
func TestTableOfErrors(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, kind := range httpapi.Kinds() {
		if seen[kind.Code] {
			t.Errorf("%s stands twice", kind.Code)
		}
		seen[kind.Code] = true
		if !strings.Contains(" "+contract[kind.Status]+" ", " "+kind.Code+" ") {
			t.Errorf("%s has status %d, which was not promised", kind.Code, kind.Status)
		}
		if httpapi.KindOf(kind.Code) != kind || kind.Title == "" {
			t.Errorf("%+v is looked up as %+v", kind, httpapi.KindOf(kind.Code))
		}
		for name, document := range documents(t) {
			schema := document.Components.Schemas["ErrorCode"].Value
			row := fmt.Sprintf("| `%s` | %d |", kind.Code, kind.Status)
			if schema.VisitJSON(kind.Code) != nil || !strings.Contains(schema.Description, row) {
				t.Errorf("the document of the %s API does not explain %s", name, kind.Code)
			}
		}
	}
	for status, codes := range contract {
		for _, code := range strings.Fields(codes) {
			if !seen[code] {
				t.Errorf("%d %s is not in the table", status, code)
			}
		}
	}
	for name, document := range documents(t) {
		if n := len(document.Components.Schemas["ErrorCode"].Value.Enum); n != len(seen) {
			t.Errorf("the document of the %s API has %d codes, the table %d", name, n, len(seen))
		}
	}
	if kind := httpapi.KindOf("of_no_table"); kind.Code != httpapi.InternalError {
		t.Errorf("a code that is not in the table is %+v", kind)
	}
}

func TestProblemsAreWholeWhateverIsInThem(t *testing.T) {
	t.Parallel()
	body, status := httpapi.AppendProblem(nil, &httpapi.Error{
		Code: httpapi.InvalidParameter, Detail: "quotes \" and \\ and \x00 and \xff and \u2028",
		Fields:  []httpapi.FieldError{{Pointer: "/a~1b", Code: httpapi.FieldRequired, Detail: "is required"}, {Parameter: "limit", Code: httpapi.FieldOutOfRange}},
		Context: []httpapi.Member{httpapi.Number("n", int64(-5)), httpapi.Text("t", "")},
	}, "/v1/\"", "id")
	want := `{"type":"https://passbook.dev/errors/invalid_parameter","title":"Invalid parameter","status":400,"code":"invalid_parameter",` +
		`"detail":"quotes \" and \\ and \u0000 and ` + "\ufffd and \u2028" + `","instance":"/v1/\"","request_id":"id","retryable":false,` +
		`"errors":[{"pointer":"/a~1b","code":"required","detail":"is required"},{"parameter":"limit","code":"out_of_range","detail":""}],` +
		`"context":{"n":-5,"t":""}}`
	if status != 400 || string(body) != want {
		t.Errorf("%d\ngot  %s\nwant %s", status, body, want)
	}
}

// TestDocuments holds the documents to OpenAPI, their examples to their schemas, and their requests to being strict.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, document := range documents(t) {
		if err := document.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for path, item := range document.Paths.Map() {
			for method, operation := range item.Operations() {
				checkOperation(t, method+" "+path, operation)
			}
		}
	}
}

func checkOperation(t *testing.T, name string, operation *openapi3.Operation) {
	t.Helper()
	if operation.RequestBody != nil {
		media := operation.RequestBody.Value.Content["application/json"]
		schema := media.Schema.Value
		if schema.Type.Is(openapi3.TypeArray) {
			schema = schema.Items.Value
		}
		if open := schema.AdditionalProperties.Has; open == nil || *open || len(media.Examples) == 0 {
			t.Errorf("%s: the body takes unknown fields, or has no example", name)
		}
	}
	for _, status := range []int{400, 401, 403, 500, 503, 504} {
		if operation.Responses.Status(status) == nil {
			t.Errorf("%s: no answer %d", name, status)
		}
	}
	for status, response := range operation.Responses.Map() {
		if response.Value.Headers["X-Request-Id"] == nil {
			t.Errorf("%s: answer %s has no X-Request-Id", name, status)
		}
		for media, content := range response.Value.Content {
			if len(content.Examples) == 0 || (media == "application/problem+json") != (status >= "400") {
				t.Errorf("%s: answer %s is %s, with %d examples", name, status, media, len(content.Examples))
			}
		}
	}
}
