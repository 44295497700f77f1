package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi"
)

func get(conn net.Conn) error {
	_, err := io.WriteString(conn, "GET /v1/projections HTTP/1.1\r\nHost: bank\r\nAuthorization: Bearer token\r\n\r\n")
	return err
}

// status reads an answer whatever it is.
func status(r *bufio.Reader) int {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestTenThousandConnections opens them all, some with half a request, and looks at what others get meanwhile and what it costs.
// It measures the memory of the whole process, so no other test runs beside it.
func TestTenThousandConnections(t *testing.T) {
	const limit, hostile = 500, 10_000
	registry := prometheus.NewRegistry()
	begun, finish := make(chan struct{}), make(chan struct{})
	var served atomic.Int64
	address, stop := serving(t, tinyServer(t, options{metrics: registry, more: func(c *httpapi.Config) { c.MaxConnections = limit }}, func(c echo.Context) error {
		if served.Add(1) == 1 {
			close(begun)
			<-finish
		}
		return fine(c)
	}))
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	busy := dial() // before them all, with a request that takes as long as they are there
	defer busy.Close()
	if err := get(busy); err != nil {
		t.Fatal(err)
	}
	<-begun
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var crowd []net.Conn
	for i := range hostile {
		conn := dial()
		crowd = append(crowd, conn)
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "GET /v1/proj") // and never the rest; an error if it has been closed already
		}
		if i%100 != 99 {
			continue
		}
		other := dial()
		if err := get(other); err != nil {
			t.Fatal(err)
		}
		if got := status(bufio.NewReader(other)); got != http.StatusOK {
			t.Fatalf("with %d connections open another client gets %d", i, got)
		}
		other.Close() //nolint:gosec // the far end shows whether it mattered
	}
	if open := value(t, registry, "passbook_http_connections_open"); open > limit {
		t.Errorf("%v connections are open", open)
	}
	if closed := value(t, registry, "passbook_http_connections_closed_total"); closed < hostile-limit {
		t.Errorf("%v were closed", closed)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse); grown > 64<<20 { //nolint:gosec // small
		t.Errorf("memory has grown by %d MiB", grown>>20)
	}
	for _, conn := range crowd {
		conn.Close() //nolint:gosec // the far end shows whether it mattered
	}
	close(finish)
	if got := status(bufio.NewReader(busy)); got != http.StatusOK {
		t.Errorf("the client that was there before gets %d", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func value(t *testing.T, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestWhereAllConnectionsCarryRequestsOneMoreIsRefused(t *testing.T) {
	t.Parallel()
	const limit = 5
	begun, finish := make(chan struct{}), make(chan struct{})
	address, stop := serving(t, tinyServer(t, options{more: func(c *httpapi.Config) { c.MaxConnections = limit }}, func(c echo.Context) error {
		begun <- struct{}{}
		<-finish
		return fine(c)
	}))
	var busy []net.Conn
	for range limit {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := get(conn); err != nil {
			t.Fatal(err)
		}
		<-begun
		busy = append(busy, conn)
	}
	for range 3 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := get(conn); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		answer := read(t, r)
		answer.want(t, 503, "overloaded", "connections")
		if answer.header.Get("Retry-After") == "" || fmt.Sprint(answer.problem.Context["limit_connections"]) != fmt.Sprint(limit) {
			t.Errorf("%v %v", answer.header, answer.problem.Context)
		}
		ends(t, r)
	}
	close(finish)
	for _, conn := range busy {
		if got := status(bufio.NewReader(conn)); got != http.StatusOK {
			t.Errorf("one that was there gets %d", got)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
