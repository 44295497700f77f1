package loadgen

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteText writes the report for people, without the series.
func (r *Report) WriteText(w io.Writer) error {
	t := &text{}
	r.writeHead(t)
	r.Result.writeCounts(t)
	r.Result.writeLatencies(t)
	r.Result.writeCosts(t)
	if r.Result.Lag != nil {
		r.Result.Lag.write(t)
	}
	if r.Bulk != nil {
		r.Bulk.write(t)
	}
	for _, g := range r.Goals {
		verdict := "met"
		if !g.Met {
			verdict = "MISSED"
		}
		t.line("goal", "%s: %s, measured %s", g.Goal, verdict, number(g.Measured))
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// text is lines with a label each.
type text struct{ strings.Builder }

func (t *text) line(label, format string, args ...any) {
	fmt.Fprintf(t, "%-13s %s\n", label, fmt.Sprintf(format, args...))
}

func (r *Report) writeHead(t *text) {
	m, c := r.Machine, r.Configuration
	t.line("machine", "%d cores, %s, %.1f GiB, kernel %s, %s %s", m.Cores, m.CPU, float64(m.MemoryBytes)/(1<<30), m.Kernel, m.GoVersion, m.Platform)
	t.line("bank", "%s at %s", r.BankVersion, strings.Join(c.CommandURLs, " and "))
	t.line("run", "%s at %s", r.Run, r.StartedAt.Format("2006-01-02 15:04:05 UTC"))
	t.line("scenario", "%s, %d accounts, seed %d", c.Scenario, c.Accounts, c.Seed)
	t.line("load", "%s, %d connections, %s warm-up, %s measured", rateText(r.Result.Offered), c.Connections, c.Warmup, c.Duration)
	if l := r.Limit; l != nil {
		for _, step := range l.Steps {
			t.line("", "%s", step)
		}
		if l.Rate > 0 {
			t.line("limit", "%.0f/s with p99 of at most %s ms (%.0f/s in closed loop)", l.Rate, number(l.P99), l.Closed)
		} else {
			t.line("limit", "none found that holds (%.0f/s in closed loop)", l.Closed)
		}
	}
}

func rateText(rate float64) string {
	if rate == 0 {
		return "closed loop"
	}
	return number(rate) + "/s"
}

func (m *Measurement) writeCounts(t *text) {
	t.line("rate", "%.1f/s accepted", m.Rate)
	t.line("answers", "%s", counts(m.Statuses))
	t.line("counted", "%d accepted, %d refused, %d errors, %d unsent", m.Accepted, m.Refused, m.Errors, m.Unsent)
	if len(m.Causes) > 0 {
		t.line("causes", "%s", counts(m.Causes))
	}
}

func counts(of map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s: %d", name, of[name]))
	}
	return strings.Join(parts, ", ")
}

func (m *Measurement) writeLatencies(t *text) {
	t.line("", "%9s %9s %9s %9s %9s  ms", "p50", "p90", "p99", "p99.9", "max")
	t.latency("latency", m.Latency)
	if len(m.ByKind) > 1 {
		for _, kind := range slices.Sorted(maps.Keys(m.ByKind)) {
			t.latency("  "+kind, m.ByKind[kind])
		}
	}
	t.latency("refused", m.RefusedLatency)
	t.latency("errors", m.ErrorLatency)
	if m.Offered > 0 { // else requests are due when they are sent
		t.latency("send delay", m.SendDelay)
		t.latency("from sent", m.Service)
		t.latency("  refused", m.RefusedService)
	}
}

func (t *text) latency(label string, l Latency) {
	if l.Count > 0 {
		t.line(label, "%9.3f %9.3f %9.3f %9.3f %9.3f", l.P50, l.P90, l.P99, l.P999, l.Max)
	}
}

func (m *Measurement) writeCosts(t *text) {
	g := m.Generator
	t.line("generator", "%.1f us of processor a request, %.2f cores, %d connections opened", g.ProcessorMicros, g.Cores, g.Connections)
	if b := m.Bank; b != nil {
		t.line("bank's cost", "%.1f us of processor an accepted request, %.2f cores, %.1f MiB resident (%+.1f)", b.ProcessorMicros, b.Cores, mebibytes(b.ResidentBytes), mebibytes(b.ResidentGrowth))
	}
	if d := m.Database; d != nil {
		t.line("database", "%.0f bytes of WAL and %.0f bytes on disk an accepted request", d.WALBytes, d.DiskBytes)
	}
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func (l *Lag) write(t *text) {
	t.latency("lag", l.Latency)
	t.latency("  first third", l.First)
	t.latency("  last third", l.Last)
	grows := "does not grow"
	if l.Grows {
		grows = "GROWS"
	}
	t.line("", "%s over the run; %d samples, %d not reached in a minute, %d failed", grows, l.Count, l.Unreached, l.Failed)
}

// number has as many decimals as tell something.
func number(x float64) string { return fmt.Sprintf("%.6g", x) }
