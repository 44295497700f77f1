package api_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"passbook/api"
)

func load(t *testing.T, text []byte) *openapi3.T {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// The documents are OpenAPI, and every example in them is what its schema says.
func TestDocumentsAndTheirExamplesAreValid(t *testing.T) {
	t.Parallel()
	openapi3.DefineStringFormatValidator("day", openapi3.NewCallbackValidator(func(string) error { return nil }))
	for name, text := range map[string][]byte{"command": api.Command, "query": api.Query} {
		spec := load(t, text)
		if err := spec.Validate(t.Context(), openapi3.DisableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil || spec.OpenAPI != "3.1.0" {
			t.Errorf("%s is OpenAPI %s: %v", name, spec.OpenAPI, err)
		}
		spec.OpenAPI = "3.0.3" // the library compiles the schemas of 3.1 anew for each example, and ours say nothing that 3.0 does not have
		if err := spec.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for path, item := range spec.Paths.Map() {
			for method, op := range item.Operations() {
				for _, missing := range withoutExample(op) {
					t.Errorf("%s %s: %s has no example", method, path, missing)
				}
			}
		}
	}
}

// withoutExample lists the bodies of an operation, asked and answered, that have no example.
func withoutExample(op *openapi3.Operation) (missing []string) {
	check := func(what string, content openapi3.Content) {
		for media, body := range content {
			if len(body.Examples) == 0 && body.Example == nil {
				missing = append(missing, what+" as "+media)
			}
		}
	}
	if op.RequestBody != nil {
		check("the request", op.RequestBody.Value.Content)
	}
	for status, response := range op.Responses.Map() {
		check(status, response.Value.Content)
	}
	return missing
}

// unanswered are codes of errors that the contract keeps, and neither API answers today.
var unanswered = []any{"concurrent_modification", "duplicate_reference", "payment_not_due", "approval_exists", "approval_not_due"}

// Each code of an error has an example under its status, in one of the documents at least, and stands there under its name.
func TestEachErrorHasAnExample(t *testing.T) {
	t.Parallel()
	shown := map[any]bool{}
	var codes []any
	for name, text := range map[string][]byte{"command": api.Command, "query": api.Query} {
		spec := load(t, text)
		codes = append(codes, spec.Components.Schemas["ErrorCode"].Value.Enum...)
		for path, item := range spec.Paths.Map() {
			for method, op := range item.Operations() {
				for status, response := range op.Responses.Map() {
					for key, example := range problems(response.Value) {
						shown[key] = true
						if example["code"] != key || fmt.Sprint(example["status"]) != status {
							t.Errorf("%s: %s %s: the example %s of %s is of %v, %v", name, method, path, key, status, example["code"], example["status"])
						}
					}
				}
			}
		}
	}
	for _, code := range codes {
		if known := slices.Contains(unanswered, code); shown[code] == known {
			t.Errorf("%s has an example: %v, and is answered: %v", code, shown[code], !known)
		}
	}
}

// problems are the examples of an error.
func problems(response *openapi3.Response) map[string]map[string]any {
	found := map[string]map[string]any{}
	if content := response.Content["application/problem+json"]; content != nil {
		for key, example := range content.Examples {
			found[key], _ = example.Value.Value.(map[string]any)
		}
	}
	return found
}

// accepted are breaks that were decided on, with the reason.
var accepted = map[string]string{
	"command: POST /v1/payments: 202 is of another type": "a payment may wait for a second person now, as other commands may: where the bank is configured so, which it is not by itself",
}

// What was released keeps working: a client of the last released documents meets nothing that it cannot read, and is asked for
// nothing that it does not send.
func TestNothingReleasedIsBroken(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{"command": api.Command, "query": api.Query} {
		released, err := os.ReadFile("released/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range broken(load(t, released), load(t, text)) {
			if fault = name + ": " + fault; accepted[fault] == "" {
				t.Error(fault)
			}
		}
	}
}

// Each kind of break is found.
func TestBreaksAreFound(t *testing.T) {
	t.Parallel()
	for want, change := range map[string][2]string{
		"is gone":                        {"  /v1/transfers:", "  /v1/transfer:"},
		"202 is gone":                    {`        "202":`, `        "206":`},
		"asks for limit":                 {"      name: dry_run\n      in: query\n", "      name: limit\n      in: query\n      required: true\n"},
		"asks for source":                {"required: [amount, currency]\n      properties:\n        amount: {$ref: \"#/components/schemas/Amount\"}\n        currency: {$ref: \"#/components/schemas/Currency\"}\n        source", "required: [amount, currency, source]\n      properties:\n        amount: {$ref: \"#/components/schemas/Amount\"}\n        currency: {$ref: \"#/components/schemas/Currency\"}\n        source"},
		"/reason is gone":                {"        reason: {$ref: \"#/components/schemas/Word\"}", "        why: {$ref: \"#/components/schemas/Word\"}"},
		"/recorded_at is gone":           {"        recorded_at: {type: string, format: date-time, description: Booking time.}", "        at: {type: string}"},
		"/version need no longer":        {"required: [account_id, version, position, balance,", "required: [account_id, position, balance,"},
		"/idempotent_replayed is of":     {"idempotent_replayed: {type: boolean}", "idempotent_replayed: {type: string}"},
		"no longer takes debit":          {"enum: [all, debit]", "enum: [all]"},
		"allows at most 99":              {"    Word:\n      type: string\n      maxLength: 100", "    Word:\n      type: string\n      maxLength: 99"},
		"Passbook-Position is gone":      {"            Passbook-Position: {$ref: \"#/components/headers/PassbookPosition\"}\n", ""},
		"may be of a value that was not": {"enum: [open, frozen, closed]", "enum: [open, frozen, closed, dormant]"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			changed := strings.ReplaceAll(string(api.Command), change[0], change[1])
			if changed == string(api.Command) {
				t.Fatal("nothing was changed")
			}
			if faults := broken(load(t, api.Command), load(t, []byte(changed))); !strings.Contains(strings.Join(faults, "\n"), want) {
				t.Errorf("found %q", faults)
			}
		})
	}
}

// broken lists what of the old document the new one breaks.
func broken(was, is *openapi3.T) []string {
	b := &breaks{seen: map[[2]*openapi3.Schema]bool{}}
	for path, item := range was.Paths.Map() {
		for method, op := range item.Operations() {
			now := is.Paths.Value(path)
			if now == nil || now.Operations()[method] == nil {
				b.add("%s %s is gone", method, path)
				continue
			}
			b.operation(method+" "+path, op, now.Operations()[method])
			b.parameters(method+" "+path, slices.Concat(item.Parameters, op.Parameters), slices.Concat(now.Parameters, now.Operations()[method].Parameters))
		}
	}
	slices.Sort(b.found)
	return slices.Compact(b.found)
}

type breaks struct {
	found []string
	seen  map[[2]*openapi3.Schema]bool
}

func (b *breaks) add(format string, args ...any) {
	b.found = append(b.found, fmt.Sprintf(format, args...))
}

func (b *breaks) operation(at string, was, is *openapi3.Operation) {
	if was.RequestBody != nil {
		if is.RequestBody == nil {
			b.add("%s: the body is gone", at)
		} else {
			b.contents(at, was.RequestBody.Value.Content, is.RequestBody.Value.Content, b.request)
		}
	} else if is.RequestBody != nil && is.RequestBody.Value.Required {
		b.add("%s asks for a body", at)
	}
	for status, response := range was.Responses.Map() {
		now := is.Responses.Value(status)
		if now == nil {
			b.add("%s: %s is gone", at, status)
			continue
		}
		for name := range response.Value.Headers {
			if now.Value.Headers[name] == nil {
				b.add("%s: %s: %s is gone", at, status, name)
			}
		}
		b.contents(at+": "+status, response.Value.Content, now.Value.Content, b.response)
	}
}

func (b *breaks) contents(at string, was, is openapi3.Content, compare func(string, *openapi3.Schema, *openapi3.Schema)) {
	for media, content := range was {
		if is[media] == nil {
			b.add("%s: %s is gone", at, media)
		} else if content.Schema != nil && is[media].Schema != nil {
			compare(at, content.Schema.Value, is[media].Schema.Value)
		}
	}
}

func (b *breaks) parameters(at string, was, is openapi3.Parameters) {
	for _, p := range was {
		if now := is.GetByInAndName(p.Value.In, p.Value.Name); now == nil {
			b.add("%s: %s is gone", at, p.Value.Name)
		} else {
			b.request(at+": "+p.Value.Name, p.Value.Schema.Value, now.Schema.Value)
		}
	}
	for _, p := range is {
		if before := was.GetByInAndName(p.Value.In, p.Value.Name); p.Value.Required && (before == nil || !before.Required) {
			b.add("%s asks for %s", at, p.Value.Name)
		}
	}
}

// request compares what may be sent: the new schema must take all that the old one took.
func (b *breaks) request(at string, was, is *openapi3.Schema) {
	if b.known(was, is) || !b.sameType(at, was, is) {
		return
	}
	for _, name := range is.Required {
		if !slices.Contains(was.Required, name) {
			b.add("%s asks for %s", at, name)
		}
	}
	for _, value := range was.Enum {
		if len(is.Enum) > 0 && !slices.Contains(is.Enum, value) {
			b.add("%s no longer takes %v", at, value)
		}
	}
	if is.MaxLength != nil && (was.MaxLength == nil || *was.MaxLength > *is.MaxLength) {
		b.add("%s allows at most %d characters", at, *is.MaxLength)
	}
	if is.MinLength > was.MinLength || is.Pattern != was.Pattern || is.MinProps > was.MinProps || is.MinItems > was.MinItems {
		b.add("%s takes less", at)
	}
	if is.Min != nil && (was.Min == nil || *is.Min > *was.Min) || is.Max != nil && (was.Max == nil || *is.Max < *was.Max) {
		b.add("%s has a narrower range", at)
	}
	b.properties(at, was, is, b.request)
}

// response compares what is answered: all that the old schema promised must still be there, and be nothing new.
func (b *breaks) response(at string, was, is *openapi3.Schema) {
	if b.known(was, is) || !b.sameType(at, was, is) {
		return
	}
	for _, name := range was.Required {
		if !slices.Contains(is.Required, name) {
			b.add("%s/%s need no longer be there", at, name)
		}
	}
	for _, value := range is.Enum {
		if len(was.Enum) > 0 && !slices.Contains(was.Enum, value) && !strings.HasSuffix(at, "/code") { // of errors there may be new ones
			b.add("%s may be of a value that was not: %v", at, value)
		}
	}
	for i := range min(len(was.OneOf), len(is.OneOf)) {
		b.response(at, was.OneOf[i].Value, is.OneOf[i].Value)
	}
	b.properties(at, was, is, b.response)
}

func (b *breaks) properties(at string, was, is *openapi3.Schema, compare func(string, *openapi3.Schema, *openapi3.Schema)) {
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		if now := is.Properties[name]; now == nil {
			b.add("%s/%s is gone", at, name)
		} else {
			compare(at+"/"+name, was.Properties[name].Value, now.Value)
		}
	}
	if was.Items != nil && is.Items != nil {
		compare(at, was.Items.Value, is.Items.Value)
	}
}

func (b *breaks) sameType(at string, was, is *openapi3.Schema) bool {
	if fmt.Sprint(was.Type) == fmt.Sprint(is.Type) && was.Format == is.Format {
		return true
	}
	b.add("%s is of another type", at)
	return false
}

// known keeps schemas that are used everywhere from being compared everywhere.
func (b *breaks) known(was, is *openapi3.Schema) bool {
	pair := [2]*openapi3.Schema{was, is}
	defer func() { b.seen[pair] = true }()
	return b.seen[pair]
}
