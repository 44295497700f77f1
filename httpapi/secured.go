package httpapi

import (
	"crypto/tls"
	"errors"
	"slices"
	"sync"
	"time"
)

// secured is a counted connection with TLS. net/http knows it only by its state, and so speaks HTTP/1.1 over it whatever a client offers:
// a connection is one request at a time here, which all limits of heads, times and connections count on. What net/http answers by
// itself passes through the connection before it is encrypted.
type secured struct {
	*connection
	shake sync.Once
}

// ConnectionState is asked for by net/http before anything else, once a connection. It makes the handshake, in bounded time; of one that
// failed the first read has the error.
func (c *secured) ConnectionState() tls.ConnectionState {
	over := c.Conn.(*tls.Conn)
	c.shake.Do(func() {
		_ = c.raw.SetDeadline(time.Now().Add(c.connections.handshake))
		err := over.Handshake()
		_ = c.raw.SetDeadline(time.Time{})
		if err != nil {
			c.failed(err)
		}
	})
	return over.ConnectionState()
}

// failed counts, and tells a client that speaks HTTP without TLS what is wrong.
func (c *secured) failed(err error) {
	c.connections.unshaken.Inc()
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && slices.Contains(beginnings, string(record.RecordHeader[:3])) {
		_ = c.raw.SetWriteDeadline(time.Now().Add(farewellTime))
		_, _ = c.raw.Write(bareAnswer(&Error{Code: MalformedRequest, Detail: "This is a port for TLS: the address begins with https://."})) // or it has gone
	}
	_ = c.raw.Close()
}

// beginnings are those of requests that are not encrypted.
var beginnings = []string{"GET", "HEA", "POS", "PUT", "PAT", "DEL", "OPT"}
