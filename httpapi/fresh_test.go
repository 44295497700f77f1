package httpapi_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"passbook/httpapi"
)

// A client that has opened a connection and sent nothing does not hold up a server that stops.
func TestAConnectionThatSaysNothingDoesNotHoldUpTheStop(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	server := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			close(accepted)
		}
	}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- httpapi.Serve(ctx, listener, server, 4*time.Second) }() // less than net/http waits by itself
	silent, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	<-accepted
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
