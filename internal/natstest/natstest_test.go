package natstest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"passbook/internal/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStreamsSurviveARestartAndNotAWipe(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	before := s.URL
	publish(t, s)

	s.Restart()
	if s.URL != before {
		t.Errorf("URL changed from %s to %s", before, s.URL)
	}
	if n := messages(t, s); n != 1 {
		t.Errorf("after a restart the stream has %d messages, want 1", n)
	}

	s.Wipe()
	_, err := stream(t, s).Stream(t.Context(), "NOTES")
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("after a wipe, looking up the stream gave %v", err)
	}
}

func TestStopCutsClientsOff(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	lost := make(chan struct{})
	conn, err := nats.Connect(s.URL, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(lost) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.Stop()
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		t.Error("the client did not notice that the server stopped")
	}
	if _, err := nats.Connect(s.URL, nats.NoReconnect()); err == nil {
		t.Error("a stopped server still accepts connections")
	}
}

func stream(t *testing.T, s *natstest.Server) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(s.Connect())
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func publish(t *testing.T, s *natstest.Server) {
	t.Helper()
	js := stream(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "NOTES", Subjects: []string{"notes"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "notes", []byte("here")); err != nil {
		t.Fatal(err)
	}
}

func messages(t *testing.T, s *natstest.Server) uint64 {
	t.Helper()
	notes, err := stream(t, s).Stream(t.Context(), "NOTES")
	if err != nil {
		t.Fatal(err)
	}
	return notes.CachedInfo().State.Msgs
}
