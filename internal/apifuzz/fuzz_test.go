package apifuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/api"
	"passbook/httpapi/httpapitest"
	"passbook/internal/banktest"
	"passbook/internal/pgtest"
)

// openAPI is one of the two, with its document.
type openAPI struct {
	url        string
	contract   *httpapitest.Contract
	operations []*operation
}

func load(t *testing.T, address string, yaml []byte) *openAPI {
	t.Helper()
	contract, err := httpapitest.NewContract(yaml)
	if err != nil {
		t.Fatal(err)
	}
	a := &openAPI{url: address, contract: contract}
	for path, item := range a.contract.Spec.Paths.Map() {
		for method, spec := range item.Operations() {
			op := &operation{api: a, method: method, path: path, spec: spec, params: slices.Concat(spec.Parameters, item.Parameters)}
			scopes, _ := spec.Extensions["x-scopes"].([]any)
			for _, scope := range scopes {
				op.scopes = append(op.scopes, fmt.Sprint(scope))
			}
			a.operations = append(a.operations, op)
		}
	}
	slices.SortFunc(a.operations, func(x, y *operation) int { return strings.Compare(x.name(), y.name()) })
	return a
}

func fromEnvironment[T any](t *testing.T, name string, otherwise T, parse func(string) (T, error)) T {
	t.Helper()
	given := os.Getenv(name)
	if given == "" {
		return otherwise
	}
	value, err := parse(given)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}

const (
	workers  = 4
	patience = 90 * time.Second // for an answer; the machine may be busy
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// No request brings the bank down, gets an answer that the documents do not have, or does what they do not allow.
func TestRequestsDrawnFromTheDocuments(t *testing.T) {
	seconds := fromEnvironment(t, "PASSBOOK_TEST_FUZZ_SECONDS", 5, strconv.Atoi)
	seed := fromEnvironment(t, "PASSBOOK_TEST_SEED", rand.Uint32(), func(s string) (uint32, error) {
		n, err := strconv.ParseUint(s, 10, 32)
		return uint32(n), err
	})
	t.Logf("PASSBOOK_TEST_SEED=%d PASSBOOK_TEST_FUZZ_SECONDS=%d", seed, seconds)
	b := banktest.New(t, "APPROVAL_THRESHOLDS=EUR:20000")
	f := &fuzz{t: t, known: newThings(b), tally: map[string]map[int]int{}}
	for _, a := range []*openAPI{load(t, b.CommandURL, api.Command), load(t, b.QueryURL, api.Query)} {
		f.operations = append(f.operations, a.operations...)
	}
	f.prepare(b)
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() { f.run(ctx, int(seed)+w<<40) })
	}
	running.Wait()
	f.report()
	report := b.Audit()
	t.Logf("the auditor read %d events of %d accounts: %d differences", report.Events, report.Accounts, report.DifferencesTotal)
	if report.Events == 0 {
		t.Error("nothing was done")
	}
}

// fuzz is one run.
type fuzz struct {
	t          *testing.T
	operations []*operation
	known      *things

	mu         sync.Mutex
	tally      map[string]map[int]int // by operation and status
	replays    int
	unread     int // requests that net/http refused by itself
	faults     int // of ours: 5xx
	violations int
}

// run asks until the time is over.
func (f *fuzz) run(ctx context.Context, seed int) {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: patience}
	defer client.CloseIdleConnections()
	requests := rapid.Custom(func(t *rapid.T) *request { return draw(t, f.operations, f.known) })
	asking := context.WithoutCancel(ctx) // the last one is answered, too
	for ; ctx.Err() == nil; seed++ {
		r := requests.Example(seed)
		first, err := f.ask(asking, client, r)
		if err != nil {
			f.violation(seed, r, nil, "no answer: "+err.Error())
			continue
		}
		f.hold(asking, seed, r, first)
		f.known.learn(first.body)
		if seed%2 == 0 && r.repeatable(first) {
			f.askAgain(asking, client, seed, r, first)
		}
	}
}

// prepare opens accounts that there is money on, so that a short run finds some, too.
func (f *fuzz) prepare(b *banktest.Bank) {
	f.t.Helper()
	bulk := `[{"path":"/v1/accounts","body":{"account_id":%[1]q,"owner_id":%[2]q,"owner_name":"Ada","currency":"EUR","overdraft_limit":5000}},
		{"path":"/v1/accounts/%[1]s/deposits","body":{"amount":1000000,"currency":"EUR"}}, {"path":"/v1/accounts/%[1]s/holds","body":{"amount":1000,"currency":"EUR"}},
		{"path":"/v1/payments","body":{"account_id":%[1]q,"amount":10,"currency":"EUR","creditor":{"name":"Grace","account":"ACC-1"}}}]`
	for n := range 8 {
		id := uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(n)}).String()
		r := &request{op: &operation{api: f.operations[0].api}, method: http.MethodPost, target: "/v1/bulk", header: http.Header{
			"Authorization": {"Bearer " + f.known.tokens["accounts:write"]}, "Content-Type": {"application/json"}, "Idempotency-Key": {"prepare-" + id},
		}, body: fmt.Appendf(nil, bulk, id, []string{customer, "owner-1"}[n%2])}
		a, err := f.ask(f.t.Context(), http.DefaultClient, r)
		if err != nil || a.status != http.StatusOK || !bytes.Contains(a.body, []byte(`"failed":0`)) {
			f.t.Fatalf("prepare: %v %+v", err, a)
		}
		f.known.learn(a.body)
	}
	b.CaughtUp()
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

const bodyRead = 4 << 20 // of an answer

func (f *fuzz) ask(ctx context.Context, client *http.Client, r *request) (*answer, error) {
	base, err := url.Parse(r.op.api.url)
	if err != nil {
		return nil, err
	}
	base.Opaque = r.target
	if strings.HasPrefix(r.target, "//") { // in a request line that would be a host
		base.Opaque = "//" + base.Host + r.target
	}
	req := &http.Request{Method: r.method, URL: base, Host: base.Host, Header: r.header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if r.body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
	}
	response, err := client.Do(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.Header.Get("Content-Type") == "text/event-stream" { // it has no end
		return &answer{response.StatusCode, response.Header, nil}, nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyRead))
	if err != nil {
		return nil, err
	}
	return &answer{response.StatusCode, response.Header, body}, nil
}

// repeatable tells whether the answer stands under the request's key.
func (r *request) repeatable(a *answer) bool {
	return a.status/100 == 2 && len(r.header["Idempotency-Key"]) == 1 && r.method == r.op.method && r.op.path != "/v1/bulk" && !strings.Contains(r.target, "dry_run=true")
}

// secretMember is what is told once, and not again.
var secretMember = regexp.MustCompile(`,"secret":"whsec_[^"]*"`)

func withoutSecret(body []byte) []byte { return secretMember.ReplaceAll(body, nil) }

func (f *fuzz) askAgain(ctx context.Context, client *http.Client, seed int, r *request, first *answer) {
	second, err := f.ask(ctx, client, r)
	for late := time.Now().Add(patience); err == nil && codeOf(second.body) == "idempotency_in_progress" && time.Now().Before(late); {
		second, err = f.ask(ctx, client, r) // another request, that was drawn with the same key, runs
	}
	switch {
	case err != nil:
		f.violation(seed, r, nil, "no answer to the same again: "+err.Error())
	case second.status != first.status || !bytes.Equal(second.body, withoutSecret(first.body)) || second.header.Get("Idempotent-Replayed") != "true":
		f.violation(seed, r, second, fmt.Sprintf("the same again is answered otherwise; at first %d %s", first.status, first.body))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replays++
}

// formal are the codes of requests that do not have the form that the document gives them.
var formal = []string{"malformed_request", "unsupported_media_type", "payload_too_large", "method_not_allowed", "unauthenticated", "insufficient_scope", "idempotency_key_required"}

// hold holds an answer to everything that is promised.
func (f *fuzz) hold(ctx context.Context, seed int, r *request, a *answer) {
	if a.status == 400 && strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") && len(r.faults) > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.unread++ // it never became a request
		return
	}
	f.count(r, a.status)
	if a.status >= 500 {
		f.violation(seed, r, a, "it is our fault")
	}
	parsed, err := url.ParseRequestURI(r.target)
	if err != nil {
		f.violation(seed, r, a, "the path should not have been read: "+err.Error())
		return
	}
	seen := (&http.Request{Method: r.method, URL: parsed, Header: r.header}).WithContext(ctx)
	for _, fault := range r.op.api.contract.Faults(seen, a.status, a.header, a.body) {
		f.violation(seed, r, a, fault)
	}
	code := codeOf(a.body)
	verdict := r.judge()
	switch {
	case r.method == http.MethodOptions: // whoever asks is told what there is
	case (r.refuse || r.garbled) && r.meant() && a.status < 400 && r.op.path != "/v1/bulk":
		f.violation(seed, r, a, "it should have been refused")
	case verdict == against && a.status < 400:
		f.violation(seed, r, a, "its body is not as documented, and was accepted")
	case len(r.faults) == 0 && r.op.path != "/v1/bulk" && slices.Contains(formal, code):
		f.violation(seed, r, a, "it is as documented, and was refused for its form")
	}
}

func (f *fuzz) count(r *request, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tally[r.op.name()] == nil {
		f.tally[r.op.name()] = map[int]int{}
	}
	f.tally[r.op.name()][status]++
	if status >= 500 {
		f.faults++
	}
}

const violationsShown = 12

func (f *fuzz) violation(seed int, r *request, a *answer, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.violations++
	if f.violations > violationsShown {
		f.t.Fail()
		return
	}
	var said string
	if a != nil {
		said = fmt.Sprintf("\nanswer: %d %v %s", a.status, a.header, short(a.body))
	}
	f.t.Errorf("%s, seed %d, %s %v: %s\n%s %s\n%v\n%s%s", r.op.name(), seed, r.mood, r.faults, what, r.method, short([]byte(r.target)), headersShort(r.header), short(r.body), said)
}

func headersShort(h http.Header) string {
	var out []string
	for name, values := range h {
		if name == "Authorization" && len(values) == 1 {
			values = []string{"…" + values[0][max(0, len(values[0])-20):]}
		}
		out = append(out, fmt.Sprintf("%s: %s", name, short([]byte(strings.Join(values, " | ")))))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func short(b []byte) string {
	if len(b) > 400 {
		return fmt.Sprintf("%.400q… (%d bytes)", b, len(b))
	}
	return fmt.Sprintf("%q", b)
}

// report prints what was asked.
func (f *fuzz) report() {
	var out strings.Builder
	total := 0
	for _, op := range f.operations {
		sum, line := 0, ""
		for _, status := range sortedKeys(f.tally[op.name()]) {
			n := f.tally[op.name()][status]
			sum += n
			line += fmt.Sprintf("  %d: %d", status, n)
		}
		total += sum
		fmt.Fprintf(&out, "%-58s %7d%s\n", op.name(), sum, line)
		if sum == 0 && total > 50*len(f.operations) {
			f.t.Errorf("%s was never asked", op.name())
		}
	}
	f.t.Logf("%d requests, %d of them asked again, %d refused by net/http; 5xx: %d; violations: %d\n%s", total, f.replays, f.unread, f.faults, f.violations, out.String())
}

func sortedKeys(m map[int]int) []int { return slices.Sorted(maps.Keys(m)) }

// codeOf is the code of a problem, "" of anything else.
func codeOf(body []byte) string {
	var p struct{ Code string }
	_ = json.Unmarshal(body, &p) // what is no problem has none
	return p.Code
}
