package e2e

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var (
	example = regexp.MustCompile("(?s)```sh\ncurl -s (.*?)\n```\n```json\n(.*?)\n```")
	header  = regexp.MustCompile(`-H (?:'([^']*)'|"([^"]*)")`)
	data    = regexp.MustCompile(`-d '(.*)'$`)
	target  = regexp.MustCompile(`^"?localhost:(808[012])([^\s"]*)`)
)

// whenAndWho are the members that differ from one run to the next.
var whenAndWho = map[string]bool{
	"transaction_id": true, "event_id": true, "request_id": true,
	"recorded_at": true, "effective_at": true, "opened_at": true, "updated_at": true,
}

// Every curl line of the README answers as is printed below it.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	b := up(t, stateDir(t))
	shell := strings.NewReplacer(
		`'$ACCOUNT'`, account(t, string(readme)), `$ACCOUNT`, account(t, string(readme)),
		`$AUTH`, "Authorization: Bearer "+output(t, "passbook", "token", "--state", b.state),
	)
	examples := example.FindAllStringSubmatch(string(readme), -1)
	if lines := strings.Count(string(readme), "\ncurl "); lines != len(examples) || lines < 5 {
		t.Fatalf("%d curl lines, %d with an answer printed below", lines, len(examples))
	}
	var position string
	for _, e := range examples {
		got, want := decode(t, b.curl(t, shell.Replace(e[1]), &position)), decode(t, e[2])
		if !reflect.DeepEqual(got, want) {
			t.Errorf("curl -s %s\n answers %v\n printed %v", e[1], got, want)
		}
	}
}

func account(t *testing.T, readme string) string {
	t.Helper()
	m := regexp.MustCompile(`\nACCOUNT=(\S+)`).FindStringSubmatch(readme)
	if m == nil {
		t.Fatal("the README sets no ACCOUNT")
	}
	return m[1]
}

// curl does what the line says, without needing curl on the machine. A person who pastes one line after another is slower than
// every projection; here each read waits for the position of the answer before it.
func (b *bank) curl(t *testing.T, line string, position *string) string {
	t.Helper()
	at := target.FindStringSubmatch(line)
	if at == nil {
		t.Fatalf("no address in %q", line)
	}
	base := map[string]string{"8080": b.commandURL, "8081": b.queryURL, "8082": b.opsURL}[at[1]]
	method, body := http.MethodGet, ""
	if d := data.FindStringSubmatch(line); d != nil {
		method, body = http.MethodPost, d[1]
	}
	request, err := http.NewRequestWithContext(t.Context(), method, base+at[2], strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header.FindAllStringSubmatch(line, -1) {
		name, value, _ := strings.Cut(h[1]+h[2], ": ")
		request.Header.Set(name, value)
	}
	if method == http.MethodGet && *position != "" {
		request.Header.Set("Passbook-Min-Position", *position)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	*position = cmp.Or(response.Header.Get("Passbook-Position"), *position)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return blank(v)
}

// blank empties what differs from run to run, but not whether it is there.
func blank(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if whenAndWho[name] {
				v[name] = "..."
				continue
			}
			v[name] = blank(member)
		}
	case []any:
		for i := range v {
			v[i] = blank(v[i])
		}
	}
	return v
}
