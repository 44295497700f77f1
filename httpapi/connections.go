package httpapi

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// connections bounds how many connections are open at a time. One more takes the place of one that waits for a request: of
// those that nobody has sent anything over for a while, and of those whose request does not come to the end of its head. Only
// when all of them carry requests it is refused, with an answer.
type connections struct {
	max       int
	maxHeader int
	secure    *tls.Config   // nil: plain
	handshake time.Duration // the longest
	began     time.Time

	mu   sync.Mutex
	open map[*connection]struct{}

	farewells chan struct{} // has a place for each refused connection that is still being told so
	telling   sync.WaitGroup

	count    prometheus.Gauge
	closed   *prometheus.CounterVec
	unshaken prometheus.Counter
}

const (
	farewellsMax = 32
	farewellTime = time.Second
	victimLooks  = 64 // at open connections, for one to be closed
)

// Why connections are closed by the limit, as metrics have it.
const (
	closedWaiting = "waiting" // it carried no request
	closedRefused = "refused" // it was one too many
)

func newConnections(api string, cfg Config) (*connections, error) {
	labels := prometheus.Labels{"api": api}
	c := &connections{
		max: cfg.MaxConnections, maxHeader: cfg.MaxHeaderBytes, secure: cfg.TLS, handshake: cfg.ReadHeaderTimeout, began: time.Now(), open: map[*connection]struct{}{}, farewells: make(chan struct{}, farewellsMax),
		count: prometheus.NewGauge(prometheus.GaugeOpts{Name: "passbook_http_connections_open", ConstLabels: labels, Help: "Connections of clients."}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passbook_http_connections_closed_total", ConstLabels: labels,
			Help: "Connections closed because there were too many: while they waited for a request, or refused because all others carried one.",
		}, []string{"because"}),
		unshaken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "passbook_http_tls_handshakes_failed_total", ConstLabels: labels,
			Help: "Connections whose TLS handshake failed or did not come to its end in time.",
		}),
	}
	for _, collector := range []prometheus.Collector{c.count, c.closed, c.unshaken} {
		if err := cfg.Metrics.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics of the %s API: %w", api, err)
		}
	}
	for _, because := range []string{closedWaiting, closedRefused} {
		c.closed.WithLabelValues(because)
	}
	return c, nil
}

// boundedListener is a listener whose connections are counted.
type boundedListener struct {
	net.Listener
	connections *connections
}

// Accept implements net.Listener. It does not wait for a connection to be closed.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, ok := l.connections.take(raw); ok {
			if l.connections.secure != nil {
				return &secured{connection: c}, nil
			}
			return c, nil
		}
		l.connections.refuse(raw)
	}
}

// Close implements net.Listener. It waits for those that are being told that there is no room, at most as long as that may take.
func (l *boundedListener) Close() error {
	err := l.Listener.Close()
	l.connections.telling.Wait()
	return err
}

// take counts the connection if there is room for it.
func (cs *connections) take(raw net.Conn) (*connection, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.open) >= cs.max {
		victim := cs.longestWaiting()
		if victim == nil {
			return nil, false
		}
		cs.forget(victim)
		cs.closed.WithLabelValues(closedWaiting).Inc()
		_ = victim.raw.Close() // its server finds it closed and says so, which forgets nothing more
	}
	c := &connection{Conn: cs.over(raw), raw: raw, connections: cs}
	c.waits(true)
	cs.open[c] = struct{}{}
	cs.count.Set(float64(len(cs.open)))
	return c, true
}

// over is the connection as requests come over it.
func (cs *connections) over(raw net.Conn) net.Conn {
	if cs.secure != nil {
		return tls.Server(raw, cs.secure)
	}
	return raw
}

// longestWaiting looks at some of the connections, in the random order of a map; nil when none of them waits for a request.
func (cs *connections) longestWaiting() (victim *connection) {
	looked, since := 0, int64(0)
	for c := range cs.open {
		if at := c.waiting.Load(); at != 0 && (victim == nil || at < since) {
			victim, since = c, at
		}
		if looked++; looked >= victimLooks && victim != nil {
			break
		}
	}
	return victim
}

func (cs *connections) forget(c *connection) {
	delete(cs.open, c)
	cs.count.Set(float64(len(cs.open)))
}

// refuse tells the client that there is no room, and closes. Only so many are told at a time.
func (cs *connections) refuse(raw net.Conn) {
	cs.closed.WithLabelValues(closedRefused).Inc()
	select {
	case cs.farewells <- struct{}{}:
	default:
		_ = raw.Close()
		return
	}
	cs.telling.Go(func() {
		defer func() { <-cs.farewells }()
		defer func() { _ = raw.Close() }()
		_ = raw.SetDeadline(time.Now().Add(farewellTime))
		conn := cs.over(raw)
		_, err := conn.Write(bareAnswer(&Error{
			Code: Overloaded, Detail: "There are too many connections.", RetryAfterSeconds: 1,
			Context: []Member{Text("limit", limitConnections), Number("limit_connections", cs.max)},
		}))
		if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
			// What the client sends must be read, or the network drops the answer with it.
			_ = half.CloseWrite()
			_, _ = io.CopyN(io.Discard, conn, BodyMax)
		}
	})
}

// connState is http.Server.ConnState.
func (cs *connections) connState(raw net.Conn, state http.ConnState) {
	if c, ok := raw.(interface{ waits(bool) }); ok {
		c.waits(state == http.StateIdle || state == http.StateNew)
	}
}

// connection is one that is counted. It also gives what net/http answers by itself, before there is a request that a handler could
// be asked for, the form that all answers have.
type connection struct {
	net.Conn
	raw         net.Conn // of the network; Conn may encrypt over it, and to close that may take as long as its client likes
	connections *connections
	waiting     atomic.Int64 // since when no request is served over it; 0: one is
	timedOut    atomic.Bool  // the last time it was read
}

// Read implements net.Conn.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if late := errors.Is(err, os.ErrDeadlineExceeded); late != c.timedOut.Load() {
		c.timedOut.Store(late)
	}
	return n, err
}

func (c *connection) waits(yes bool) {
	if yes {
		c.waiting.Store(int64(time.Since(c.connections.began)) + 1)
	} else {
		c.waiting.Store(0)
	}
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.connections.mu.Lock()
	c.connections.forget(c)
	c.connections.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer before it closes.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write implements net.Conn.
func (c *connection) Write(b []byte) (int, error) {
	if len(b) > 12 && b[9] >= '4' && bytes.HasPrefix(b, []byte("HTTP/1.1 ")) {
		if e := c.ofNetHTTP(b); e != nil {
			if _, err := c.Conn.Write(bareAnswer(e)); err != nil {
				return 0, err
			}
			return len(b), nil
		}
	}
	return c.Conn.Write(b)
}

// errorHeaders are those of the answers that net/http gives by itself. No answer of ours has them.
const errorHeaders = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// ofNetHTTP recognises an answer that net/http gives by itself, about a request that it cannot read; nil when it is another.
func (c *connection) ofNetHTTP(answer []byte) *Error {
	line, rest, _ := bytes.Cut(answer, []byte("\r\n"))
	if !bytes.HasPrefix(rest, []byte(errorHeaders)) {
		return nil
	}
	status, err := strconv.Atoi(string(line[len("HTTP/1.1 "):len("HTTP/1.1 400")]))
	if err == nil && status == http.StatusRequestHeaderFieldsTooLarge {
		return &Error{
			Code: HeadersTooLarge, Detail: fmt.Sprintf("The request line and the headers have more than %d bytes.", c.connections.maxHeader),
			Context: []Member{Text("limit", limitHeaders), Number("limit_bytes", c.connections.maxHeader)},
		}
	}
	if c.timedOut.Load() {
		return &Error{
			Code: RequestTimeout, Detail: "The head of the request did not come in time.", RetryAfterSeconds: 1,
			Context: []Member{Text("limit", limitHeadTime)},
		}
	}
	detail := "This is not a request of HTTP/1.1 as it is understood here"
	if _, reason, ok := strings.Cut(string(rest[len(errorHeaders):]), ": "); ok {
		detail += ": " + printable(reason, clientMax)
	}
	return &Error{Code: MalformedRequest, Detail: detail + "."}
}

// bareAnswer is a whole answer, for a connection that has no request to answer. It is the last of its connection.
func bareAnswer(e *Error) []byte {
	id := requestID(nil)[0]
	body, status := AppendProblem(make([]byte, 0, 512), e, "", id)
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\nConnection: close\r\nCache-Control: no-store\r\n%s: %s\r\n",
		status, http.StatusText(status), len(body), headerRequestID, id)
	if e.RetryAfterSeconds > 0 {
		head += fmt.Sprintf("Retry-After: %d\r\n", e.RetryAfterSeconds)
	}
	return append([]byte(head+"\r\n"), body...)
}
