package e2e

import (
	"bufio"
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
	stream  = regexp.MustCompile("(?s)```sh\ncurl -sN (.*?)\n```\n```\n(.*?)\n```")
	header  = regexp.MustCompile(`-H (?:'([^']*)'|"([^"]*)")`)
	data    = regexp.MustCompile(`-d '(.*)'$`)
	target  = regexp.MustCompile(`^"?localhost:(808[012])([^\s"]*)`)
)

// whenAndWho are the members that differ from one run to the next.
var whenAndWho = map[string]bool{
	"transaction_id": true, "transfer_id": true, "reverses": true, "hold_id": true, "payment_id": true, "event_id": true, "request_id": true,
	"expires_at": true, "deadline": true, "recorded_at": true, "effective_at": true, "opened_at": true, "updated_at": true,
	"event_metadata": true,
}

// Every curl line of the README answers as is printed below it.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	b := up(t, stateDir(t))
	variables := variablesOf(t, string(readme))
	variables["AUTH"] = "Authorization: Bearer " + output(t, "passbook", "token", "--state", b.state)
	examples := example.FindAllStringSubmatch(string(readme), -1)
	streams := stream.FindAllStringSubmatch(string(readme), -1)
	if lines := strings.Count(string(readme), "\ncurl "); lines != len(examples)+len(streams) || lines < 5 || len(streams) == 0 {
		t.Fatalf("%d curl lines, %d with an answer printed below, %d with events", lines, len(examples), len(streams))
	}
	var position string
	for _, e := range examples {
		answer := b.curl(t, shell(variables, e[1]), &position)
		remember(t, variables, answer)
		got, want := decode(t, answer), decode(t, e[2])
		if !reflect.DeepEqual(got, want) {
			t.Errorf("curl -s %s\n answers %v\n printed %v", e[1], got, want)
		}
	}
	for _, e := range streams {
		b.tells(t, shell(variables, e[1]), e[2], &position)
	}
}

// tells holds the events that a stream begins with against those that are printed.
func (b *bank) tells(t *testing.T, line, printed string, position *string) {
	t.Helper()
	answer := b.ask(t, line, position)
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewReader(answer.Body)
	for want := range strings.SplitSeq(printed, "\n\n") {
		got := nextBlock(t, lines)
		for !strings.Contains(got, "event: ") {
			got = nextBlock(t, lines)
		}
		got, gotData, _ := strings.Cut(got, "data: ")
		want, wantData, _ := strings.Cut(want, "data: ")
		if got != want || !reflect.DeepEqual(decode(t, gotData), decode(t, wantData)) {
			t.Errorf("curl -sN %s\n tells %s%s\n printed %s%s", line, got, gotData, want, wantData)
		}
	}
}

// nextBlock reads up to an empty line.
func nextBlock(t *testing.T, lines *bufio.Reader) (block string) {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\n" {
			return strings.TrimSuffix(block, "\n")
		}
		block += line
	}
}

// variablesOf are those that the README sets.
func variablesOf(t *testing.T, readme string) map[string]string {
	t.Helper()
	variables := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z]+)=(\S+)$`).FindAllStringSubmatch(readme, -1) {
		variables[m[1]] = m[2]
	}
	for _, name := range []string{"ACCOUNT", "BOB", "TRANSFER", "HOLD"} {
		if variables[name] == "" {
			t.Fatalf("the README sets no %s", name)
		}
	}
	return variables
}

// remember sets what the reader is told to take from an answer.
func remember(t *testing.T, variables map[string]string, answer string) {
	t.Helper()
	var ids struct {
		TransferID string `json:"transfer_id"`
		HoldID     string `json:"hold_id"`
	}
	if err := json.Unmarshal([]byte(answer), &ids); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	variables["TRANSFER"] = cmp.Or(ids.TransferID, variables["TRANSFER"])
	variables["HOLD"] = cmp.Or(ids.HoldID, variables["HOLD"])
}

// shell puts the variables into a line, also between quotes that are closed for them.
func shell(variables map[string]string, line string) string {
	for name, value := range variables {
		line = strings.NewReplacer("'$"+name+"'", value, "$"+name, value).Replace(line)
	}
	return line
}

// curl does what the line says, without needing curl on the machine. A person who pastes one line after another is slower than
// every projection; here each read waits for the position of the answer before it.
func (b *bank) curl(t *testing.T, line string, position *string) string {
	t.Helper()
	response := b.ask(t, line, position)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (b *bank) ask(t *testing.T, line string, position *string) *http.Response {
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
	return response
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
