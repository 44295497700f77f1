package loadgen_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"passbook/internal/loadgen"
)

// Bulks come beside single requests in one run; what they acknowledged is noted under the keys of the items.
func TestBulk(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	config := bank.config(loadgen.Bulk)
	config.Rate, config.Duration = 0, 200*time.Millisecond
	path := filepath.Join(t.TempDir(), "acks")
	acks, err := loadgen.CreateAckLog(path)
	if err != nil {
		t.Fatal(err)
	}
	config.Acks = acks
	report := run(t, config)
	b := report.Bulk
	if b == nil || b.Accepted+b.Failed != int64(bank.counted["bulk"]) || b.Failed*1000 != b.Accepted+b.Failed || b.Items != 10_000 {
		t.Fatalf("%+v; the bank got %v", b, bank.counted)
	}
	if b.Rate <= 0 || b.Ratio != b.Rate/report.Result.Rate || b.Latency.Count != int64(bank.counted["bulk"]/b.Items) {
		t.Errorf("%+v", b)
	}
	if err := acks.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		key, position, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strconv.FormatInt(bank.acked[key], 10) != position {
			t.Fatalf("%s was acknowledged at %d", line, bank.acked[key])
		}
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "times the rate of single requests") {
		t.Errorf("%s, %v", text.String(), err)
	}
}

func TestABulkThatIsRefusedEndsTheRun(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	bank.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/bulk" {
			problem(w, 503, "overloaded")
		}
		return r.URL.Path == "/v1/bulk"
	}
	config := bank.config(loadgen.Bulk)
	config.Rate, config.Duration = 0, 100*time.Millisecond
	if _, err := loadgen.Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v", err)
	}
}
