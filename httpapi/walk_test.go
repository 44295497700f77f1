package httpapi_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
)

var update = flag.Bool("update", false, "write the table of the route walk into docs/authority.md")

const (
	authorityPage = "../docs/authority.md"
	walkBegin     = "<!-- route walk: written by go test ./httpapi -run TestEveryRouteWithEveryScope -update -->\n"
	walkEnd       = "<!-- end of route walk -->\n"
)

// TestEveryRouteWithEveryScope walks every route and method of both documents, with requests that are valid, as every kind of
// caller: without a token, with a bad one, with one that has no scope, and with one of each scope. It holds the answers to the table
// of access, prints them, and holds docs/authority.md to what it has printed. A route without a rule fails, and so does one whose
// document says something else.
func TestEveryRouteWithEveryScope(t *testing.T) {
	t.Parallel()
	walked := map[httpapi.Route]bool{}
	var table strings.Builder
	for _, name := range []string{"command", "query"} {
		d := doors(t)[name]
		fmt.Fprintf(&table, "| %s API | no token | bad token | no scope |", strings.ToUpper(name[:1])+name[1:])
		for _, scope := range auth.Scopes() {
			fmt.Fprintf(&table, " `%s` |", scope)
		}
		table.WriteString("\n|---" + strings.Repeat("|---", 3+len(auth.Scopes())) + "|\n")
		for _, route := range routesOf(d.Spec) {
			walked[route] = true
			operation := d.Spec.Paths.Value(route.Path).GetOperation(route.Method)
			rule, ok := httpapi.Access(route)
			if !ok || !rule.Public && len(rule.Scopes()) == 0 {
				t.Errorf("%s %s has no scope", route.Method, route.Path)
				continue
			}
			if said, want := fmt.Sprint(operation.Extensions["x-scopes"]), fmt.Sprint(rule.Scopes()); said != want && !rule.Public {
				t.Errorf("%s %s: the document says %s, the table %v", route.Method, route.Path, said, want)
			}
			fmt.Fprintf(&table, "| `%s %s` | %s |\n", route.Method, route.Path, strings.Join(d.walk(t, route, operation, rule), " | "))
		}
		table.WriteString("\n")
	}
	for _, route := range httpapi.Ruled() {
		if rule, _ := httpapi.Access(route); !walked[route] && !rule.Public {
			t.Errorf("%v is in the table, but in no document", route)
		}
	}
	t.Log("\n" + table.String())
	documented(t, table.String())
}

func routesOf(spec *openapi3.T) (routes []httpapi.Route) {
	for _, path := range slices.Sorted(maps.Keys(spec.Paths.Map())) {
		for _, method := range slices.Sorted(maps.Keys(spec.Paths.Value(path).Operations())) {
			routes = append(routes, httpapi.Route{Method: method, Path: path})
		}
	}
	return routes
}

// walk sends the route's request as every kind of caller and returns the statuses.
func (d door) walk(t *testing.T, route httpapi.Route, operation *openapi3.Operation, rule httpapi.Rule) (statuses []string) {
	t.Helper()
	try := func(who, token string, want func(*httpapitest.Response) bool) {
		answer := d.Do(t, d.server, requestOf(t, route, operation, token))
		if !want(answer) {
			t.Errorf("%v %s: %d %v %s", route, who, answer.Status, answer.Header["Www-Authenticate"], answer.Body)
		}
		statuses = append(statuses, strconv.Itoa(answer.Status))
	}
	refused := func(status int, challenge string) func(*httpapitest.Response) bool {
		return func(r *httpapitest.Response) bool {
			return r.Status == status && strings.HasPrefix(r.Header.Get("WWW-Authenticate"), challenge)
		}
	}
	letIn := func(r *httpapitest.Response) bool {
		return slices.Contains([]int{200, 201, 202, 404, 503}, r.Status)
	}
	if rule.Public {
		refused = func(int, string) func(*httpapitest.Response) bool { return letIn }
	}
	try("without a token", "", refused(401, `Bearer realm="passbook"`))
	try("with a bad token", d.Token(t, "somebody", auth.Scopes()...)+"x", refused(401, `Bearer realm="passbook", error="invalid_token"`))
	try("without a scope", d.Token(t, "nobody"), refused(403, `Bearer realm="passbook", error="insufficient_scope"`))
	for _, scope := range auth.Scopes() {
		want := refused(403, `Bearer realm="passbook", error="insufficient_scope"`)
		if slices.Contains(rule.Scopes(), scope) {
			want = letIn
		}
		try("with "+string(scope), d.Token(t, "somebody", scope), want)
	}
	return statuses
}

var variable = regexp.MustCompile(`\{\w+\}`)

// requestOf makes a valid request from the document's examples.
func requestOf(t *testing.T, route httpapi.Route, operation *openapi3.Operation, token string) httpapitest.Request {
	t.Helper()
	r := httpapitest.Request{
		Method: route.Method, Path: variable.ReplaceAllStringFunc(route.Path, func(string) string { return uuid.NewString() }), Token: token,
		Header: map[string]string{},
	}
	if operation.RequestBody != nil {
		r.Header["Idempotency-Key"] = uuid.NewString()
		examples := operation.RequestBody.Value.Content["application/json"].Examples
		text, err := json.Marshal(examples[slices.Min(slices.Collect(maps.Keys(examples)))].Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		r.Body = string(text)
	} else if route.Method != "GET" {
		r.Header["Idempotency-Key"] = uuid.NewString()
	}
	query := url.Values{}
	for _, p := range operation.Parameters {
		if p.Value.In == openapi3.ParameterInQuery && p.Value.Required {
			query.Set(p.Value.Name, fmt.Sprint(cmp.Or(p.Value.Example, p.Value.Schema.Value.Example)))
		}
	}
	if route.Path == "/v1/stream" {
		query.Set("account_id", uuid.NewString()) // of nobody: a stream of all has no end
	}
	if len(query) > 0 {
		r.Path += "?" + query.Encode()
	}
	return r
}

// documented holds the page to the table, or writes it there.
func documented(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile(authorityPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), walkBegin)
	written, after, ok2 := strings.Cut(rest, walkEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the route walk", authorityPage)
	}
	if *update {
		if err := os.WriteFile(authorityPage, []byte(before+walkBegin+table+walkEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if written != table {
		t.Errorf("%s has another table than the one printed: run the test with -update", authorityPage)
	}
}
