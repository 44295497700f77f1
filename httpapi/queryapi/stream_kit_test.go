package queryapi_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
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
				AccountID: a.ID, Position: position, Version: position, EventID: uuid.UUID{byte(position)}, Type: "deposit", Direction: "in", Amount: &amount, //nolint:gosec // small
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
	return newLimitedStation(t, httpapi.Config{}, cfg, streams)
}

// newLimitedStation is newStation with limits of a server's requests.
func newLimitedStation(t *testing.T, limits httpapi.Config, cfg broadcast.Config, streams queryapi.Streams) *station {
	t.Helper()
	kit := httpapitest.New(t, api.Query)
	limits.Auth, limits.Log, limits.Metrics = kit.Config().Auth, kit.Config().Log, kit.Config().Metrics
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
	if s.server, err = queryapi.New(limits, s.books, streams); err != nil {
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
		req.Header.Set(header[i], header[i+1]) //nolint:gosec // pairs
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
