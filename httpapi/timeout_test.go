package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// The time of a request over a real connection, which serves other requests before, begins with the request.
func TestRequestsOfAConnectionHaveADeadlineEach(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		timeout time.Duration
		status  int
	}{
		"in time":     {time.Minute, 200},
		"out of time": {50 * time.Millisecond, 504},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow, served := make(chan struct{}), 0
			address, stop := serving(t, tinyServer(t, options{timeout: c.timeout}, func(e echo.Context) error {
				if served++; served < 4 { // one connection, so one after another
					return fine(e)
				}
				select {
				case <-e.Request().Context().Done():
					return e.Request().Context().Err()
				case <-slow:
					return fine(e)
				}
			}))
			defer func() { _ = stop() }()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			if c.status == 200 {
				close(slow)
			}
			for range 3 {
				if status, closed := exchange(t, conn, answers); status != 200 || closed {
					t.Fatalf("%d, closed: %v", status, closed)
				}
			}
			status, closed := exchange(t, conn, answers)
			if status != c.status || closed != (c.status == 504) {
				t.Errorf("%d, closed: %v", status, closed)
			}
			if closed {
				if _, err := answers.ReadByte(); err == nil {
					t.Error("the connection says more")
				}
			}
		})
	}
}

func exchange(t *testing.T, conn net.Conn, answers *bufio.Reader) (status int, closed bool) {
	t.Helper()
	_, err := io.WriteString(conn, "GET /v1/projections HTTP/1.1\r\nHost: bank\r\nAuthorization: Bearer token\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Close
}
