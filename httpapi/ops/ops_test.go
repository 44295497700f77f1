package ops_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi/ops"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	var log bytes.Buffer
	s := ops.New(ops.Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: prometheus.NewRegistry(),
		Checks: []ops.Check{
			{"postgres", func(context.Context) error {
				if broken.Load() {
					return errors.New("password of bob is wrong")
				}
				return nil
			}},
			{"issuer", func(context.Context) error { return nil }},
		},
	})
	if status, body := get(t, s, "/readyz"); status != 200 || body != `{"status":"ready","checks":{"issuer":"ok","postgres":"ok"}}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
	broken.Store(true)
	for range 3 {
		if status, body := get(t, s, "/readyz"); status != 503 || body != `{"status":"not ready","checks":{"issuer":"ok","postgres":"failing"}}`+"\n" {
			t.Errorf("%d %s", status, body)
		}
	}
	if n := strings.Count(log.String(), "not ready"); n != 1 || !strings.Contains(log.String(), "password of bob") {
		t.Errorf("logged %d times: %s", n, log.String())
	}
	if status, _ := get(t, s, "/livez"); status != 200 {
		t.Errorf("not live: %d", status)
	}
	broken.Store(false)
	if status, _ := get(t, s, "/readyz"); status != 200 || !strings.Contains(log.String(), "ready again") {
		t.Errorf("%d, log %s", status, log.String())
	}
	s.Stopping()
	if status, body := get(t, s, "/readyz"); status != 503 || !strings.Contains(body, `"stopping"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestChecksThatHangOrPanicAreFailing(t *testing.T) {
	t.Parallel()
	s := ops.New(ops.Config{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), CheckTimeout: 20 * time.Millisecond,
		Checks: []ops.Check{
			{"hangs", func(ctx context.Context) error { <-ctx.Done(); return nil }},
			{"panics", func(context.Context) error { panic("boom") }},
		},
	})
	if status, body := get(t, s, "/readyz"); status != 503 || !strings.Contains(body, `{"hangs":"failing","panics":"failing"}`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestMetricsAndOtherHandlers(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "passbook_test_total", Help: "A test."})
	registry.MustRegister(counter)
	counter.Inc()
	s := ops.New(ops.Config{
		Log: slog.New(slog.DiscardHandler), Metrics: registry, Handlers: map[string]http.Handler{"/issuer/": http.NotFoundHandler()},
	})
	if status, body := get(t, s, "/metrics"); status != 200 || !strings.Contains(body, "passbook_test_total 1") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(t, s, "/issuer/x"); status != 404 {
		t.Errorf("%d", status)
	}
	for path, contents := range map[string]string{"/debug/pprof/": "goroutine", "/debug/pprof/heap?debug=1": "heap profile", "/debug/pprof/goroutine?debug=1": "TestMetrics"} {
		if status, body := get(t, s, path); status != 200 || !strings.Contains(body, contents) {
			t.Errorf("%s: %d, no %s", path, status, contents)
		}
	}
}

func TestRunUntilTold(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := ops.New(ops.Config{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	go func() { ended <- s.Run(ctx, listener) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close() //nolint:gosec // the far end shows whether it mattered
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}
