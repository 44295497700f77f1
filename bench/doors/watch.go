package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// bench is the load: passbook bench of one kind of run.
type bench struct {
	program, state, command, query string
	options                        options
}

// run runs the load, under the wrapping program if there is one.
func (b bench) run(ctx context.Context, duration time.Duration, wrap string) error {
	args := []string{b.program, "bench", "--state", b.state, "--command-url", b.command, "--query-url", b.query, "--scenario", "spread", "--rate", "0",
		"--connections", strconv.Itoa(b.options.connections), "--duration", duration.String(), "--warmup", "1s"}
	if wrap != "" {
		args = append([]string{wrap}, args...)
	}
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput() //nolint:gosec // our own binary
	if err != nil {
		return fmt.Errorf("passbook bench: %w\n%s", err, out)
	}
	return nil
}

// watch looks at the bank while it is under load.
type watch struct {
	ops   string
	bench bench
}

// round is one measurement: what a request cost the process, and what part of it each function took with all that it called.
type round struct {
	perSecond float64
	cpu       time.Duration // of the process, a request
	share     map[string]float64
}

// round puts the bank under load and looks at the middle of it.
func (w *watch) round(ctx context.Context, length time.Duration) (r round, err error) {
	loaded := make(chan error, 1)
	const margin = 4 * time.Second // before and behind what is looked at
	go func() { loaded <- w.bench.run(ctx, length+2*margin, w.bench.options.wrap) }()
	before, err := w.settled(ctx)
	if err != nil {
		return r, errors.Join(err, <-loaded)
	}
	start := time.Now()
	profile, err := w.profile(ctx, length)
	if err != nil {
		return r, errors.Join(err, <-loaded)
	}
	after, err := w.counters(ctx)
	took := time.Since(start)
	if err := errors.Join(err, <-loaded); err != nil {
		return r, err
	}
	requests := after.requests - before.requests
	r.perSecond = requests / took.Seconds()
	r.cpu = time.Duration((after.seconds - before.seconds) / requests * float64(time.Second))
	r.share, err = shares(ctx, w.bench.program, profile)
	return r, errors.Join(err, os.RemoveAll(filepath.Dir(profile)))
}

// counters are the process's own.
type counters struct{ requests, seconds float64 }

// settled waits until requests have been coming for a second.
func (w *watch) settled(ctx context.Context) (counters, error) {
	for {
		first, err := w.counters(ctx)
		if err != nil {
			return first, err
		}
		select {
		case <-ctx.Done():
			return first, ctx.Err()
		case <-time.After(time.Second):
		}
		if second, err := w.counters(ctx); err != nil || second.requests > first.requests+1000 {
			return second, err
		}
	}
}

func (w *watch) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.ops+path, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(request)
}

func (w *watch) counters(ctx context.Context) (c counters, err error) {
	response, err := w.get(ctx, "/metrics")
	if err != nil {
		return c, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseFloat(value, 64) // a comment is none
		switch {
		case name == "process_cpu_seconds_total":
			c.seconds = n
		case strings.HasPrefix(name, "passbook_http_request_duration_seconds_count{") && strings.Contains(name, `api="command"`):
			c.requests += n
		}
	}
	if c.seconds == 0 {
		return c, errors.New("the metrics do not tell the processor time of the process")
	}
	return c, nil
}

// profile is of so long, in a file.
func (w *watch) profile(ctx context.Context, length time.Duration) (path string, err error) {
	response, err := w.get(ctx, "/debug/pprof/profile?seconds="+strconv.Itoa(int(length.Seconds())))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	dir, err := os.MkdirTemp("", "passbook-profile-")
	if err != nil {
		return "", err
	}
	file, err := os.Create(filepath.Join(dir, "cpu")) //nolint:gosec // in the directory made above
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, response.Body)
	return file.Name(), errors.Join(err, file.Close())
}

// shares is what part of the profile each function took, what it called included.
func shares(ctx context.Context, program, profile string) (map[string]float64, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", "-nodecount=100000", "-nodefraction=0", program, profile).Output() //nolint:gosec // our own files
	if err != nil {
		return nil, fmt.Errorf("go tool pprof: %w", err)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line) // flat flat% sum% cum cum% name
		if len(fields) < 6 || !strings.HasSuffix(fields[4], "%") {
			continue
		}
		percent, err := strconv.ParseFloat(strings.TrimSuffix(fields[4], "%"), 64)
		if err != nil {
			continue
		}
		name := strings.TrimSuffix(strings.Join(fields[5:], " "), " (inline)")
		found[name] = percent / 100
	}
	if len(found) == 0 {
		return nil, errors.New("the profile is empty")
	}
	return found, nil
}
