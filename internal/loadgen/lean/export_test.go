package lean

import (
	"context"
	"net"
	"time"
)

// Over is a connection that is open already.
func Over(ctx context.Context, conn net.Conn) *Conn {
	c := New(nil, time.Hour)
	c.net = conn
	c.attend(ctx)
	return c
}
