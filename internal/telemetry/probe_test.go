package telemetry_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"passbook/internal/telemetry"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked %s", r.URL.Path)
		}
		if !ready {
			http.Error(w, "database: gone", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{":" + port, "0.0.0.0:" + port, "127.0.0.1:" + port} {
		if err := telemetry.Probe(t.Context(), addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	ready = false
	if err := telemetry.Probe(t.Context(), ":"+port); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "database: gone") {
		t.Errorf("not ready: got %v", err)
	}
	server.Close()
	for _, addr := range []string{":" + port, "nowhere"} {
		if err := telemetry.Probe(t.Context(), addr); err == nil {
			t.Errorf("%s: nobody listens, and the probe is content", addr)
		}
	}
}
