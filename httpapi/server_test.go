package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"passbook/httpapi"
	"passbook/httpapi/auth"
)

// everybody lets every token in, with the scope operations.
type everybody struct{ err error }

func (e everybody) Verify(context.Context, string) (*auth.Identity, error) {
	return nil, e.err
}

// tiny is a document of one operation, which has a rule in the table and no other use here.
const tiny = `
openapi: 3.0.3
info: {title: tiny, version: "1"}
paths:
  /v1/projections:
    get:
      operationId: tiny
      responses: {"200": {description: fine}}
`

// letIn is an Authenticator that asks nothing.
func letIn() httpapi.Authenticator { return admitted{} }

type admitted struct{}

func (admitted) Verify(context.Context, string) (*auth.Identity, error) {
	return auth.NewIdentity("https://issuer.example", "ops", auth.Operations), nil
}

type options struct {
	auth    httpapi.Authenticator
	log     io.Writer
	timeout time.Duration
	metrics *prometheus.Registry
	rates   httpapi.Rates
	more    func(*httpapi.Config)
}

func tinyServer(t *testing.T, o options, h echo.HandlerFunc) *httpapi.Server {
	t.Helper()
	if o.auth == nil {
		o.auth = letIn()
	}
	if o.log == nil {
		o.log = io.Discard
	}
	if o.metrics == nil {
		o.metrics = prometheus.NewRegistry()
	}
	cfg := httpapi.Config{Auth: o.auth, Log: slog.New(slog.NewJSONHandler(o.log, nil)), Metrics: o.metrics, RequestTimeout: o.timeout, StopTimeout: 5 * time.Second, Rates: o.rates}
	if o.more != nil {
		o.more(&cfg)
	}
	s, err := httpapi.NewServer("tiny", cfg, []byte(tiny), func(r *httpapi.Routes) { r.GET("/v1/projections", h) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fine(c echo.Context) error { return c.String(http.StatusOK, "fine") }

func call(s http.Handler, method, path string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer token")
	s.ServeHTTP(w, r)
	return w
}

// problemOf returns the code of a problem.
func problemOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p struct {
		Code      string
		Status    int
		RequestID string `json:"request_id"`
	}
	err := json.Unmarshal(w.Body.Bytes(), &p)
	if err != nil || p.Status != w.Code || p.RequestID != w.Header().Get("X-Request-Id") || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s (%v) is no problem", w.Code, w.Header(), w.Body, err)
	}
	return p.Code
}

func TestErrorsOfEveryOrigin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler echo.HandlerFunc
		status  int
		code    string
		logged  string
	}{
		"named": {func(echo.Context) error {
			return fmt.Errorf("wrapped: %w", &httpapi.Error{Code: httpapi.VersionMismatch, Detail: "d"})
		}, 412, "version_mismatch", ""},
		"nobody's":     {func(echo.Context) error { return errors.New("secret") }, 500, "internal_error", "secret"},
		"out of time":  {func(c echo.Context) error { return fmt.Errorf("x: %w", context.DeadlineExceeded) }, 504, "timeout", "deadline"},
		"caller gone":  {func(c echo.Context) error { return context.Canceled }, 504, "timeout", ""},
		"panic":        {func(echo.Context) error { panic("secret") }, 500, "internal_error", "server_test.go"},
		"panic, error": {func(echo.Context) error { panic(errors.New("secret")) }, 500, "internal_error", "secret"},
		"echo's 400":   {func(echo.Context) error { return echo.NewHTTPError(400, "secret") }, 400, "invalid_parameter", ""},
		"echo's other": {func(echo.Context) error { return echo.NewHTTPError(418, "secret") }, 500, "internal_error", "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			w := call(tinyServer(t, options{log: &log}, c.handler), "GET", "/v1/projections")
			if code := problemOf(t, w); w.Code != c.status || code != c.code || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			lines := strings.Count(log.String(), "\n")
			if c.logged == "" && lines > 0 || c.logged != "" && (lines != 1 || !strings.Contains(log.String(), c.logged)) {
				t.Errorf("log: %s", log.String())
			}
			if c.logged != "" && !strings.Contains(log.String(), w.Header().Get("X-Request-Id")) {
				t.Errorf("the request id is not in the log: %s", log.String())
			}
		})
	}
}

func TestAPanicAfterTheAnswerBeganIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := tinyServer(t, options{log: &log}, func(c echo.Context) error {
		_ = c.String(http.StatusOK, "half")
		panic("late")
	})
	if w := call(s, "GET", "/v1/projections"); w.Body.String() != "half" || strings.Count(log.String(), "late") != 1 {
		t.Errorf("%s, log %s", w.Body, log.String())
	}
}

func TestAbortedHandlersAreNotAnswered(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s := tinyServer(t, options{metrics: registry}, func(echo.Context) error { panic(http.ErrAbortHandler) })
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // a recovered value, not an error
			t.Error("the abort did not come through")
		}
		if n := gauge(t, registry); n != 0 {
			t.Errorf("%v requests in flight", n)
		}
	}()
	call(s, "GET", "/v1/projections")
}

func gauge(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "passbook_http_requests_in_flight" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no gauge")
	return 0
}

func TestUnmatchedRequests(t *testing.T) {
	t.Parallel()
	s := tinyServer(t, options{}, fine)
	for _, path := range []string{"/", "/v1/projections/", "//v1/projections", "/v1/../v1/projections", "/v1/projections%2f", "/V1/projections", "/v1/%2e%2e/openapi.json"} {
		if w := call(s, "GET", path); problemOf(t, w) != "not_found" || w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "PROPFIND", "GIBBERISH"} {
		w := call(s, method, "/v1/projections")
		if w.Code != 405 || !strings.Contains(w.Header().Get("Allow"), "GET") {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	if w := call(s, "OPTIONS", "/v1/projections"); w.Code != 204 || w.Header().Get("X-Request-Id") == "" || !strings.Contains(w.Header().Get("Allow"), "GET") {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
}

func TestTokensThatCannotBeVerified(t *testing.T) {
	t.Parallel()
	w := call(tinyServer(t, options{auth: everybody{auth.ErrUnavailable}}, fine), "GET", "/v1/projections")
	if problemOf(t, w) != "maintenance" || w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestRequestsHaveADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := tinyServer(t, options{timeout: time.Minute}, func(c echo.Context) error {
			<-c.Request().Context().Done()
			return c.Request().Context().Err()
		})
		begun := time.Now()
		w := call(s, "GET", "/v1/projections")
		if w.Code != 504 || time.Since(begun) != time.Minute || !strings.Contains(w.Body.String(), `"limit":"request_time"`) {
			t.Errorf("%d after %s: %s", w.Code, time.Since(begun), w.Body)
		}
	})
}

func TestServersThatDoNotFitTheirDocument(t *testing.T) {
	t.Parallel()
	for name, register := range map[string]func(*httpapi.Routes){
		"no rule":       func(r *httpapi.Routes) { r.GET("/v1/projections", fine); r.GET("/v1/secrets", fine) },
		"another verb":  func(r *httpapi.Routes) { r.GET("/v1/projections", fine); r.DELETE("/v1/projections", fine) },
		"no document":   func(r *httpapi.Routes) { r.GET("/v1/projections", fine); r.GET("/v1/accounts/:account_id", fine) },
		"nothing there": func(*httpapi.Routes) {},
	} {
		cfg := httpapi.Config{Auth: letIn(), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
		if _, err := httpapi.NewServer("tiny", cfg, []byte(tiny), register); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	cfg := httpapi.Config{Auth: letIn(), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	if _, err := httpapi.NewServer("tiny", cfg, []byte("no: {document"), func(*httpapi.Routes) {}); err == nil {
		t.Error("a document that is none was accepted")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s := tinyServer(t, options{metrics: registry}, fine)
	call(s, "GET", "/v1/projections")
	call(s, "GET", "/v1/projections?x=1")
	for i := range 50 {
		call(s, "GET", fmt.Sprintf("/v1/accounts/%d", i))
		call(s, fmt.Sprintf("M%d", i), "/v1/projections")
	}
	if n, err := testutil.GatherAndCount(registry, "passbook_http_request_duration_seconds"); err != nil || n != 4 {
		t.Errorf("%d series, %v; want 4: two of the route, two unmatched", n, err)
	}
}

// serving runs a server on a port of its own; stop stops it and returns what Run returned.
func serving(t *testing.T, s *httpapi.Server) (address string, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	return listener.Addr().String(), stop
}

func TestStopWaitsForRequestsInFlight(t *testing.T) {
	t.Parallel()
	begun, finish := make(chan struct{}), make(chan struct{})
	address, stop := serving(t, tinyServer(t, options{}, func(c echo.Context) error {
		close(begun)
		<-finish
		return fine(c)
	}))
	answered := make(chan string, 1)
	go func() {
		req, _ := http.NewRequest("GET", "http://"+address+"/v1/projections", nil)
		req.Header.Set("Authorization", "Bearer token")
		response, err := http.DefaultClient.Do(req)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	until(t, "the port to be closed", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close() //nolint:gosec // the far end shows whether it mattered
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	close(finish)
	if body := <-answered; body != "fine" {
		t.Errorf("the request in flight got %q", body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(time.Millisecond), time.After(5*time.Second)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for %s in vain", what)
		}
	}
}
