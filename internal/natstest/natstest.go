// Package natstest gives a test a NATS server with JetStream of its own, which the test may stop, start again and rob
// of its streams.
package natstest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"passbook/internal/embedded"
)

const stepLimit = 30 * time.Second

// Server is one test's server. Its methods are for one goroutine.
type Server struct {
	// URL stays the same over restarts.
	URL string

	t    testing.TB
	dir  string
	port int
	nats *embedded.NATS // nil while stopped
}

// Start returns a server that clients can reach. It ends, and its directory goes, with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), port: embedded.RandomPort}
	s.Restart()
	t.Cleanup(s.Stop)
	return s
}

// Stop ends the server; clients lose their connections. Stopping a stopped server does nothing.
func (s *Server) Stop() {
	s.t.Helper()
	if s.nats == nil {
		return
	}
	ctx, cancel := limit()
	defer cancel()
	if err := s.nats.Stop(ctx); err != nil {
		s.t.Errorf("natstest: %v", err)
	}
	s.nats = nil
}

// Restart stops the server if it runs and starts it on the same port with the same streams.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	ctx, cancel := limit()
	defer cancel()
	started, err := embedded.StartNATS(ctx, embedded.NATSConfig{StateDir: s.dir, Port: s.port})
	if err != nil {
		s.t.Fatalf("natstest: %v", err)
	}
	s.nats, s.port, s.URL = started, started.Port(), started.URL()
}

// Wipe restarts the server with its whole JetStream directory deleted, as an operator or a lost disk would.
func (s *Server) Wipe() {
	s.t.Helper()
	store := s.StoreDir()
	s.Stop()
	if err := os.RemoveAll(store); err != nil {
		s.t.Fatalf("natstest: wipe: %v", err)
	}
	s.Restart()
}

// StoreDir is the JetStream directory.
func (s *Server) StoreDir() string {
	s.t.Helper()
	if s.nats == nil {
		s.t.Fatal("natstest: the server is stopped")
	}
	return s.nats.StoreDir()
}

// Connect returns a plain connection that is closed with the test.
func (s *Server) Connect() *nats.Conn {
	s.t.Helper()
	conn, err := nats.Connect(s.URL)
	if err != nil {
		s.t.Fatalf("natstest: connect: %v", err)
	}
	s.t.Cleanup(conn.Close)
	return conn
}

// limit is for steps that must also work while the test is being cleaned up.
func limit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), stepLimit)
}
