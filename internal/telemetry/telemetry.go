// Package telemetry makes what a process says about itself: its logger and its metrics registry. Both are values that
// are passed on; nothing is set globally, so that several parts of a bank can run in one process and in one test.
package telemetry

import (
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// version is set when the binary is linked (-ldflags "-X passbook/internal/telemetry.version=...").
var version string

// Version names the code this process runs: what it was linked with, else what the module says, else "dev".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// NewLogger writes lines of at least the given level to w: one JSON object a line, or key=value text for people. Times are
// UTC. service, when not empty, stands in every line.
func NewLogger(w io.Writer, level slog.Leveler, asJSON bool, service string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: utc}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if asJSON {
		handler = slog.NewJSONHandler(w, options)
	}
	log := slog.New(handler)
	if service != "" {
		log = log.With("service", service)
	}
	return log
}

func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// NewRegistry returns a registry that already knows the Go runtime, the operating system's process, and which build of
// which service this is (passbook_build_info).
func NewRegistry(service string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(service),
	)
	return registry
}

func buildInfo(service string) prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "passbook_build_info",
		Help: "Always 1; the labels say what runs.",
	}, []string{"service", "version", "go_version"})
	info.WithLabelValues(service, Version(), runtime.Version()).Set(1)
	return info
}

// Handler serves /metrics from the registry. A collector that fails costs its own metrics, not the answer: what is left
// is worth most when something is broken.
func Handler(registry *prometheus.Registry, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry:      registry,
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
	})
}
