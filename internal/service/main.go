package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi/ops"
	"passbook/internal/config"
	"passbook/internal/console"
	"passbook/internal/supervise"
	"passbook/internal/telemetry"
)

// Exit codes of the services; commands have more.
const (
	ExitOK     = console.ExitOK
	ExitFailed = console.ExitFailed
	ExitUsage  = console.ExitUsage
)

// Loaded is what a service's configuration says.
type Loaded struct {
	Process config.Process
	All     fmt.Stringer // the whole of it, secrets masked
	Build   Build
}

// Main is the whole of a service's binary: it runs until a signal and returns the exit code. load reads the configuration. With the one
// argument healthcheck it asks the service that runs under the same environment whether it is ready; with config it prints what
// the environment and the defaults come to.
func Main(ctx context.Context, name string, args []string, stdout, stderr io.Writer, load func() (Loaded, error)) int {
	ctx, stop := supervise.Signals(ctx)
	defer stop()
	cfg, err := load()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return ExitUsage
	}
	switch {
	case len(args) == 1 && args[0] == "healthcheck":
		return healthcheck(ctx, cfg.Process, stderr)
	case len(args) == 1 && args[0] == "config":
		if _, err := io.WriteString(stdout, cfg.All.String()); err != nil {
			fmt.Fprintln(stderr, err)
			return ExitFailed
		}
		return ExitOK
	case len(args) > 0:
		fmt.Fprintf(stderr, "usage: %s [healthcheck | config]; everything else is in the environment\n", name)
		return ExitUsage
	}
	TuneCollector()
	log := NewLogger(stderr, cfg.Process.Log, name)
	if err := runOne(ctx, name, cfg.Process, log, cfg.Build); err != nil {
		log.Error("ended", "error", err)
		return ExitFailed
	}
	return ExitOK
}

// Memory is traded for processor: at tens of thousands of requests a second the collector is a tenth of the work. Past the
// limit, which is most of what a whole bank in one process comes to, it works harder again. The variables GOGC and GOMEMLIMIT overrule them.
const (
	gcPercent   = 400
	memoryLimit = 400 << 20
)

// TuneCollector sets the collector for a server.
func TuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

func healthcheck(ctx context.Context, process config.Process, stderr io.Writer) int {
	if err := telemetry.Probe(ctx, process.OpsAddr); err != nil {
		fmt.Fprintln(stderr, err)
		return ExitFailed
	}
	return ExitOK
}

// Build opens a service.
type Build func(ctx context.Context, rt Runtime) (*Service, error)

// NewLogger is the logger that the configuration asks for.
func NewLogger(w io.Writer, cfg config.Log, name string) *slog.Logger {
	return telemetry.NewLogger(w, slog.Level(cfg.LogLevel), cfg.LogFormat == config.FormatJSON, name)
}

func runOne(ctx context.Context, name string, process config.Process, log *slog.Logger, build Build) error {
	registry := telemetry.NewRegistry(name)
	s, err := build(ctx, Runtime{Log: log, Metrics: registry})
	if err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return nil // told to stop before it had started
		}
		return err
	}
	listener, err := Listen(ctx, process.OpsAddr)
	if err != nil {
		return err
	}
	return RunAll(ctx, log, process, Ops{Listener: listener, Registry: registry}, nil, s)
}

// Ops is the operations server of a process: health, metrics, and what else is mounted on it.
type Ops struct {
	Listener net.Listener
	Registry *prometheus.Registry
	Handlers map[string]http.Handler // what else it serves, by path
}

// RunAll runs the services, and further parts beside them, in one process until ctx is done.
func RunAll(ctx context.Context, log *slog.Logger, process config.Process, o Ops, beside []supervise.Part, services ...*Service) error {
	log.Info("listening", "service", "operations", "address", o.Listener.Addr().String())
	var checks []ops.Check
	parts := beside
	for _, s := range services {
		checks = append(checks, s.Checks...)
		parts = append(parts, s.Parts...)
	}
	server := ops.New(ops.Config{Checks: checks, Metrics: o.Registry, Handlers: o.Handlers, Log: log})
	parts = append(parts,
		supervise.Part{Name: "operations", Stage: supervise.Resources, Run: func(ctx context.Context) error { return server.Run(ctx, o.Listener) }},
		supervise.Part{Name: "readiness", Stage: supervise.Readiness, Run: func(ctx context.Context) error {
			<-ctx.Done()
			server.Stopping()
			return nil
		}},
	)
	return supervise.Run(ctx, log, process.ShutdownTimeout, parts...)
}
