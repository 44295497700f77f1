// Package ops is the operations port: whether a process lives, whether it is ready for work, its metrics and its profiles. It
// listens on an address of its own, which is not for clients, and asks for no token.
package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"passbook/httpapi"
)

// Check is one thing that a process needs before it is ready. Ready must return when ctx is done.
type Check struct {
	Name  string
	Ready func(ctx context.Context) error
}

// Config is what the operations port shows.
type Config struct {
	Log          *slog.Logger
	Metrics      prometheus.Gatherer
	Checks       []Check
	CheckTimeout time.Duration           // for all checks of one answer; 2 s
	Handlers     map[string]http.Handler // by path pattern: what else is served here, such as the local issuer
}

// Server is the operations port of a process. It is an http.Handler.
type Server struct {
	cfg      Config
	mux      *http.ServeMux
	checks   []*check
	stopping atomic.Bool
}

// check is a Check with what it said last, so that changes alone are logged.
type check struct {
	Check
	failing atomic.Bool
}

// errSlow is a check that has not answered in time.
var errSlow = errors.New("no answer in time")

// New makes the server.
func New(cfg Config) *Server {
	if cfg.CheckTimeout == 0 {
		cfg.CheckTimeout = 2 * time.Second
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux()}
	for _, c := range cfg.Checks {
		s.checks = append(s.checks, &check{Check: c})
	}
	s.mux.HandleFunc("GET /livez", s.serveLive)
	s.mux.HandleFunc("GET /readyz", s.serveReady)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelError),
	}))
	s.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	s.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	s.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	for pattern, h := range cfg.Handlers {
		s.mux.Handle(pattern, h)
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Run serves on the listener until ctx is done.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	return httpapi.Serve(ctx, listener, &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}, 5*time.Second)
}

// Stopping makes the process not ready from now on: the first step of an orderly stop.
func (s *Server) Stopping() { s.stopping.Store(true) }

// serveLive answers as long as the process can answer at all. Nothing that a restart would not cure belongs in it.
func (s *Server) serveLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, report{Status: "live"})
}

// report is the answer of /readyz.
type report struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.CheckTimeout)
	defer cancel()
	answer, status := report{Status: "ready", Checks: map[string]string{}}, http.StatusOK
	for i, err := range s.runAll(ctx) {
		answer.Checks[s.checks[i].Name] = "ok"
		if err != nil {
			answer.Checks[s.checks[i].Name] = "failing" // the reason may hold names and addresses: it is in the log
			answer.Status, status = "not ready", http.StatusServiceUnavailable
		}
	}
	if s.stopping.Load() {
		answer.Status, status = "stopping", http.StatusServiceUnavailable
	}
	writeJSON(w, status, answer)
}

// runAll runs the checks at once and returns what they say, in their order.
func (s *Server) runAll(ctx context.Context) []error {
	results := make([]error, len(s.checks))
	var wait sync.WaitGroup
	for i, c := range s.checks {
		wait.Go(func() { results[i] = s.run(ctx, c) })
	}
	wait.Wait()
	return results
}

func (s *Server) run(ctx context.Context, c *check) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
		s.report(ctx, c, err)
	}()
	err = c.Ready(ctx)
	if err == nil && ctx.Err() != nil {
		err = errSlow
	}
	return err
}

func (s *Server) report(ctx context.Context, c *check, err error) {
	switch was := c.failing.Swap(err != nil); {
	case err != nil && !was:
		s.cfg.Log.WarnContext(ctx, "not ready", "check", c.Name, "error", err)
	case err == nil && was:
		s.cfg.Log.InfoContext(ctx, "ready again", "check", c.Name)
	}
}

func writeJSON(w http.ResponseWriter, status int, value report) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("ops: encode report: %v", err)) // texts and maps of texts alone
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a caller that has gone needs no answer
}
