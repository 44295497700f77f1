package lean

import (
	"net"
	"time"
)

// Over is a connection that is open already.
func Over(conn net.Conn) *Conn {
	c := New(nil, time.Hour)
	c.net, c.release = conn, func() bool { return true }
	return c
}
