package httpapi

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// freshTime is how long a server that stops waits for the first byte of a connection. http.Server.Shutdown by itself waits five
// seconds for connections that clients have opened to have one more.
const freshTime = time.Second

// fresh are the connections of a server over which nothing has come yet.
type fresh struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// watchFresh has the server tell of its connections, beside whom it tells already. Call it before the server serves.
func watchFresh(server *http.Server) *fresh {
	f, next := &fresh{conns: map[net.Conn]struct{}{}}, server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		f.note(conn, state)
		if next != nil {
			next(conn, state)
		}
	}
	return f
}

func (f *fresh) note(conn net.Conn, state http.ConnState) {
	if state == http.StateIdle {
		return // it was active before
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if state == http.StateNew {
		f.conns[conn] = struct{}{}
	} else {
		delete(f.conns, conn)
	}
}

func (f *fresh) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.Close()
	}
}
