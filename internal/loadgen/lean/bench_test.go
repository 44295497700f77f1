package lean_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	passbook "passbook/client"
	"passbook/internal/loadgen/lean"
)

// childVariable makes the test binary a server, so that the benchmarks' processor time is the client's alone.
const childVariable = "LEAN_BENCH_SERVER"

const benchRequest = "POST /v1/accounts/01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10/deposits HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer x\r\n" +
	"Content-Type: application/json\r\nIdempotency-Key: key-1\r\nContent-Length: 31\r\n\r\n" + benchBody

const benchBody = `{"amount":123,"currency":"EUR"}`

var benchAnswer = []byte("HTTP/1.1 201 Created\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nEtag: \"17\"\r\nPassbook-Position: 1250\r\n" +
	"X-Request-Id: 01980a53-11aa-7000-8000-5d7c1f9b0e21\r\nDate: Sat, 21 Nov 2026 09:30:00 GMT\r\nContent-Length: 268\r\n\r\n" + benchResult + strings.Repeat(" ", 268-len(benchResult)))

const benchResult = `{"account_id":"01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10","transaction_id":"01980a53-11aa-7000-8000-5d7c1f9b0e21","version":17,"position":1250,` +
	`"balance":12550,"available":62550,"held":0,"currency":"EUR","status":"open","recorded_at":"2026-11-21T09:31:00.5Z"}`

func serveChild() bool {
	if os.Getenv(childVariable) == "" {
		return false
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(listener.Addr().String() + "\n") //nolint:gosec // the far end shows whether it mattered
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // the parent's end closes it
		os.Exit(0)
	}()
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go answerAll(conn)
	}
}

func answerAll(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 4096)
	for fill := 0; ; {
		n, err := conn.Read(buffer[fill:])
		if err != nil {
			return
		}
		if fill += n; !bytes.HasSuffix(buffer[:fill], []byte("}")) {
			continue
		}
		fill = 0
		if _, err := conn.Write(benchAnswer); err != nil {
			return
		}
	}
}

func benchServer(b *testing.B) string {
	b.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childVariable+"=1")
	stdin, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = child.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address)
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// perConnection runs send b.N times over so many connections and reports this process's processor time for each.
func perConnection(b *testing.B, connections int, open func() (send func())) {
	b.Helper()
	b.ReportAllocs()
	sends := make([]func(), connections)
	for i := range sends {
		sends[i] = open()
		sends[i]()
	}
	before := processorTime()
	b.ResetTimer()
	var running sync.WaitGroup
	for i, send := range sends {
		running.Go(func() {
			for range b.N/connections + min(1, max(0, b.N%connections-i)) {
				send()
			}
		})
	}
	running.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/1e3/float64(b.N), "cpu-us/op")
}

const benchConnections = 64

func BenchmarkLean(b *testing.B) {
	e := endpoint(b, benchServer(b))
	perConnection(b, benchConnections, func() func() {
		c, request := lean.New(e, time.Minute), []byte(benchRequest)
		b.Cleanup(c.Close)
		var answer lean.Answer
		return func() {
			if err := c.Do(b.Context(), request, &answer); err != nil || answer.Status != 201 || answer.Position != 1250 {
				b.Error(answer.Status, err)
			}
		}
	})
}

// The client that others use: what it makes of requests and answers comes on top of net/http.
func BenchmarkClient(b *testing.B) {
	transport := &http.Transport{MaxIdleConns: benchConnections, MaxIdleConnsPerHost: benchConnections, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	bank, err := passbook.New(passbook.Options{CommandURL: benchServer(b), Token: passbook.StaticToken("x"), HTTP: &http.Client{Transport: transport}})
	if err != nil {
		b.Fatal(err)
	}
	account := uuid.MustParse("01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10")
	perConnection(b, benchConnections, func() func() {
		return func() {
			if done, err := bank.Deposit(b.Context(), "key-1", account, passbook.Deposit{Amount: 123, Currency: "EUR"}); err != nil || done.Position != 1250 {
				b.Error(done, err)
			}
		}
	})
}

func BenchmarkNetHTTP(b *testing.B) {
	address := benchServer(b)
	transport := &http.Transport{MaxIdleConns: benchConnections, MaxIdleConnsPerHost: benchConnections, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	perConnection(b, benchConnections, func() func() {
		return func() {
			request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address+"/v1/accounts/01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10/deposits",
				strings.NewReader(benchBody))
			if err != nil {
				b.Error(err)
				return
			}
			request.Header["Authorization"] = []string{"Bearer x"}
			request.Header["Content-Type"] = []string{"application/json"}
			request.Header["Idempotency-Key"] = []string{"key-1"}
			answer, err := transport.RoundTrip(request)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != 201 || answer.Header.Get("Passbook-Position") != "1250" {
				b.Error(answer.StatusCode)
			}
		}
	})
}
