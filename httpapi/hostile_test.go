package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
)

// front is the command API behind a real listener, with a teller's token.
type front struct {
	address, token string
	stop           func() error
}

func openFront(t *testing.T, more func(*httpapi.Config)) *front {
	t.Helper()
	kit := httpapitest.New(t, api.Command)
	cfg := kit.Config()
	if more != nil {
		more(&cfg)
	}
	server, err := commandapi.New(cfg, commandapi.Limits{}, closedBank{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{token: kit.Token(t, "teller", auth.AccountsWrite, auth.Own, auth.Operations)}
	f.address, f.stop = serving(t, server)
	t.Cleanup(func() { _ = f.stop() })
	return f
}

func (f *front) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:gosec // the far end shows whether it mattered
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// head is a deposit's, with these lines more.
func (f *front) head(lines ...string) string {
	return "POST /v1/accounts/" + uuid.NewString() + "/deposits HTTP/1.1\r\nHost: bank\r\nAuthorization: Bearer " + f.token +
		"\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

// reply is one answer on the wire.
type reply struct {
	status  int
	closes  bool
	header  http.Header
	problem httpapitest.Problem
}

// read takes an answer, which must be a problem.
func read(t *testing.T, r *bufio.Reader) *reply {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("the answer breaks off: %v", err)
	}
	a := &reply{status: response.StatusCode, closes: response.Close, header: response.Header}
	if err := json.Unmarshal(body, &a.problem); err != nil || a.problem.Status != a.status || response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s is no problem: %v", a.status, a.header, body, err)
	}
	if a.problem.RequestID == "" || a.problem.RequestID != a.header.Get("X-Request-Id") {
		t.Errorf("%d without its request id: %v %s", a.status, a.header, body)
	}
	return a
}

// ends holds the connection to being closed by the server, with nothing more said.
func ends(t *testing.T, r *bufio.Reader) {
	t.Helper()
	if more, err := io.ReadAll(r); len(more) > 0 {
		t.Errorf("the connection says more: %q (%v)", more, err)
	}
}

func (a *reply) want(t *testing.T, status int, code, limit string) {
	t.Helper()
	named, _ := a.problem.Context["limit"].(string)
	if a.status != status || a.problem.Code != code || named != limit {
		t.Errorf("%d %s by limit %q (%s); want %d %s by %q", a.status, a.problem.Code, named, a.problem.Detail, status, code, limit)
	}
}

func TestLargeBodiesAreRefusedBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	f := openFront(t, nil)
	t.Run("with a length", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		_, err := io.WriteString(conn, f.head("Content-Length: 104857600")) // 100 MB of which nothing has come yet
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		answer := read(t, r)
		answer.want(t, 413, "payload_too_large", "body_bytes")
		if answer.problem.Context["limit_bytes"].(float64) != 65536 || !answer.closes {
			t.Errorf("%v, closes %v", answer.problem.Context, answer.closes)
		}
		ends(t, r)
	})
	t.Run("in chunks", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		sent := make(chan int)
		go func() { // the client sends until it is no longer listened to
			chunk := fmt.Sprintf("%x\r\n%s\r\n", 16<<10, strings.Repeat(" ", 16<<10))
			n, err := io.WriteString(conn, f.head("Transfer-Encoding: chunked"))
			for err == nil && n < 100<<20 {
				var more int
				more, err = io.WriteString(conn, chunk)
				n += more
			}
			sent <- n
		}()
		answer := read(t, bufio.NewReader(conn))
		answer.want(t, 413, "payload_too_large", "body_bytes")
		conn.Close() //nolint:gosec // the far end shows whether it mattered
		if n := <-sent; n >= 100<<20 {
			t.Errorf("all of %d bytes were taken", n)
		}
	})
	t.Run("announced", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		if _, err := io.WriteString(conn, f.head("Content-Length: 104857600", "Expect: 100-continue")); err != nil {
			t.Fatal(err)
		}
		read(t, bufio.NewReader(conn)).want(t, 413, "payload_too_large", "body_bytes") // and not 100, which says go on
	})
	t.Run("of a bulk", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		head := strings.Replace(f.head("Content-Length: 104857600"), "POST /v1/accounts/", "POST /v1/bulk?x=/", 1)
		head = "POST /v1/bulk HTTP/1.1\r\n" + head[strings.Index(head, "\r\n")+2:]
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		answer := read(t, bufio.NewReader(conn))
		answer.want(t, 413, "payload_too_large", "body_bytes")
		if answer.problem.Context["limit_bytes"].(float64) != 8<<20 {
			t.Error(answer.problem.Context)
		}
	})
}

func TestEncodedBodiesAreRefused(t *testing.T) {
	t.Parallel()
	f := openFront(t, nil)
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := w.Write(make([]byte, 50<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "gzip, gzip", "identity"} {
		conn := f.dial(t)
		_, err := conn.Write(append([]byte(f.head("Content-Encoding: "+encoding, fmt.Sprint("Content-Length: ", bomb.Len()))), bomb.Bytes()...))
		if err != nil {
			t.Fatal(err)
		}
		answer := read(t, bufio.NewReader(conn))
		answer.want(t, 415, "unsupported_media_type", "")
		if !strings.Contains(answer.problem.Detail, "no Content-Encoding is taken") {
			t.Errorf("%s: %s", encoding, answer.problem.Detail)
		}
	}
}

func TestDeeplyNestedBodies(t *testing.T) {
	t.Parallel()
	f := openFront(t, nil)
	for name, body := range map[string]string{
		"arrays":             strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000),
		"objects":            strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000),
		"17 levels":          strings.Repeat("[", 17) + strings.Repeat("]", 17),
		"never closed":       strings.Repeat("[", 60_000),
		"in metadata":        `{"amount":1,"currency":"EUR","metadata":` + strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_000) + "}",
		"in a field of ours": `{"amount":` + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000) + `,"currency":"EUR"}`,
	} {
		conn := f.dial(t)
		if _, err := io.WriteString(conn, f.head(fmt.Sprint("Content-Length: ", len(body)))+body); err != nil {
			t.Fatal(err)
		}
		answer := read(t, bufio.NewReader(conn))
		answer.want(t, 400, "malformed_request", "json_depth")
		if len(answer.problem.Errors) != 1 || answer.problem.Errors[0].Code != "too_deep" {
			t.Errorf("%s: %+v", name, answer.problem.Errors)
		}
	}
	conn := f.dial(t)
	body := `{"amount":1,"currency":"EUR","x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + "}"
	if _, err := io.WriteString(conn, f.head(fmt.Sprint("Content-Length: ", len(body)))+body); err != nil {
		t.Fatal(err)
	}
	answer := read(t, bufio.NewReader(conn))
	if answer.want(t, 400, "malformed_request", ""); answer.problem.Errors[0].Code != "unknown_field" {
		t.Errorf("16 levels: %+v", answer.problem)
	}
}

func TestSlowClients(t *testing.T) {
	t.Parallel()
	f := openFront(t, func(c *httpapi.Config) {
		c.ReadHeaderTimeout, c.ReadTimeout = 200*time.Millisecond, 400*time.Millisecond
	})
	t.Run("slow heads", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		if _, err := io.WriteString(conn, "GET /openapi.json HTTP/1.1\r\nHost: bank\r\nX-Slow"); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		read(t, r).want(t, 408, "request_timeout", "head_time")
		ends(t, r)
	})
	t.Run("nothing at all", func(t *testing.T) {
		t.Parallel()
		ends(t, bufio.NewReader(f.dial(t))) // it has not asked anything, and gets no answer
	})
	t.Run("slow heads on a kept connection", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		r := bufio.NewReader(conn)
		if _, err := io.WriteString(conn, "GET /nothing HTTP/1.1\r\nHost: bank\r\n\r\nGET /nothing"); err != nil {
			t.Fatal(err)
		}
		read(t, r).want(t, 404, "not_found", "")
		read(t, r).want(t, 408, "request_timeout", "head_time")
		ends(t, r)
	})
	t.Run("slow bodies", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		if _, err := io.WriteString(conn, f.head("Content-Length: 100")+`{"amount":`); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		answer := read(t, r)
		answer.want(t, 408, "request_timeout", "read_time")
		if !answer.problem.Retryable || answer.header.Get("Retry-After") == "" {
			t.Errorf("%+v %v", answer.problem, answer.header)
		}
		ends(t, r)
	})
	t.Run("bodies that break off", func(t *testing.T) {
		t.Parallel()
		conn := f.dial(t)
		if _, err := io.WriteString(conn, f.head("Content-Length: 100")+`{"amount":`); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		read(t, bufio.NewReader(conn)).want(t, 400, "malformed_request", "")
	})
}

func TestLargeHeads(t *testing.T) {
	t.Parallel()
	f := openFront(t, nil)
	for name, c := range map[string]struct {
		head        string
		status      int
		code, limit string
	}{
		"a large header":     {f.head("X-Large: " + strings.Repeat("x", 64<<10)), 431, "headers_too_large", "header_bytes"},
		"a flood of headers": {f.head(strings.Repeat("A: b\r\n", 10_000) + "C: d"), 431, "headers_too_large", "header_bytes"},
		"a large name":       {f.head(strings.Repeat("x", 64<<10) + ": y"), 431, "headers_too_large", "header_bytes"},
		"a long URL":         {"GET /v1/accounts?q=" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: bank\r\n\r\n", 414, "url_too_long", "url_bytes"},
		"a long path":        {"GET /v1/accounts/" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: bank\r\n\r\n", 414, "url_too_long", "url_bytes"},
		"a URL without end":  {"GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: bank\r\n\r\n", 431, "headers_too_large", "header_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := f.dial(t)
			go func() { _, _ = io.WriteString(conn, c.head) }()
			r := bufio.NewReader(conn)
			answer := read(t, r)
			answer.want(t, c.status, c.code, c.limit)
			if !answer.closes || len(answer.problem.Instance) > 100 {
				t.Errorf("closes %v, instance of %d bytes", answer.closes, len(answer.problem.Instance))
			}
			ends(t, r)
		})
	}
	conn := f.dial(t)
	if _, err := io.WriteString(conn, "GET /v1/"+strings.Repeat("x", 8<<10-len("/v1/"))+" HTTP/1.1\r\nHost: bank\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	read(t, bufio.NewReader(conn)).want(t, 404, "not_found", "")
}
