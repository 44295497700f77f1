package natskit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"passbook/internal/natskit"
	"passbook/internal/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patient = 20 * time.Second

func TestConnect(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	log := &logBuffer{}
	conn := connect(t, natskit.Config{URL: server.URL, Name: "the test", Log: log.logger()})
	if !conn.IsConnected() || conn.Opts.Name != "the test" {
		t.Errorf("status %s, name %q", conn.Status(), conn.Opts.Name)
	}
	log.await(t, "nats connected")
	parsed, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if password, ok := parsed.User.Password(); !ok || strings.Contains(log.String(), password) {
		t.Errorf("the log shows the password: %s", log)
	}
}

func TestAConnectionComesBackByItself(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	log := &logBuffer{}
	conn := connect(t, natskit.Config{URL: server.URL, Log: log.logger()})
	received := make(chan *nats.Msg, 1)
	if _, err := conn.ChanSubscribe("notes", received); err != nil {
		t.Fatal(err)
	}

	away, back := conn.StatusChanged(nats.RECONNECTING), conn.StatusChanged(nats.CONNECTED)
	server.Stop()
	await(t, away, "the connection to be lost")
	if err := conn.Publish("notes", []byte("too early")); err == nil {
		t.Error("published without a server: the message would go out later, or never")
	}
	server.Restart()
	await(t, back, "the connection to be back")
	if err := conn.Publish("notes", []byte("now")); err != nil {
		t.Fatal(err)
	}
	if msg := await(t, received, "the message"); string(msg.Data) != "now" {
		t.Errorf("got %q", msg.Data)
	}
	log.await(t, "nats connection lost")
	log.await(t, "nats is back")
}

func TestAServerThatIsNotThereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	server.Stop()
	log := &logBuffer{}
	conn := connect(t, natskit.Config{URL: server.URL, Log: log.logger()})
	if conn.IsConnected() {
		t.Fatal("connected to a stopped server")
	}
	log.await(t, "does not answer yet")
	connected := conn.StatusChanged(nats.CONNECTED)
	server.Restart()
	await(t, connected, "the connection")
	log.await(t, "nats connected")
}

func TestWhatNoWaitingCures(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	calledOff, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx context.Context
		cfg natskit.Config
	}{
		"broken URL":     {t.Context(), natskit.Config{URL: "nats://%"}},
		"no credentials": {t.Context(), natskit.Config{URL: server.URL, CredsFile: "/nowhere"}},
		"called off":     {calledOff, natskit.Config{URL: server.URL}},
	} {
		conn, err := natskit.Connect(c.ctx, c.cfg)
		if err == nil {
			conn.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCloseSendsWhatWasPublished(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	received := make(chan *nats.Msg, 1)
	reader := server.Connect()
	if _, err := reader.ChanSubscribe("notes", received); err != nil {
		t.Fatal(err)
	}
	if err := reader.Flush(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, natskit.Config{URL: server.URL})
	if err := conn.Publish("notes", []byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := natskit.Close(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if msg := await(t, received, "the message"); string(msg.Data) != "last words" {
		t.Errorf("got %q", msg.Data)
	}
	if !conn.IsClosed() {
		t.Error("not closed")
	}
}

func TestCloseWithoutAServer(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	conn := connect(t, natskit.Config{URL: server.URL})
	away := conn.StatusChanged(nats.RECONNECTING)
	server.Stop()
	await(t, away, "the connection to be lost")
	if err := natskit.Close(t.Context(), conn); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, cfg natskit.Config) *nats.Conn {
	t.Helper()
	conn, err := natskit.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func await[T any](t *testing.T, signal <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-signal:
		return v
	case <-time.After(patient):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// logBuffer collects a log that other goroutines write, and tells who waits for a line.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{} // closed and replaced by each write
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, nil))
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// next returns what was written and a signal for more.
func (l *logBuffer) next() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written = make(chan struct{})
	}
	return l.text.String(), l.written
}

func (l *logBuffer) await(t *testing.T, want string) {
	t.Helper()
	for {
		text, more := l.next()
		if strings.Contains(text, want) {
			return
		}
		await(t, more, "the log to say "+want)
	}
}

// A user who is known by a public key alone comes in with the seed in a file, and nobody else does.
func TestNKey(t *testing.T) {
	t.Parallel()
	seedFile := func(key nkeys.KeyPair) string {
		seed, err := key.Seed()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "seed")
		if err := os.WriteFile(path, seed, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ours, err1 := nkeys.CreateUser()
	other, err2 := nkeys.CreateUser()
	public, err3 := ours.PublicKey()
	s, err4 := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, Nkeys: []*server.NkeyUser{{Nkey: public}}})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if conn := connect(t, natskit.Config{URL: s.ClientURL(), NKeyFile: seedFile(ours)}); !conn.IsConnected() {
		t.Errorf("with the key: %s", conn.Status())
	}
	if conn := connect(t, natskit.Config{URL: s.ClientURL(), NKeyFile: seedFile(other)}); conn.IsConnected() {
		t.Error("came in with another key")
	}
	if _, err := natskit.Connect(t.Context(), natskit.Config{URL: s.ClientURL(), NKeyFile: "/nowhere"}); err == nil {
		t.Error("a file that is not there was read")
	}
}
