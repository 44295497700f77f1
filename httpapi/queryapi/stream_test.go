package queryapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/internal/localissuer"
	"passbook/readmodel"
	"passbook/readmodel/broadcast"
)

// happenings are news in memory, of the accounts in the books.
type happenings struct {
	mu   sync.Mutex
	news []readmodel.News
}

func (h *happenings) add(a *readmodel.Account, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range n {
		amount, position := int64(100), int64(len(h.news)+1)
		h.news = append(h.news, readmodel.News{
			OwnerID: a.OwnerID, LogMetadata: []byte("{\"actor\":\n\"teller-1\"}"),
			TimelineRow: readmodel.TimelineRow{
				AccountID: a.ID, Position: position, Version: position, EventID: uuid.UUID{byte(position)}, Type: "deposit", Direction: "in", Amount: &amount,
				Currency: "EUR", Balance: 100 * position, RecordedAt: when, EffectiveAt: when,
			},
		})
	}
}

var when = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

func (h *happenings) News(_ context.Context, f readmodel.NewsFilter, after int64) (readmodel.NewsPage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	head := int64(len(h.news))
	page := readmodel.NewsPage{Through: max(after, head), Reached: head, Head: head}
	for i := after; i < head; i++ {
		if n := h.news[i]; f.Picks(&n) {
			page.News = append(page.News, n)
		}
		if len(page.News) == readmodel.NewsPageMax {
			page.Through = i + 1
			break
		}
	}
	return page, nil
}

func (h *happenings) Reached(context.Context) (reached, head int64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int64(len(h.news)), int64(len(h.news)), nil
}

// station is a query API with event streams, on a network of pipes: what is not read is not written.
type station struct {
	*httpapitest.Kit
	t           *testing.T
	books       *books
	happenings  *happenings
	connections chan net.Conn
	closed      chan struct{}
	stop        context.CancelFunc // of the server
	stopped     chan error
	server      *httpapi.Server
}

func newStation(t *testing.T, cfg broadcast.Config, streams queryapi.Streams) *station {
	t.Helper()
	kit := httpapitest.New(t, api.Query)
	s := &station{Kit: kit, t: t, books: newBooks(), happenings: &happenings{}, connections: make(chan net.Conn), closed: make(chan struct{}), stopped: make(chan error, 1)}
	ada, bob := readmodelAccount(), readmodelAccount()
	ada.OwnerID, bob.ID, bob.OwnerID = "ada", uuid.UUID{0xb}, "bob"
	s.books.accounts = []readmodel.Account{bob, ada}
	cfg.Log, cfg.Metrics = slog.New(slog.DiscardHandler), kit.Metrics
	b, err := broadcast.New(s.happenings, cfg)
	if err != nil {
		t.Fatal(err)
	}
	streams.Broadcast = b
	if s.server, err = queryapi.New(kit.Config(), s.books, streams); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var telling sync.WaitGroup
	telling.Go(func() { _ = b.Run(ctx) })
	serving, stopServer := context.WithCancel(ctx)
	s.stop = stopServer
	go func() { s.stopped <- s.server.Run(serving, s) }()
	t.Cleanup(func() { stop(); telling.Wait() })
	return s
}

func (s *station) ada() *readmodel.Account { return &s.books.accounts[1] }
func (s *station) bob() *readmodel.Account { return &s.books.accounts[0] }

// Accept, Close and Addr make it the server's listener.
func (s *station) Accept() (net.Conn, error) {
	select {
	case c := <-s.connections:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *station) Close() error   { close(s.closed); return nil }
func (s *station) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// event is one of a stream; comments and ids without one have no kind.
type event struct{ id, kind, data string }

// stream is a client's end.
type stream struct {
	t      *testing.T
	status int
	header http.Header
	body   io.ReadCloser
	lines  *bufio.Reader
}

func (s *station) open(token, query string, header ...string) *stream {
	s.t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		select {
		case s.connections <- server:
			return client, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true, WriteBufferSize: 1 << 10, ReadBufferSize: 1 << 10}
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", "http://bank/v1/stream"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = answer.Body.Close() })
	return &stream{t: s.t, status: answer.StatusCode, header: answer.Header, body: answer.Body, lines: bufio.NewReader(answer.Body)}
}

// next reads a block; io.EOF at the end.
func (s *stream) next() (e event, err error) {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if line == "\n" {
				return e, nil
			}
		}
	}
}

// event reads up to the next event.
func (s *stream) event() event {
	s.t.Helper()
	for {
		e, err := s.next()
		if err != nil {
			s.t.Fatalf("stream: %v", err)
		}
		if e.kind != "" {
			return e
		}
	}
}

func (s *stream) positions(n int) (list []string) {
	s.t.Helper()
	for range n {
		list = append(list, s.event().id)
	}
	return list
}

func TestStreamTellsWhatTheCallerMaySee(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{})
	s.happenings.add(s.ada(), 2)
	s.happenings.add(s.bob(), 1)
	s.happenings.add(s.ada(), 1)
	reader, ada := s.Token(t, "reader", auth.AccountsRead), s.Token(t, "ada", auth.Own)
	auditor := s.Token(t, "auditor", auth.AccountsRead, auth.AuditRead)
	for name, c := range map[string]struct {
		token, query string
		header       []string
		want         string
	}{
		"all":                     {reader, "?after=0", nil, "[1 2 3 4]"},
		"own":                     {ada, "?after=0", nil, "[1 2 4]"},
		"an account":              {reader, "?after=0&account_id=" + s.bob().ID.String(), nil, "[3]"},
		"an own account":          {ada, "?after=1&account_id=" + s.ada().ID.String(), nil, "[2 4]"},
		"behind what it has":      {reader, "?after=0", []string{"Last-Event-ID", "2"}, "[3 4]"},
		"an empty id is none":     {reader, "?after=2", []string{"Last-Event-ID", ""}, "[3 4]"},
		"who caused it, to audit": {auditor, "?after=3", nil, "[4]"},
	} {
		stream := s.open(c.token, c.query, c.header...)
		if stream.status != 200 || stream.header.Get("Content-Type") != "text/event-stream" || stream.header.Get("Passbook-Position") == "" || stream.header.Get("X-Request-Id") == "" {
			t.Fatalf("%s: %d %v", name, stream.status, stream.header)
		}
		got := stream.positions(len(strings.Fields(c.want)))
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	stream := s.open(auditor, "?after=3")
	e := stream.event()
	var data map[string]any
	if err := json.Unmarshal([]byte(e.data), &data); err != nil || e.kind != "deposit" {
		t.Fatalf("%+v: %v", e, err)
	}
	if data["position"] != 4.0 || data["balance"] != 400.0 || data["account_id"] != s.ada().ID.String() || fmt.Sprint(data["event_metadata"]) != "map[actor:teller-1]" {
		t.Errorf("%s", e.data)
	}
	if e := s.open(reader, "?after=3").event(); strings.Contains(e.data, "teller-1") {
		t.Errorf("who caused it, to a reader: %s", e.data)
	}
}

// Without a position a stream begins now, with an id to come back with; and what happens then is told as it happens.
func TestStreamBeginsNowAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{Heartbeat: 10 * time.Millisecond})
	s.happenings.add(s.ada(), 7)
	stream := s.open(s.Token(t, "ada", auth.Own), "")
	if first, err := stream.next(); err != nil || first != (event{id: "7"}) {
		t.Fatalf("first %+v, %v", first, err)
	}
	s.happenings.add(s.bob(), 1)
	for beat := (event{}); beat.id != "8"; { // a heartbeat moves on behind what is not told
		var err error
		if beat, err = stream.next(); err != nil || beat.kind != "" {
			t.Fatalf("%+v, %v", beat, err)
		}
	}
	s.happenings.add(s.ada(), 2)
	if got := fmt.Sprint(stream.positions(2)); got != "[9 10]" {
		t.Errorf("then %s", got)
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{ListenersMax: 3, ListenersPerCaller: 2}, queryapi.Streams{})
	s.happenings.add(s.ada(), 5)
	ada, reader := s.Token(t, "ada", auth.Own), s.Token(t, "reader", auth.AccountsRead)
	refused := func(name, token, path string, status int, code string, header map[string]string) *httpapitest.Response {
		t.Helper()
		answer := s.Do(t, s.server, httpapitest.Request{Method: "GET", Path: path, Token: token, Header: header})
		if answer.Status != status || answer.Problem.Code != code {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
		return answer
	}
	refused("another's account", ada, "/v1/stream?account_id="+s.bob().ID.String(), 404, "not_found", nil)
	refused("no account", reader, "/v1/stream?account_id="+uuid.NewString(), 404, "not_found", nil)
	refused("no id", reader, "/v1/stream?account_id=x", 400, "invalid_parameter", nil)
	refused("no position", reader, "/v1/stream?after=-1", 400, "invalid_parameter", nil)
	refused("behind the end", reader, "/v1/stream?after=6", 400, "invalid_parameter", nil)
	for _, id := range []string{"x", "-1", "01", "9999999999999999999", "1, 2"} {
		answer := s.Do(t, s.server, httpapitest.Request{Method: "GET", Path: "/v1/stream", Token: reader, Header: map[string]string{"Last-Event-ID": id}})
		if answer.Status != 400 {
			t.Errorf("Last-Event-ID %q: %d", id, answer.Status)
		}
	}
	for range 2 {
		if stream := s.open(ada, ""); stream.status != 200 {
			t.Fatal(stream.status)
		}
	}
	answer := refused("a third of ada's", ada, "/v1/stream", 429, "rate_limited", nil)
	if answer.Problem.Context["limit"] != "streams_per_caller" || answer.Problem.Context["max"] != 2.0 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%s", answer.Body)
	}
	s.open(reader, "")
	if answer := refused("a fourth", reader, "/v1/stream", 503, "overloaded", nil); answer.Problem.Context["limit"] != "streams" {
		t.Errorf("%s", answer.Body)
	}
}

// last reads a stream to its end and returns the last event.
func (s *stream) last() (last event) {
	s.t.Helper()
	for {
		e, err := s.next()
		if err == io.EOF {
			return last
		}
		if err != nil {
			s.t.Fatalf("behind %+v: %v", last, err)
		}
		last = e
	}
}

func TestStreamEndsWithTheToken(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{})
	s.happenings.add(s.ada(), 3)
	token := s.Sign(t, localissuer.TokenRequest{Subject: "ada", Scopes: []string{"own"}, TTL: 2 * time.Second})
	stream := s.open(token, "?after=1")
	if e := stream.last(); e != (event{"3", "dropped", `{"reason":"token_expired","resume_after":3}`}) {
		t.Errorf("%+v", e)
	}
}

// A stop ends the streams in order: it need not wait for its limit.
func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{})
	s.happenings.add(s.ada(), 3)
	stream := s.open(s.Token(t, "ada", auth.Own), "?after=0")
	stream.positions(3)
	s.stop()
	if e := stream.last(); e != (event{"3", "dropped", `{"reason":"server_stopping","resume_after":3}`}) {
		t.Errorf("%+v", e)
	}
	if err := <-s.stopped; err != nil {
		t.Error(err)
	}
}

// Several hundred listen, and one of them does not take what it gets: it is dropped, comes back and misses nothing, and nobody
// else notices.
func TestStreamOfASlowClientIsDropped(t *testing.T) {
	t.Parallel()
	const listeners, rounds, each = 300, 20, 10
	s := newStation(t, broadcast.Config{Queue: 50, SlowAfter: 50 * time.Millisecond, ListenersPerCaller: 1_000}, queryapi.Streams{WriteMax: time.Minute})
	s.happenings.add(s.ada(), 1)
	ada, reader := s.Token(t, "ada", auth.Own), s.Token(t, "reader", auth.AccountsRead)
	slow := s.open(reader, "")
	if _, err := slow.next(); err != nil {
		t.Fatal(err)
	}
	var all []*stream
	for i := range listeners {
		token, query := ada, ""
		if i%2 == 0 {
			token, query = reader, "?account_id="+s.ada().ID.String()
		}
		all = append(all, s.open(token, query))
	}
	for round := range rounds {
		s.happenings.add(s.ada(), each)
		for i, stream := range all {
			for k, id := range stream.positions(each) {
				if want := strconv.Itoa(2 + round*each + k); id != want {
					t.Fatalf("stream %d: %s, want %s", i, id, want)
				}
			}
		}
		<-time.After(5 * time.Millisecond)
	}
	heard := int64(1)
	for {
		e := slow.event()
		if e.kind == "dropped" {
			if e.data != fmt.Sprintf(`{"reason":"slow_consumer","resume_after":%d}`, heard) || e.id != strconv.FormatInt(heard, 10) {
				t.Errorf("%+v, heard up to %d", e, heard)
			}
			break
		}
		if heard++; e.id != strconv.FormatInt(heard, 10) {
			t.Fatalf("%+v, want %d", e, heard)
		}
	}
	if heard > 100 {
		t.Errorf("heard up to %d before it was dropped", heard)
	}
	again := s.open(reader, "", "Last-Event-ID", strconv.FormatInt(heard, 10))
	for heard < 1+rounds*each {
		if heard++; again.event().id != strconv.FormatInt(heard, 10) {
			t.Fatalf("not %d when it came back", heard)
		}
	}
}
