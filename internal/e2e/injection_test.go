package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/api"
	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

// hostile are texts that mean something to SQL, to a shell, a template, a logger or a path, and are only texts here.
var hostile = []string{
	`'; DROP TABLE events; --`, `' OR '1'='1`, `x' UNION SELECT caller FROM idempotency_keys --`, `\'; SELECT pg_sleep(60); --`, `$$; COMMIT; $$`,
	`"; DELETE FROM readmodel.balances; --`, `$1`, `%s%n%d`, `100%_`, `{{7*7}}${jndi:ldap://x}`, "a\u202eb\u0085c", `../../etc/passwd`,
}

// attacked is a whole bank, and a client that sends it hostile texts.
type attacked struct {
	t                    *testing.T
	commandURL, queryURL string
	token                string
	sent                 int
	stored               []string // what was accepted in a body
}

// TestHostileTextsAreTexts puts hostile texts into every string of every operation of both documents: bodies, paths, queries, headers.
// Each is stored verbatim or refused by form; none is a failure of ours, and none does anything.
func TestHostileTextsAreTexts(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	state := stateDir(t)
	up := start(t, "passbook", []string{"DATABASE_URL=" + database.URL}, "up", "--state", state,
		"--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0")
	a := &attacked{t: t}
	a.commandURL, a.queryURL = up.await(`command API\s+(\S+)`)[1], up.await(`query API\s+(\S+)`)[1]
	up.await(`In another terminal`)
	a.token = strings.TrimSpace(output(t, "passbook", "token", "--state", state, "--scope", "accounts:write", "--scope", "accounts:read", "--scope", "audit:read", "--scope", "operations"))

	for base, document := range map[string][]byte{a.commandURL: api.Command, a.queryURL: api.Query} {
		spec, err := openapi3.NewLoader().LoadFromData(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range slices.Sorted(maps.Keys(spec.Paths.Map())) {
			item := spec.Paths.Value(path)
			for method, operation := range item.Operations() {
				a.attack(base, method, path, append(slices.Clone(item.Parameters), operation.Parameters...), operation.RequestBody)
			}
		}
	}
	caughtUp(t, a.queryURL, state)
	up.stop()
	verify(t, database.URL)
	a.checkStored(database.URL)
	t.Logf("%d hostile requests, %d texts stored", a.sent, len(a.stored))
	if len(a.stored) < 20*len(hostile) {
		t.Errorf("only %d texts were stored: this test has shown little", len(a.stored))
	}
}

// attack tries every place of one operation, one at a time.
func (a *attacked) attack(base, method, path string, parameters openapi3.Parameters, body *openapi3.RequestBodyRef) {
	a.t.Helper()
	for _, text := range append(slices.Clone(hostile), "a\x00b", "\xff\xfe") {
		for _, p := range parameters {
			a.attackParameter(base, method, path, p.Value, body, text)
		}
		if body == nil || path == "/v1/bulk" {
			continue
		}
		schema := body.Value.Content.Get("application/json").Schema.Value
		for name, property := range schema.Properties {
			a.attackField(base, method, path, schema, text, name)
			for inner := range property.Value.Properties {
				a.attackField(base, method, path, schema, text, name, inner)
			}
			if property.Value.AdditionalProperties.Schema != nil {
				a.attackField(base, method, path, schema, text, name, "key")
				a.attackField(base, method, path, schema, text, name, text)
			}
		}
	}
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

func (a *attacked) attackParameter(base, method, path string, p *openapi3.Parameter, body *openapi3.RequestBodyRef, text string) {
	a.t.Helper()
	target := inBraces.ReplaceAllStringFunc(path, func(variable string) string {
		if p.In == "path" && variable == "{"+p.Name+"}" {
			return url.PathEscape(text)
		}
		return uuid.NewString()
	})
	var content []byte
	if body != nil {
		content = []byte("{}")
	}
	request := a.request(base, method, target, content)
	switch p.In {
	case "query":
		request.URL.RawQuery = url.Values{p.Name: {text}}.Encode()
	case "header":
		if strings.ContainsAny(text, "\x00") {
			return // net/http does not send it
		}
		request.Header.Set(p.Name, text)
	}
	if path == "/v1/stream" && p.Name != "account_id" { // of nobody: a stream of all has no end
		query := request.URL.Query()
		query.Set("account_id", uuid.NewString())
		request.URL.RawQuery = query.Encode()
	}
	a.send(request, method+" "+path+" "+p.In+" "+p.Name, text)
}

// idle are operations that find things as they are to be, here, and so have nothing to store.
var idle = map[string]bool{"/v1/accounts/{account_id}/reopen": true, "/v1/accounts/{account_id}/unfreeze": true, "/v1/payments/{payment_id}/push": true}

// attackField sends a body that is right but for one text.
func (a *attacked) attackField(base, method, path string, schema *openapi3.Schema, text string, at ...string) {
	a.t.Helper()
	body := a.valid(path, schema)
	tagged := fmt.Sprintf("%s#%d", text, a.sent)
	place := body
	for _, name := range at[:len(at)-1] {
		inner, ok := place[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			place[name] = inner
		}
		place = inner
	}
	place[at[len(at)-1]] = tagged
	content, err := json.Marshal(body) // which mends what is not UTF-8: that is put back
	if err != nil {
		a.t.Fatal(err)
	}
	content = bytes.ReplaceAll(content, []byte(`\ufffd`), []byte("\xff"))
	status := a.send(a.request(base, method, a.target(path), content), fmt.Sprint(method, " ", path, " /", strings.Join(at, "/")), tagged)
	broken := strings.ContainsAny(text, "\x00") || text == "\xff\xfe"
	switch {
	case status < 300 && broken:
		a.t.Errorf("%s %s %v: %q is accepted", method, path, at, tagged)
	case status < 300 && at[len(at)-1] == text:
		a.stored = append(a.stored, text) // a name
	case status < 300 && !idle[path]:
		a.stored = append(a.stored, tagged)
	}
}

// valid makes a body that the operation accepts.
func (a *attacked) valid(path string, schema *openapi3.Schema) map[string]any {
	body := map[string]any{}
	for name, property := range schema.Properties {
		if slices.Contains(schema.Required, name) {
			body[name] = exampleOf(property.Value)
		}
	}
	for _, name := range []string{"account_id", "source_account_id", "target_account_id"} {
		if _, given := body[name]; given {
			body[name] = a.account()
		}
	}
	if _, given := body["currency"]; given {
		body["currency"] = "EUR"
	}
	if _, given := body["amount"]; given {
		body["amount"] = 1
	}
	return body
}

func exampleOf(s *openapi3.Schema) any {
	switch {
	case s.Example != nil:
		return s.Example
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is(openapi3.TypeObject):
		object := map[string]any{}
		for _, name := range s.Required {
			object[name] = exampleOf(s.Properties[name].Value)
		}
		return object
	case s.Type.Is(openapi3.TypeString):
		return "text"
	}
	return 1
}

// target puts something that is there into the path.
func (a *attacked) target(path string) string {
	return inBraces.ReplaceAllStringFunc(path, func(variable string) string {
		switch variable {
		case "{account_id}":
			return a.account()
		case "{hold_id}":
			return a.made("/v1/accounts/"+a.account()+"/holds", `{"amount": 5, "currency": "EUR"}`, "hold_id")
		case "{transaction_id}":
			return a.made("/v1/accounts/"+a.account()+"/deposits", `{"amount": 5, "currency": "EUR"}`, "transaction_id")
		case "{payment_id}":
			body := `{"account_id": "` + a.account() + `", "amount": 5, "currency": "EUR", "creditor": {"name": "n", "account": "a"}}`
			return a.made("/v1/payments", body, "payment_id")
		}
		return uuid.NewString()
	})
}

// account opens one with money on it.
func (a *attacked) account() string {
	id := a.made("/v1/accounts", `{"owner_id": "o", "owner_name": "n", "currency": "EUR"}`, "account_id")
	a.made("/v1/accounts/"+id+"/deposits", `{"amount": 1000, "currency": "EUR"}`, "account_id")
	return id
}

// made gives a command and returns what the field of its answer says.
func (a *attacked) made(path, body, field string) string {
	a.t.Helper()
	response, err := http.DefaultClient.Do(a.request(a.commandURL, "POST", path, []byte(body)))
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode > 299 {
		a.t.Fatalf("%s: %d %v %v", path, response.StatusCode, answer, err)
	}
	id, _ := answer[field].(string)
	return id
}

func (a *attacked) request(base, method, target string, content []byte) *http.Request {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, base, bytes.NewReader(content))
	if err != nil {
		a.t.Fatal(err)
	}
	request.URL.Opaque = target // as it is, and nothing made of it
	request.Header.Set("Authorization", "Bearer "+a.token)
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", uuid.NewString())
	}
	return request
}

// send sends a hostile request and holds the answer to what every answer must be.
func (a *attacked) send(request *http.Request, place, text string) int {
	a.t.Helper()
	a.sent++
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Fatalf("%s: %q: %v", place, text, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !json.Valid(body) && len(body) > 0 {
		a.t.Errorf("%s: %q: %d %s (%v)", place, text, response.StatusCode, body, err)
	}
	if response.StatusCode >= 500 {
		a.t.Errorf("%s: %q is answered %d %s", place, text, response.StatusCode, body)
	}
	if response.StatusCode >= 400 && response.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Errorf("%s: %q: %d with Content-Type %s", place, text, response.StatusCode, response.Header.Get("Content-Type"))
	}
	for _, leak := range []string{"SQLSTATE", "pgx", "syntax error at", "pq:", ".go:"} {
		if bytes.Contains(body, []byte(leak)) {
			a.t.Errorf("%s: %q: %s speaks of our insides", place, text, body)
		}
	}
	return response.StatusCode
}

// checkStored looks for all that was accepted in the log, letter by letter.
func (a *attacked) checkStored(databaseURL string) {
	a.t.Helper()
	pool, err := pgkit.Open(a.t.Context(), pgkit.Config{URL: databaseURL})
	if err != nil {
		a.t.Fatal(err)
	}
	defer pool.Close()
	rows, err := pool.Query(a.t.Context(), `SELECT data::text FROM events`)
	if err != nil {
		a.t.Fatal(err)
	}
	payloads, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		a.t.Fatal(err)
	}
	texts := map[string]bool{}
	for _, payload := range payloads {
		var value any
		if err := json.Unmarshal([]byte(payload), &value); err != nil {
			a.t.Fatal(err)
		}
		collect(value, texts)
	}
	for _, text := range a.stored {
		if !texts[text] {
			a.t.Errorf("%q was accepted and is not in the log as it was sent", text)
		}
	}
}

func collect(value any, texts map[string]bool) {
	switch v := value.(type) {
	case string:
		texts[v] = true
	case []any:
		for _, inner := range v {
			collect(inner, texts)
		}
	case map[string]any:
		for name, inner := range v {
			texts[name] = true
			collect(inner, texts)
		}
	}
}
