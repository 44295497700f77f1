package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/telemetry"
)

func TestLoggerJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, slog.LevelInfo, true, "projector")
	log.Debug("not this")
	log.Info("this", "position", 7)
	var line struct {
		Time     time.Time
		Level    string
		Msg      string
		Service  string
		Position int
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one JSON object: %v\n%s", err, &out)
	}
	if line.Msg != "this" || line.Level != "INFO" || line.Service != "projector" || line.Position != 7 {
		t.Errorf("got %+v", line)
	}
	if line.Time.Location() != time.UTC {
		t.Errorf("time %v is not in UTC", line.Time)
	}
}

func TestLoggerText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	telemetry.NewLogger(&out, slog.LevelDebug, false, "").Debug("hello", "who", "you")
	got := out.String()
	if !strings.Contains(got, "level=DEBUG msg=hello who=you") || !strings.Contains(got, "Z level") || strings.Contains(got, "service") {
		t.Errorf("got %q", got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := telemetry.NewRegistry("query-api")
	text := scrape(t, registry, io.Discard)
	for _, want := range []string{
		`passbook_build_info{go_version="go1`, `service="query-api",version="` + telemetry.Version() + `"} 1`,
		"go_goroutines ", "process_start_time_seconds ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}

// broken fails whenever it is asked.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }
func (b broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(b.desc, errors.New("the database is gone"))
}

func TestMetricsWithABrokenCollector(t *testing.T) {
	t.Parallel()
	registry := telemetry.NewRegistry("query-api")
	registry.MustRegister(broken{prometheus.NewDesc("broken", "never there", nil, nil)})
	var logged bytes.Buffer
	if text := scrape(t, registry, &logged); !strings.Contains(text, "go_goroutines ") {
		t.Error("one broken collector took all metrics with it")
	}
	if !strings.Contains(logged.String(), "the database is gone") {
		t.Errorf("nothing logged: %q", &logged)
	}
}

func scrape(t *testing.T, registry *prometheus.Registry, logs io.Writer) string {
	t.Helper()
	log := telemetry.NewLogger(logs, slog.LevelInfo, false, "")
	answer := httptest.NewRecorder()
	telemetry.Handler(registry, log).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}
