package lean_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passbook/internal/loadgen/lean"
)

func TestMain(m *testing.M) {
	if serveChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

const request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"

// connection is what a scripted server does with one connection, from its first request on.
type connection func(t *testing.T, requests *bufio.Reader, conn net.Conn)

// serve plays one script a connection, in order, and closes each at its script's end.
func serve(t *testing.T, scripts ...connection) *lean.Endpoint {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, script := range scripts {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			script(t, bufio.NewReader(conn), conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return endpoint(t, "http://"+listener.Addr().String())
}

func endpoint(t testing.TB, url string) *lean.Endpoint {
	t.Helper()
	e, err := lean.NewEndpoint(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// answers reads a request before each text.
func answers(texts ...string) connection {
	return func(_ *testing.T, requests *bufio.Reader, conn net.Conn) {
		for _, text := range texts {
			if _, err := http.ReadRequest(requests); err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
		}
	}
}

// drip sends the answer byte by byte, each in a packet of its own.
func drip(text string) connection {
	return func(_ *testing.T, requests *bufio.Reader, conn net.Conn) {
		if _, err := http.ReadRequest(requests); err != nil {
			return
		}
		for i := range len(text) {
			_, _ = io.WriteString(conn, text[i:i+1])
		}
	}
}

func client(t *testing.T, e *lean.Endpoint) *lean.Conn {
	t.Helper()
	c := lean.New(e, 10*time.Second)
	t.Cleanup(c.Close)
	return c
}

const created = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nPassbook-Position: 4711\r\nContent-Length: 2\r\n\r\n{}"

func TestAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 3000) // several times the buffer
	for name, tt := range map[string]struct {
		sent     string
		status   int
		position int64
		body     string
	}{
		"length":              {created, 201, 4711, "{}"},
		"names in any case":   {"HTTP/1.1 200 OK\r\npassbook-position:7\r\nCONTENT-LENGTH:  1 \r\n\r\nx", 200, 7, "x"},
		"empty":               {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 503, 0, ""},
		"no content":          {"HTTP/1.1 204 No Content\r\n\r\n", 204, 0, ""},
		"not modified":        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, 0, ""},
		"no reason phrase":    {"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx", 200, 0, "x"},
		"interim before":      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + created, 201, 4711, "{}"},
		"long":                {"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n" + long, 200, 0, long},
		"chunked":             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n", 200, 0, "Wikipedia"},
		"chunked, trailer":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", 200, 0, "x"},
		"chunked, long":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n" + long + "\r\n0\r\n\r\n", 200, 0, long},
		"chunked over length": {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, 0, "x"},
		"to the end":          {"HTTP/1.1 200 OK\r\n\r\nuntil it closes", 200, 0, "until it closes"},
	} {
		for how, script := range map[string]connection{"at once": answers(tt.sent), "byte by byte": drip(tt.sent)} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				var got lean.Answer
				if err := client(t, serve(t, script)).Do(t.Context(), []byte(request), &got); err != nil {
					t.Fatal(err)
				}
				if got.Status != tt.status || got.Position != tt.position || string(got.Body) != tt.body {
					t.Errorf("got %d, position %d, %d bytes %.40q", got.Status, got.Position, len(got.Body), got.Body)
				}
			})
		}
	}
}

func TestMalformedAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"not HTTP":             "SSH-2.0-OpenSSH_9.6\r\n\r\n",
		"no status":            "HTTP/1.1 abc OK\r\n\r\n",
		"status out of range":  "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
		"header without colon": "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n",
		"negative length":      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"length too long":      "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
		"other encoding":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"chunk size":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"chunk without end":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
		"cut off in the head":  "HTTP/1.1 200 OK\r\nConte",
		"cut off in the body":  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
		"cut off in a chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n12345",
		"more than announced":  created + "surplus",
		"endless head":         "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 80<<10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got lean.Answer
			if err := client(t, serve(t, answers(sent))).Do(t.Context(), []byte(request), &got); err == nil {
				t.Errorf("no error; got %d %.40q", got.Status, got.Body)
			}
		})
	}
}

func TestConnectionIsKept(t *testing.T) {
	t.Parallel()
	c := client(t, serve(t, answers(created, created, created)))
	for range 3 {
		exchange(t, c)
	}
	if c.Opened() != 1 {
		t.Errorf("%d connections were opened", c.Opened())
	}
}

// The other side closes a connection that it has answered on, with and without saying so: nobody notices.
func TestClosedConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	announced := strings.Replace(created, "Content-Type: application/json", "Connection: close", 1)
	old := strings.Replace(created, "HTTP/1.1", "HTTP/1.0", 1)
	c := client(t, serve(t, answers(created), answers(announced), answers(old), answers(created, created)))
	for range 5 {
		exchange(t, c)
	}
	if c.Opened() != 4 {
		t.Errorf("%d connections were opened", c.Opened())
	}
}

func exchange(t *testing.T, c *lean.Conn) {
	t.Helper()
	var got lean.Answer
	if err := c.Do(t.Context(), []byte(request), &got); err != nil || got.Status != 201 || string(got.Body) != "{}" {
		t.Fatalf("got %d %q, %v", got.Status, got.Body, err)
	}
}

// A server that closes every connection at once is an error, not a loop; and what comes after works again.
func TestNewConnectionThatIsClosedIsAnError(t *testing.T) {
	t.Parallel()
	c := client(t, serve(t, answers(created), answers(), answers(created)))
	exchange(t, c)
	var got lean.Answer
	if err := c.Do(t.Context(), []byte(request), &got); err == nil {
		t.Fatal("no error")
	}
	exchange(t, c)
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	var got lean.Answer
	if err := client(t, endpoint(t, server.URL)).Do(t.Context(), []byte(request), &got); err == nil {
		t.Error("no error")
	}
}

// hang reads the request and answers nothing until the client goes.
func hang(_ *testing.T, requests *bufio.Reader, _ net.Conn) {
	if _, err := http.ReadRequest(requests); err != nil {
		return
	}
	_, _ = requests.ReadByte()
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	c := lean.New(serve(t, hang, answers(created)), 50*time.Millisecond)
	defer c.Close()
	var got lean.Answer
	err := c.Do(t.Context(), []byte(request), &got)
	var failure net.Error
	if !errors.As(err, &failure) || !failure.Timeout() {
		t.Fatalf("got %v", err)
	}
	exchange(t, c)
}

func TestContextEndsTheWaiting(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	c := client(t, serve(t, func(t *testing.T, requests *bufio.Reader, conn net.Conn) {
		_, _ = requests.Peek(1)
		close(arrived)
		hang(t, requests, conn)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-arrived
		cancel()
	}()
	var got lean.Answer
	if err := c.Do(ctx, []byte(request), &got); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A connection outlives the context of the request that opened it.
func TestConnectionIsKeptForAnotherContext(t *testing.T) {
	t.Parallel()
	c := client(t, serve(t, answers(created, created)))
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		var got lean.Answer
		if err := c.Do(ctx, []byte(request), &got); err != nil || got.Status != 201 {
			t.Fatalf("got %d, %v", got.Status, err)
		}
		cancel()
	}
	if c.Opened() != 1 {
		t.Errorf("%d connections were opened", c.Opened())
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.StartTLS()
	defer server.Close()
	var got lean.Answer
	err := client(t, endpoint(t, server.URL)).Do(t.Context(), []byte(request), &got)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: got %v", err)
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "localhost:8080", "ftp://x", "http://", "http://%zz"} {
		if e, err := lean.NewEndpoint(text, nil); err == nil {
			t.Errorf("%q gives %+v", text, e)
		}
	}
	if e := endpoint(t, "https://bank.example:8443/v0/"); e.Host != "bank.example:8443" || e.Path != "/v0" {
		t.Errorf("got %+v", e)
	}
}

// In steady state nothing is allocated. (Not parallel: what other tests allocate would count.)
func TestDoesNotAllocate(t *testing.T) {
	for name, answer := range map[string]string{
		"length":  created,
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n0\r\n\r\n",
	} {
		near, far := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			buffer, text := make([]byte, 1024), []byte(answer)
			for {
				if _, err := far.Read(buffer); err != nil {
					return
				}
				_, _ = far.Write(text)
			}
		}()
		c, sent := lean.Over(t.Context(), near), []byte(request)
		var got lean.Answer
		allocations := testing.AllocsPerRun(200, func() {
			if err := c.Do(t.Context(), sent, &got); err != nil || got.Status/100 != 2 {
				t.Fatal(got.Status, err)
			}
		})
		if allocations > 0 {
			t.Errorf("%s: %v allocations a request", name, allocations)
		}
		_ = near.Close()
		<-served
	}
}
