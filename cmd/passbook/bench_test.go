package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"passbook/internal/loadgen"
)

// readyBank has its accounts already, and believes every command.
func readyBank(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(believer())
	t.Cleanup(server.Close)
	return server.URL
}

func believer() http.Handler {
	var position atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.Header.Get("Idempotency-Key"), "ready"):
			w.WriteHeader(http.StatusUnprocessableEntity)
		case r.Method == http.MethodPost:
			position.Add(1)
			w.Header().Set("Passbook-Position", "7")
			w.WriteHeader(http.StatusCreated)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
}

func bench(t *testing.T, url string, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, notes bytes.Buffer
	args = append([]string{"bench", "--token", "x", "--command-url", url, "--ops-url", url, "--rate", "200", "--duration", "200ms", "--warmup", "0s"}, args...)
	exit = run(t.Context(), args, map[string]string{}, &out, &notes)
	return exit, out.String(), notes.String()
}

func TestBenchExitsByItsGoals(t *testing.T) {
	t.Parallel()
	url := readyBank(t)
	for goals, want := range map[string]int{
		"rate>=1,errors<=0": 0, "rate>=1000000": 1, "p99<=1us": 1, "": 0, "rate>=": 2, "lag_p99<=1s": 2, // which is not measured
	} {
		exit, stdout, stderr := bench(t, url, "--goal", goals)
		if exit != want || want == 1 && (!strings.Contains(stdout, "MISSED") || !strings.Contains(stderr, "goal missed: "+goals)) {
			t.Errorf("%q: exit %d\n%s%s", goals, exit, stdout, stderr)
		}
	}
}

func TestBenchRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	url := readyBank(t)
	for _, args := range [][]string{{"--scenario", "two-writers"}, {"--scenario", "none"}, {"--connections", "0"}, {"--rate", "-1"}, {"--accounts", "0"}} {
		if exit, stdout, stderr := bench(t, url, args...); exit != 2 {
			t.Errorf("%v: exit %d\n%s%s", args, exit, stdout, stderr)
		}
	}
}

func TestBenchWritesItsReport(t *testing.T) {
	t.Parallel()
	url, dir := readyBank(t), t.TempDir()
	exit, stdout, stderr := bench(t, url, "--json", "-", "--acks", filepath.Join(dir, "acks"))
	var report loadgen.Report
	if err := json.Unmarshal([]byte(stdout), &report); exit != 0 || err != nil || report.Result.Accepted == 0 || !strings.Contains(stderr, "p99.9") {
		t.Fatalf("exit %d, %v\n%s%s", exit, err, stdout, stderr)
	}
	acks, err := os.ReadFile(filepath.Join(dir, "acks"))
	if lines := int64(bytes.Count(acks, []byte(" 7\n"))); err != nil || lines != report.Result.Accepted {
		t.Errorf("%d acknowledgements of %d, %v", lines, report.Result.Accepted, err)
	}
	exit, stdout, _ = bench(t, url, "--json", filepath.Join(dir, "report"))
	file, err := os.Open(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil || json.Unmarshal(content, &report) != nil || exit != 0 || !strings.Contains(stdout, "p99.9") {
		t.Errorf("exit %d, %v\n%s", exit, err, stdout)
	}
}
