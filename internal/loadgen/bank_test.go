package loadgen_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passbook/internal/loadgen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBank answers both APIs and the metrics. It believes every command; accounts it knows once they were opened.
type fakeBank struct {
	t   *testing.T
	url string

	position atomic.Int64
	before   func(w http.ResponseWriter, r *http.Request) (answered bool) // optional, not for the preparation
	lag      time.Duration                                                // of reads that demand a position

	mu       sync.Mutex
	accounts map[string]bool
	acked    map[string]int64 // by key
	counted  map[string]int   // by operation, without the preparation
	hits     map[string]int   // by account, likewise
	prepared int              // commands of the preparation
	tokens   map[string]bool
}

func newBank(t *testing.T) *fakeBank {
	t.Helper()
	b := &fakeBank{t: t, accounts: map[string]bool{}, acked: map[string]int64{}, counted: map[string]int{}, hits: map[string]int{}, tokens: map[string]bool{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// config is of a short run against the bank.
func (b *fakeBank) config(scenario loadgen.Scenario) loadgen.Config {
	return loadgen.Config{
		CommandURLs: []string{b.url}, QueryURL: b.url, OpsURLs: []string{b.url, b.url}, Token: "secret", Scenario: scenario, Accounts: 50, Seed: 1,
		Rate: 1000, Connections: 8, Duration: 300 * time.Millisecond, Timeout: 5 * time.Second, Notes: io.Discard,
	}
}

func run(t *testing.T, config loadgen.Config) *loadgen.Report {
	t.Helper()
	report, err := loadgen.Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (b *fakeBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/metrics" {
		_, _ = io.WriteString(w, "# HELP x y\nprocess_cpu_seconds_total 1.5\nprocess_resident_memory_bytes 1e+08\n"+
			`passbook_build_info{go_version="go1.26",service="passbook",version="v9"} 1`+"\n")
		return
	}
	key := r.Header.Get("Idempotency-Key")
	preparing := strings.Contains(key, "-open-") || strings.Contains(key, "-fund-") || strings.Contains(key, "ready")
	if !preparing && b.before != nil && b.before(w, r) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens[r.Header.Get("Authorization")] = true
	if preparing {
		b.prepared++
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // v1 accounts {id} deposits
	switch {
	case r.Method == http.MethodGet && len(parts) == 3:
		b.read(w, r, parts[2])
	case r.URL.Path == "/v1/transfers":
		b.transfer(w, r, key)
	case r.URL.Path == "/v1/bulk":
		b.bulk(w, r, key)
	case r.Method == http.MethodPost && len(parts) == 2:
		b.open(w, r, key, preparing)
	case r.Method == http.MethodPost && len(parts) == 4:
		b.move(w, r, key, parts[2], parts[3], preparing)
	default:
		b.t.Errorf("unexpected %s %s", r.Method, r.URL)
	}
}

func (b *fakeBank) read(w http.ResponseWriter, r *http.Request, account string) {
	if demanded := r.Header.Get("Passbook-Min-Position"); demanded != "" {
		b.mu.Unlock()
		<-time.After(b.lag)
		b.mu.Lock()
		w.Header().Set("Passbook-Position", demanded)
	} else {
		b.count("read", account)
	}
	if !b.accounts[account] {
		problem(w, 404, "not_found")
		return
	}
	_, _ = io.WriteString(w, `{"account_id": "`+account+`"}`) //nolint:gosec // a test that talks to itself
}

func (b *fakeBank) open(w http.ResponseWriter, r *http.Request, key string, preparing bool) {
	var body struct {
		AccountID string `json:"account_id"`
		OwnerID   string `json:"owner_id"`
		OwnerName string `json:"owner_name"`
		Currency  string `json:"currency"`
	}
	b.decode(r, &body)
	if body.OwnerID == "" || body.OwnerName == "" || body.Currency != "EUR" || preparing != (body.AccountID != "") {
		b.t.Errorf("opened with %+v under %s", body, key)
	}
	if !preparing {
		b.count("open", "")
	}
	b.accounts[body.AccountID] = true
	b.accept(w, key)
}

func (b *fakeBank) move(w http.ResponseWriter, r *http.Request, key, account, operation string, preparing bool) {
	var body struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	b.decode(r, &body)
	if body.Amount < 1 || body.Currency != "EUR" {
		b.t.Errorf("moved %+v", body)
	}
	switch {
	case !b.accounts[account]:
		problem(w, 404, "not_found")
		return
	case preparing && operation == "withdrawals":
		problem(w, 422, "insufficient_funds")
		return
	case !preparing:
		b.count(operation, account)
	}
	b.accept(w, key)
}

func (b *fakeBank) transfer(w http.ResponseWriter, r *http.Request, key string) {
	var body struct {
		Source   string `json:"source_account_id"`
		Target   string `json:"target_account_id"`
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	b.decode(r, &body)
	if body.Amount < 1 || body.Currency != "EUR" || body.Source == body.Target || !b.accounts[body.Source] || !b.accounts[body.Target] {
		b.t.Errorf("transfer %+v", body)
	}
	b.count("transfers", body.Source)
	b.accept(w, key)
}

// bulk accepts each item but every thousandth.
func (b *fakeBank) bulk(w http.ResponseWriter, r *http.Request, key string) {
	if r.Header.Get("Content-Type") != "application/x-ndjson" {
		b.t.Errorf("a bulk of %q", r.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(r.Body)
	for i := 0; lines.Scan(); i++ {
		var item struct {
			Path string
			Body struct {
				Amount   int64
				Currency string
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &item); err != nil || item.Body.Amount < 1 || !b.accounts[strings.Split(item.Path, "/")[3]] {
			b.t.Errorf("item %s: %v", lines.Text(), err)
		}
		b.count("bulk", "")
		if i%1000 == 999 {
			_, _ = fmt.Fprintf(w, `{"index":%d,"status":503,"body":{"code":"overloaded"}}`+"\n", i)
			continue
		}
		position := b.position.Add(1)
		b.acked[fmt.Sprintf("%s/%d", key, i)] = position
		_, _ = fmt.Fprintf(w, `{"index":%d,"status":201,"body":{"position":%d}}`+"\n", i, position)
	}
}

func (b *fakeBank) count(operation, account string) {
	b.counted[operation]++
	b.hits[account]++
}

func (b *fakeBank) decode(r *http.Request, into any) {
	content, err := io.ReadAll(r.Body)
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err != nil || decoder.Decode(into) != nil {
		b.t.Errorf("%s %s: %v, body %s", r.Method, r.URL, err, content)
	}
}

func (b *fakeBank) accept(w http.ResponseWriter, key string) {
	position, known := b.acked[key]
	if !known {
		position = b.position.Add(1)
		b.acked[key] = position
	}
	w.Header().Set("Passbook-Position", strconv.FormatInt(position, 10))
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"position": %d}`, position)
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"status": %d, "code": %q}`, status, code)
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
