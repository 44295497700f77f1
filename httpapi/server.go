package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi/auth"
	"passbook/httpapi/docpage"
)

// Authenticator tells whom a token speaks for. Errors are *auth.InvalidToken, auth.ErrUnavailable or that of ctx.
type Authenticator interface {
	Verify(ctx context.Context, token string) (*auth.Identity, error)
}

// Config is what a server of either API needs. Zero limits get the defaults named beside them.
type Config struct {
	Auth    Authenticator
	Log     *slog.Logger
	Metrics prometheus.Registerer

	// Admit refuses a request before its body is read, when there is no use in doing more for it. Nil admits all. It is asked
	// once it is known who calls, and on public routes not at all.
	Admit func(*Call) error

	// Trail takes note of what is asked and not granted. Nil: nobody does.
	Trail Trail

	// TLS is what connections are made with; nil: plain. HTTP/2 is not spoken, whatever it says.
	TLS *tls.Config

	Rates    Rates    // none
	Browsers Browsers // of no other origin
	Proxies  Proxies  // none is believed

	RequestTimeout    time.Duration // for an answer, after which it is 504; 20 s
	ReadHeaderTimeout time.Duration // 5 s
	ReadTimeout       time.Duration // for head and body; 15 s
	WriteTimeout      time.Duration // from the end of the head to the end of the answer; RequestTimeout + 10 s
	IdleTimeout       time.Duration // of a kept connection; 120 s
	StopTimeout       time.Duration // for requests in flight when the server stops; 15 s
	MaxHeaderBytes    int           // 16 KiB
	MaxConnections    int           // 4096
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field    *time.Duration
		fallback time.Duration
	}{
		{&c.RequestTimeout, 20 * time.Second},
		{&c.ReadHeaderTimeout, 5 * time.Second},
		{&c.ReadTimeout, 15 * time.Second},
		{&c.IdleTimeout, 120 * time.Second},
		{&c.StopTimeout, 15 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = c.RequestTimeout + writeReserve
	}
	if c.MaxHeaderBytes == 0 {
		c.MaxHeaderBytes = 16 << 10
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 4096
	}
}

// Server is one API. It is an http.Handler, for tests and for those who bring their own listener.
type Server struct {
	name        string
	cfg         Config
	document    *document
	page        func() (*docpage.Page, error) // made when it is first asked for
	metrics     *metrics
	browsers    *browsers
	rates       *rates // nil when there are none
	connections *connections
	echo        *echo.Echo
	routes      map[Route]*route
	unmatched   *route
	stopping    chan struct{} // closed by stop, when no more requests are taken
	stop        func()
}

// NewServer makes the server of the named API from its OpenAPI document (YAML) and its handlers. It fails when a route
// lacks a rule of access, or document and handlers do not agree.
func NewServer(name string, cfg Config, yaml []byte, register func(*Routes)) (*Server, error) {
	cfg.setDefaults()
	document, err := loadDocument(yaml)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(name, cfg.Metrics)
	if err != nil {
		return nil, err
	}
	rates, err := newRates(name, cfg.Rates, cfg.Metrics)
	if err != nil {
		return nil, err
	}
	connections, err := newConnections(name, cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		name: name, cfg: cfg, document: document, page: sync.OnceValues(func() (*docpage.Page, error) { return docpage.Make(document.spec) }), metrics: metrics, rates: rates, connections: connections, browsers: newBrowsers(cfg.Browsers), echo: newEcho(),
		routes: map[Route]*route{}, stopping: make(chan struct{}),
	}
	s.stop = sync.OnceFunc(func() { close(s.stopping) })
	s.unmatched = &route{server: s, timings: &timings{metrics: metrics, route: "unmatched", method: "any"}}
	s.echo.HTTPErrorHandler = s.answerUnmatched
	routes := &Routes{server: s}
	register(routes)
	routes.GET("/openapi.json", s.serveDocument)
	routes.GET("/docs", s.servePage)
	if err := routes.check(); err != nil {
		return nil, fmt.Errorf("%s API: %w", name, err)
	}
	return s, nil
}

func newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard) // ours is slog
	return e
}

func (s *Server) serveDocument(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/json", s.document.json)
}

// Run serves on the listener until ctx is done, then takes no more connections and waits for the requests in flight, but
// no longer than StopTimeout. It closes the listener. The error is nil after an orderly stop.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:                      s,
		ConnContext:                  s.connContext,
		ReadHeaderTimeout:            s.cfg.ReadHeaderTimeout,
		ReadTimeout:                  s.cfg.ReadTimeout,
		WriteTimeout:                 s.cfg.WriteTimeout,
		IdleTimeout:                  s.cfg.IdleTimeout,
		MaxHeaderBytes:               s.cfg.MaxHeaderBytes,
		ConnState:                    s.connections.connState,
		DisableGeneralOptionsHandler: true,                                                    // "OPTIONS *" is answered as all that we do not have
		ErrorLog:                     slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug), // clients that hang up
	}
	server.RegisterOnShutdown(s.stop)
	return Serve(ctx, &boundedListener{listener, s.connections}, server, s.cfg.StopTimeout)
}

// Serve runs an http.Server as Server.Run does.
func Serve(ctx context.Context, listener net.Listener, server *http.Server, stopTimeout time.Duration) error {
	fresh := watchFresh(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	defer time.AfterFunc(freshTime, fresh.close).Stop()
	err := server.Shutdown(limit)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests still ran %s after the stop: %w", stopTimeout, err), server.Close())
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}
