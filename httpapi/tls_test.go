package httpapi_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi"
	"passbook/httpapi/tlsfiles"
	"passbook/internal/certtest"
)

// secure is a tiny server with TLS.
type secure struct {
	authority *certtest.Authority
	files     *tlsfiles.Files
	dir       string
	address   string
	stop      func() error
}

func openSecure(t *testing.T, clientCA []byte, more func(*httpapi.Config), h echo.HandlerFunc) *secure {
	t.Helper()
	s := &secure{authority: certtest.New(t, "ours"), dir: t.TempDir()}
	cfg := tlsfiles.Config{API: "tiny", Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	cfg.CertFile, cfg.KeyFile = s.authority.Issue("server", time.Now().Add(time.Hour)).Files(t, s.dir)
	if clientCA != nil {
		cfg.ClientCAFile = s.dir + "/clients.crt"
		certtest.Write(t, cfg.ClientCAFile, clientCA)
	}
	var err error
	if s.files, err = tlsfiles.Open(cfg); err != nil {
		t.Fatal(err)
	}
	server := tinyServer(t, options{more: func(c *httpapi.Config) {
		c.TLS = s.files.TLS()
		if more != nil {
			more(c)
		}
	}}, h)
	address, stop := serving(t, server)
	s.address, s.stop = address, sync.OnceValue(stop)
	t.Cleanup(func() { _ = s.stop() }) // the test may have looked at it
	return s
}

func (s *secure) trust() *tls.Config { return &tls.Config{RootCAs: s.authority.Pool()} }

func (s *secure) dial(t *testing.T) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", s.address, s.trust())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:gosec // the far end shows whether it mattered
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answered is what came back, and over what.
type answered struct {
	status, major int
	header        http.Header
	over          *tls.ConnectionState
}

// get asks the tiny server's only question.
func (s *secure) get(client *http.Client) (a answered, err error) {
	r, err := http.NewRequest(http.MethodGet, "https://"+s.address+"/v1/projections", nil)
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer token")
	response, err := client.Do(r)
	if err != nil {
		return a, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return answered{response.StatusCode, response.ProtoMajor, response.Header, response.TLS}, errors.Join(err, response.Body.Close())
}

func clientWith(cfg *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}}
}

func TestRequestsOverTLS(t *testing.T) {
	t.Parallel()
	var sawTLS atomic.Bool
	s := openSecure(t, nil, nil, func(c echo.Context) error {
		state := c.Request().TLS
		sawTLS.Store(state != nil && state.HandshakeComplete)
		return fine(c)
	})
	for name, c := range map[string]struct {
		more func(*tls.Config)
		want uint16 // 0: it is refused
	}{
		"of today":     {func(*tls.Config) {}, tls.VersionTLS13},
		"of yesterday": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, tls.VersionTLS12},
		"too old":      {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, 0},
		"a stranger":   {func(c *tls.Config) { c.RootCAs = certtest.New(t, "others").Pool() }, 0},
	} {
		cfg := s.trust()
		c.more(cfg)
		client := clientWith(cfg)
		response, err := s.get(client)
		client.CloseIdleConnections()
		if c.want == 0 {
			if err == nil {
				t.Errorf("%s: %d", name, response.status)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// The client has offered HTTP/2.
		if response.status != 200 || response.over.Version != c.want || response.major != 1 || !sawTLS.Load() {
			t.Errorf("%s: %d over HTTP/%d, %s", name, response.status, response.major, tls.VersionName(response.over.Version))
		}
		if got := response.header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: Strict-Transport-Security %q", name, got)
		}
	}
}

func TestClientsMustShowACertificateWhereItIsDemanded(t *testing.T) {
	t.Parallel()
	partners, others := certtest.New(t, "partners"), certtest.New(t, "others")
	var subject atomic.Value
	s := openSecure(t, partners.PEM(), nil, func(c echo.Context) error {
		subject.Store(c.Request().TLS.PeerCertificates[0].Subject.CommonName)
		return fine(c)
	})
	hour := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		shows []tls.Certificate
		good  bool
	}{
		"a partner":  {[]tls.Certificate{partners.Issue("payroll", hour).Pair(t)}, true},
		"nobody":     {nil, false},
		"somebody":   {[]tls.Certificate{others.Issue("payroll", hour).Pair(t)}, false},
		"long ago":   {[]tls.Certificate{partners.Issue("payroll", time.Now().Add(-time.Minute)).Pair(t)}, false},
		"the server": {[]tls.Certificate{s.authority.Issue("payroll", hour).Pair(t)}, false},
	} {
		cfg := s.trust()
		cfg.Certificates = c.shows
		client := clientWith(cfg)
		response, err := s.get(client)
		client.CloseIdleConnections()
		if good := err == nil && response.status == 200; good != c.good {
			t.Errorf("%s: %v, %v", name, response, err)
		}
	}
	if subject.Load() != "payroll" {
		t.Errorf("the request came from %v", subject.Load())
	}
}

// The limits of connections, and what net/http answers by itself, hold under TLS as they do without.
func TestLimitsHoldUnderTLS(t *testing.T) {
	t.Parallel()
	short := func(c *httpapi.Config) { c.ReadHeaderTimeout, c.MaxHeaderBytes = 300*time.Millisecond, 4<<10 }
	for name, c := range map[string]struct {
		send          string
		status        int
		code, limited string
	}{
		"a head that stops":    {"GET /v1/projections HTTP/1.1\r\nHost: bank\r\nX-Slow", 408, "request_timeout", "head_time"},
		"a head of many bytes": {"GET /v1/projections HTTP/1.1\r\nHost: bank\r\nX: " + strings.Repeat("x", 12<<10) + "\r\n\r\n", 431, "headers_too_large", "header_bytes"},
		"no request":           {"what?\r\n\r\n", 400, "malformed_request", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := openSecure(t, nil, short, fine).dial(t)
			if _, err := io.WriteString(conn, c.send); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			read(t, r).want(t, c.status, c.code, c.limited)
			ends(t, r)
		})
	}
	for name, begin := range map[string]string{"no handshake": "", "a handshake that stops": "\x16\x03\x01\x02\x00\x01\x00"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", openSecure(t, nil, short, fine).address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, begin); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.ReadAll(conn); errors.As(err, new(net.Error)) && err.(net.Error).Timeout() { //nolint:errorlint // it has just been asked for
				t.Error("it stays open")
			}
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		t.Parallel()
		conn, err := net.Dial("tcp", openSecure(t, nil, nil, fine).address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := get(conn); err != nil {
			t.Fatal(err)
		}
		answer := read(t, bufio.NewReader(conn))
		if answer.want(t, 400, "malformed_request", ""); !strings.Contains(answer.problem.Detail, "https://") {
			t.Error(answer.problem.Detail)
		}
	})
}

// One more connection takes the place of one that waits, be it in the middle of its handshake, and is told so when there is none.
func TestConnectionsAreBoundedUnderTLS(t *testing.T) {
	t.Parallel()
	const limit = 4
	begun, finish := make(chan struct{}, limit), make(chan struct{})
	s := openSecure(t, nil, func(c *httpapi.Config) { c.MaxConnections = limit }, func(c echo.Context) error {
		begun <- struct{}{}
		<-finish
		return fine(c)
	})
	for range 3 * limit { // they never shake hands
		idle, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
	}
	var busy []*tls.Conn
	for range limit {
		conn := s.dial(t)
		if err := get(conn); err != nil {
			t.Fatal(err)
		}
		busy = append(busy, conn)
		<-begun
	}
	refused := read(t, bufio.NewReader(s.dial(t)))
	refused.want(t, 503, "overloaded", "connections")
	close(finish)
	for _, conn := range busy {
		if got := status(bufio.NewReader(conn)); got != 200 {
			t.Errorf("a request that was under way is answered %d", got)
		}
	}
}

// Certificates change, well and badly, while requests run over connections that stay and over new ones: none of them fails.
func TestCertificatesChangeUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, changes = 8, 25
	s := openSecure(t, nil, nil, fine)
	stop := make(chan struct{})
	var asked, handshakes atomic.Int64
	var seen sync.Map
	var load sync.WaitGroup
	failed := make(chan error, clients)
	for i := range clients {
		load.Go(func() {
			client := clientWith(s.trust())
			client.Transport.(*http.Transport).DisableKeepAlives = i%2 == 0
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				response, err := s.get(client)
				if err == nil && response.status != 200 {
					err = fmt.Errorf("status %d", response.status)
				}
				if err != nil {
					failed <- fmt.Errorf("client %d: %w", i, err)
					return
				}
				asked.Add(1)
				if _, known := seen.LoadOrStore(response.over.PeerCertificates[0].SerialNumber.Int64(), true); !known {
					handshakes.Add(1)
				}
			}
		})
	}
	for i := range changes {
		next := s.authority.Issue("server", time.Now().Add(time.Hour))
		if i%5 == 4 {
			certtest.Write(t, s.dir+"/tls.crt", next.Cert)
			if err := s.files.Read(); err == nil {
				t.Error("a certificate without its key is taken")
			}
		}
		next.Files(t, s.dir)
		if err := s.files.Read(); err != nil {
			t.Fatal(err)
		}
		for { // until somebody has met it
			if _, met := seen.Load(next.Serial); met {
				break
			}
			select {
			case err := <-failed:
				t.Fatal(err)
			default:
				client := clientWith(s.trust())
				_, err := s.get(client)
				client.CloseIdleConnections()
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	close(stop)
	load.Wait()
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
	if handshakes.Load() < changes {
		t.Errorf("%d certificates were met in %d requests", handshakes.Load(), asked.Load())
	}
	t.Logf("%d requests, %d certificates", asked.Load(), handshakes.Load())
	if err := s.stop(); err != nil {
		t.Errorf("the server stopped with %v", err)
	}
}
