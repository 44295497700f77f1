package report

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passbook/bench/contender"
	"passbook/bench/figure"
	"passbook/bench/rig"
	"passbook/internal/loadgen"
)

// measured is a run of two rounds in which the machine was half as fast in the second.
func measured() *Run {
	r := &Run{
		Started: time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC), Commit: "abc123", Command: "make bench", Rounds: 2, Seconds: 5,
		Machine: rig.Machine{
			Machine:    loadgen.Machine{CPU: "A fast one", Cores: 2, MemoryBytes: 16 << 30, GoVersion: "go1.26"},
			Filesystem: "ext4", SyncMicros: 95.4,
		},
		Server:  map[string]string{"server_version": "15.1", "fsync": "on"},
		Others:  rig.Others{Used: 0.031, Stolen: 0.002},
		LeftOut: map[string]string{"emmett": "it needs node"},
	}
	yardstick := contender.Contender{Measures: []contender.Measure{{ID: contender.YardstickWrite, Title: "pgbench", Over: contender.YardstickWrite}}}
	faster := contender.Contender{Measures: []contender.Measure{{ID: contender.OverSocket(contender.YardstickWrite), Title: "pgbench, socket", Over: contender.YardstickWrite}}}
	ours := contender.Contender{Measures: []contender.Measure{{ID: "pipeline/64", Title: "pipeline", Over: contender.YardstickWrite}}}
	for _, speed := range []float64{1, 0.5} {
		r.Add(yardstick, map[string]contender.Sample{contender.YardstickWrite: {Operations: 1, Rate: 20_000 * speed, Others: 0.1 * speed}})
		r.Add(faster, map[string]contender.Sample{contender.OverSocket(contender.YardstickWrite): {Operations: 1, Rate: 25_000 * speed}})
		r.Add(ours, map[string]contender.Sample{"pipeline/64": {
			Operations: 100, Conflicts: 25, Rate: 10_000*speed + 1000,
			Latency: &contender.Quantiles{P50: 2, P99: 5, P999: 9.5, Max: 20},
			Lag:     &contender.Lag{Quantiles: contender.Quantiles{P50: 10, P99: 200 / speed, Max: 800}, FirstThird: 30, LastThird: 40},
			Cost: &contender.Cost{
				WALBytes: 1200, Disk: map[string]float64{"events": 500, "snapshots": 0.2}, CPUMicros: map[string]float64{"passbook": 40, "postgres": 60.5},
				Memory: map[string]int64{"passbook": 100 << 20},
			},
		}})
	}
	r.Finish()
	return r
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	t.Parallel()
	r := measured().result("pipeline/64")
	if want := (figure.Spread{Min: 0.55, Median: 0.575, Max: 0.6}); !near(r.Ratio, want) {
		t.Errorf("the ratio is %+v, want %+v", r.Ratio, want)
	}
	if want := (figure.Spread{Min: 6000, Median: 8500, Max: 11000}); r.Rate != want {
		t.Errorf("the rate is %+v, want %+v", r.Rate, want)
	}
}

func near(a, b figure.Spread) bool {
	const eps = 1e-9
	return a.Min-b.Min < eps && b.Min-a.Min < eps && a.Median-b.Median < eps && b.Median-a.Median < eps && a.Max-b.Max < eps && b.Max-a.Max < eps
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"whole pipeline, 64 connections, over pgbench INSERT":    "goal 0.55, measured 0.57 (0.55-0.60), over a Unix socket 0.46 (0.44-0.48)",
		"whole pipeline, 64 connections, lag p99 in ms":          "goal at most 250, measured 300 (200-400): SHORT",
		"command-api alone, 64 connections, over pgbench INSERT": "goal 1.1, not measured",
	}
	for _, v := range measured().Goals {
		if text, ok := want[v.Title]; ok && v.String() != text {
			t.Errorf("%s: %q, want %q", v.Title, v, text)
		}
		delete(want, v.Title)
	}
	if len(want) > 0 {
		t.Errorf("no such goals: %v", want)
	}
}

func TestGoalsAreOfMeasuresThatExist(t *testing.T) {
	t.Parallel()
	contenders, err := contender.All(nil)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"": true}
	for _, c := range contenders {
		for _, m := range c.Measures {
			known[m.ID] = true
		}
	}
	for _, g := range Goals {
		if !known[g.Measure] || !known[g.Over] || g.Measure == "" {
			t.Errorf("%s is about %q over %q, which nobody measures", g.Title, g.Measure, g.Over)
		}
		if (g.AtLeast > 0) == (g.AtMost > 0) {
			t.Errorf("%s has no bound, or two", g.Title)
		}
	}
}

func TestTablesAsText(t *testing.T) {
	t.Parallel()
	want := strings.TrimPrefix(`
What                           a second    over yardstick  p50 ms  p99 ms  p99.9 ms  conflicts  others
pgbench          15,000 (10,000-20,000)                 1       -       -         -          -    10 %
pgbench, socket  18,750 (12,500-25,000)              1.25       -       -         -          -     0 %
pipeline           8,500 (6,000-11,000)  0.57 (0.55-0.60)       2       5       9.5       0.25     0 %
`, "\n")
	if got := measured().figures().text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTablesAsMarkdown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ got, want string }{
		"lags": {measured().lags().markdown(), `
| Lag | p50 ms | p99 ms | p99, first third | p99, last third | worst ms |
|---|---:|---:|---:|---:|---:|
| pipeline | 10 | 300 (200-400) | 30 | 40 | 800 |
`},
		"costs": {measured().costs().markdown(), `
| Cost of one | CPU µs | WAL bytes | bytes on disk | memory MiB |
|---|---|---:|---|---|
| pipeline | postgres 60.5, passbook 40 | 1,200 | events 500 | passbook 100 |
`},
	} {
		if want := strings.TrimPrefix(c.want, "\n"); c.got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, c.got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{0: "0", 0.25: "0.25", 1.5: "1.5", 2: "2", 99.4: "99.4", 100: "100", 1234.5: "1,235", 24691234: "24,691,234", -1500: "-1,500"} {
		if got := number(f); got != want {
			t.Errorf("number %v is %q, want %q", f, got, want)
		}
	}
	for f, want := range map[float64]string{0: "0.00", 1: "1.00", 1.325: "1.32", 0.5: "0.50", 0.0123: "0.012", 0.00456: "0.0046"} {
		if got := ratio(f); got != want {
			t.Errorf("ratio %v is %q, want %q", f, got, want)
		}
	}
	if got := spread(figure.Spread{Min: 2, Median: 2, Max: 2}, number); got != "2" {
		t.Errorf("a spread of nothing is %q", got)
	}
}

func TestFiguresAreReplacedBetweenTheMarkers(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	text := "# Title\n\nBy hand.\n\n" + begin + "\n\nold\n\n" + end + "\n\nBelow.\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing more
		if err := measured().WriteInto(page); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := "# Title\n\nBy hand.\n\n" + begin + "\n\n" + strings.TrimSpace(measured().Markdown()) + "\n\n" + end + "\n\nBelow.\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, part := range []string{
		"2026-11-21 12:30 UTC", "commit abc123", "`make bench`", "A fast one, 2 cores, 16 GiB", "Postgres 15.1", "fsync on",
		"| at most 250 | 300 (200-400) | SHORT |", "emmett was left out: it needs node", "others used 3.1 %",
	} {
		if !strings.Contains(string(got), part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

func TestPageWithoutMarkersStaysAsItIs(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	for _, text := range []string{"# Title\n", begin + " only", end + begin} {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := measured().WriteInto(page); !errors.Is(err, errNoMarkers) {
			t.Errorf("%q gives %v", text, err)
		}
		if got, err := os.ReadFile(page); err != nil || string(got) != text {
			t.Errorf("%q has become %q, %v", text, got, err)
		}
	}
}

func TestJSONHasEveryRound(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "run.json")
	if err := measured().WriteJSON(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got Run
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Results) != 3 || len(got.Results[2].Rounds) != 2 || got.Results[2].Rounds[1].Lag.P99 != 400 || got.Results[2].ID != "pipeline/64" {
		t.Errorf("the file says\n%s", text)
	}
}
