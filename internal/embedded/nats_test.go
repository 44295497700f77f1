package embedded

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestNATSWithoutAPortIsReachedFromInside(t *testing.T) {
	t.Parallel()
	n := startNATS(t, NATSConfig{StateDir: t.TempDir()})
	if n.URL() != "" || n.Port() != 0 {
		t.Errorf("has URL %q and port %d", n.URL(), n.Port())
	}
	js := jetStream(t, "", n.ConnectOptions()...)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "NOTES"}); err != nil {
		t.Error(err)
	}
}

func TestNATSPortAsksForThePassword(t *testing.T) {
	t.Parallel()
	n := startNATS(t, NATSConfig{StateDir: t.TempDir(), Port: RandomPort})
	jetStream(t, n.URL())
	jetStream(t, "", n.ConnectOptions()...)
	bare, err := url.Parse(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	if bare.Hostname() != "127.0.0.1" {
		t.Errorf("listens on %s", bare.Hostname())
	}
	bare.User = nil
	if _, err := nats.Connect(bare.String()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without the password: %v", err)
	}
}

func TestNATSStreamsOutliveTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startNATS(t, NATSConfig{StateDir: dir})
	_, err := jetStream(t, "", first.ConnectOptions()...).CreateStream(t.Context(), jetstream.StreamConfig{Name: "NOTES"})
	if err != nil {
		t.Fatal(err)
	}
	stopNATS(t, first)

	second := startNATS(t, NATSConfig{StateDir: dir})
	if _, err := jetStream(t, "", second.ConnectOptions()...).Stream(t.Context(), "NOTES"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(second.StoreDir()); err != nil {
		t.Errorf("the streams are not in StoreDir: %v", err)
	}
}

func TestASecondNATSOnTheSameStateIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startNATS(t, NATSConfig{StateDir: dir})
	if _, err := StartNATS(t.Context(), NATSConfig{StateDir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	stopNATS(t, first)
	startNATS(t, NATSConfig{StateDir: dir})
}

func TestNATSStartThatFailsLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	calledOff, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		port int
		want string
	}{
		"port taken": {t.Context(), taken.Addr().(*net.TCPAddr).Port, "address already in use"},
		"called off": {calledOff, 0, "context canceled"},
	} {
		before := goleak.IgnoreCurrent()
		dir := t.TempDir()
		_, err := StartNATS(c.ctx, NATSConfig{StateDir: dir, Port: c.port})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		goleak.VerifyNone(t, before)
		stopNATS(t, startNATS(t, NATSConfig{StateDir: dir}))
	}
}

func TestNATSLeavesNoGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent()
	n := startNATS(t, NATSConfig{StateDir: t.TempDir(), Port: RandomPort})
	stopNATS(t, n)
	stopNATS(t, n) // again
	goleak.VerifyNone(t, before)
}

func startNATS(t *testing.T, cfg NATSConfig) *NATS {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	n, err := StartNATS(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopNATS(t, n) })
	return n
}

func stopNATS(t *testing.T, n *NATS) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func jetStream(t *testing.T, url string, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}
