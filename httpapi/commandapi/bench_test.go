package commandapi_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/command"
	"passbook/domain/account"
	banking "passbook/domain/bank"
	"passbook/domain/money"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/ratelimit"
)

// rubberStamp accepts everything and renders as the real executor has it rendered: what is left is the price of the API.
type rubberStamp struct{ outcome command.Outcome }

func newRubberStamp() rubberStamp {
	return rubberStamp{command.Outcome{
		State: account.State{
			ID: uuid.New(), Version: 17, Status: account.StatusOpen, Currency: money.MustCurrency("EUR"), Balance: 123456, OverdraftLimit: 50000,
		},
		TransactionID: uuid.New(), Position: 123456789, RecordedAt: time.Now(),
	}}
}

func (s rubberStamp) Admits(string) error { return nil }

func (s rubberStamp) Execute(_ context.Context, r command.Request) (command.Answer, error) {
	status, body := commandapi.Render(r, s.outcome)
	return command.Answer{Status: status, Body: body, SubjectID: banking.Principal(r.Command), Version: 17, Position: 123456789}, nil
}

func (s rubberStamp) Begin(ctx context.Context, r command.Request) (command.Pending, error) {
	pending, tell := command.Promised()
	tell(s.Execute(ctx, r))
	return pending, nil
}

func (s rubberStamp) ExecuteAtomic(context.Context, []command.Request) ([]command.Answer, error) {
	return nil, nil
}

const depositBody = `{"amount": 12550, "currency": "EUR", "source": "cash desk", "reference": "INV-2026-000123"}`

// sink is a ResponseWriter that keeps nothing.
type sink struct {
	header http.Header
	status int
	last   []byte // of what was written
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) Flush()                 {}
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(b []byte) (int, error) {
	s.last = append(s.last[:0], b[max(0, len(b)-64):]...)
	return len(b), nil
}

// BenchmarkDeposit is one deposit from the parsed request to the written answer, without network and without log.
func BenchmarkDeposit(b *testing.B) {
	wide := ratelimit.Policy{PerSecond: 1_000_000, Burst: 1_000_000}
	for name, rates := range map[string]httpapi.Rates{"no rates": {}, "rates": {Subject: wide, Account: wide}} {
		b.Run(name, func(b *testing.B) { benchmarkDeposit(b, rates) })
	}
}

func benchmarkDeposit(b *testing.B, rates httpapi.Rates) {
	kit := httpapitest.New(b, api.Command)
	cfg := kit.Config()
	cfg.Rates = rates
	server, err := commandapi.New(cfg, commandapi.Limits{}, newRubberStamp(), newBank(), nil)
	if err != nil {
		b.Fatal(err)
	}
	token := "Bearer " + kit.Token(b, "teller-1", auth.AccountsWrite)
	body := bytes.NewReader([]byte(depositBody))
	req, err := http.NewRequest("POST", "/v1/accounts/"+uuid.NewString()+"/deposits", nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Body, req.ContentLength = io.NopCloser(body), int64(body.Len())
	for name, value := range map[string]string{
		"Authorization": token, "Content-Type": "application/json", "Idempotency-Key": "6f1c1c1e-pay-000123", "X-Request-Id": "req-42",
		"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "User-Agent": "bench/1",
	} {
		req.Header.Set(name, value)
	}
	w := &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset([]byte(depositBody))
		clear(w.header)
		server.ServeHTTP(w, req)
		if w.status != http.StatusCreated {
			b.Fatalf("status %d", w.status)
		}
	}
}

// BenchmarkBulk is a bulk of ten thousand deposits, from the parsed request to the written answer: by itself a deposit costs what
// BenchmarkDeposit says.
func BenchmarkBulk(b *testing.B) {
	kit := httpapitest.New(b, api.Command)
	server, err := commandapi.New(kit.Config(), commandapi.Limits{}, newRubberStamp(), newBank(), nil)
	if err != nil {
		b.Fatal(err)
	}
	const items = 10_000
	path, body := "/v1/accounts/"+uuid.NewString()+"/deposits", []byte{'['}
	for range items {
		body = append(append(body, item(path, depositBody)...), ',')
	}
	body[len(body)-1] = ']'
	token, w := "Bearer "+kit.Token(b, "teller-1", auth.AccountsWrite), &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequest("POST", "/v1/bulk", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {token}, "Content-Type": {"application/json"}, "Idempotency-Key": {"k"}}
		clear(w.header)
		server.ServeHTTP(w, req)
		if w.status != http.StatusOK || !bytes.Contains(w.last, []byte(`"succeeded":10000,`)) {
			b.Fatalf("status %d, %s", w.status, w.last)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
}

// BenchmarkDepositOverTheNetwork has the client and the network in it too: many connections, each with one request at a time.
func BenchmarkDepositOverTheNetwork(b *testing.B) {
	kit := httpapitest.New(b, api.Command)
	server, err := commandapi.New(kit.Config(), commandapi.Limits{}, newRubberStamp(), newBank(), nil)
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, listener) }()
	token := kit.Token(b, "teller-1", auth.AccountsWrite)
	request := []byte("POST /v1/accounts/" + uuid.NewString() + "/deposits HTTP/1.1\r\nHost: bank\r\nContent-Type: application/json\r\n" +
		"Idempotency-Key: k-1\r\nAuthorization: Bearer " + token + "\r\nContent-Length: " + strconv.Itoa(len(depositBody)) + "\r\n\r\n" + depositBody)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		answer := make([]byte, 4096)
		for pb.Next() {
			if _, err := conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			if n, err := conn.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 201")) {
				b.Errorf("%s %v", answer[:n], err)
				return
			}
		}
	})
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRender is what the one goroutine that commits does for each command.
func BenchmarkRender(b *testing.B) {
	outcome, request := newRubberStamp().outcome, command.Request{Path: "/v1/accounts/x/deposits", RequestID: "req-42", Command: banking.OnAccount{Command: account.Deposit{}}}
	b.ReportAllocs()
	for b.Loop() {
		commandapi.Render(request, outcome)
	}
}
