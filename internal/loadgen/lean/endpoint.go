package lean

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// dialTimeout bounds the opening of one connection.
const dialTimeout = 5 * time.Second

// Endpoint is where one API listens.
type Endpoint struct {
	Host string // for the Host header
	Path string // before every path, without a slash at its end

	address string
	tls     *tls.Config // nil: plain text
}

// NewEndpoint reads an http:// or https:// URL. The latter is connected to with a copy of the configuration; nil: the authorities of the
// system, and no certificate is shown.
func NewEndpoint(text string, connect *tls.Config) (*Endpoint, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no http:// or https:// URL", text)
	}
	e := &Endpoint{Host: u.Host, Path: strings.TrimRight(u.Path, "/"), address: u.Host}
	if u.Port() == "" {
		e.address = net.JoinHostPort(u.Hostname(), u.Scheme)
	}
	if u.Scheme == "https" {
		e.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if connect != nil {
			e.tls = connect.Clone()
		}
		e.tls.ServerName, e.tls.NextProtos = u.Hostname(), []string{"http/1.1"}
	}
	return e, nil
}

func (e *Endpoint) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if e.tls != nil {
		return (&tls.Dialer{Config: e.tls}).DialContext(ctx, "tcp", e.address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", e.address)
}
