// Package faultproxy stands between a client and a server in tests and does what networks do: it falls silent, it breaks, and
// what passes can be lost, doubled or reordered on the way.
package faultproxy

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Carry passes what one side sends to the other until either ends.
type Carry func(dst io.Writer, src io.Reader) error

// Proxy is one server's door. Its methods may be called from anywhere.
type Proxy struct {
	Addr string // of this machine, for clients

	t             testing.TB
	network, addr string // of the server
	toServer      Carry
	toClient      Carry
	running       sync.WaitGroup

	mu    sync.Mutex
	open  map[net.Conn]chan struct{} // by end; what is written to it passes when the channel is closed
	fresh chan struct{}              // that of connections yet to be opened
	ended bool
}

// Start returns a proxy for the server, which ends with the test. A nil Carry passes everything as it is.
func Start(t testing.TB, network, addr string, toServer, toClient Carry) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("faultproxy: %v", err)
	}
	p := &Proxy{
		Addr: listener.Addr().String(), t: t, network: network, addr: addr, toServer: orPlain(toServer), toClient: orPlain(toClient),
		open: map[net.Conn]chan struct{}{}, fresh: make(chan struct{}),
	}
	close(p.fresh)
	p.running.Go(func() { p.accept(listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		p.end()
		p.running.Wait()
	})
	return p
}

// Postgres returns a proxy for the server of the URL, and the URL that leads through it.
func Postgres(t testing.TB, serverURL string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(serverURL)
	if err != nil {
		t.Fatalf("faultproxy: %v", err)
	}
	network, addr := "tcp", u.Host
	query := u.Query()
	if dir := query.Get("host"); strings.HasPrefix(dir, "/") {
		network, addr = "unix", dir+"/.s.PGSQL."+query.Get("port")
		query.Del("host")
		query.Del("port")
	}
	p := Start(t, network, addr, nil, nil)
	u.Host, u.RawQuery = p.Addr, query.Encode()
	return p, u.String()
}

func orPlain(c Carry) Carry {
	if c != nil {
		return c
	}
	return func(dst io.Writer, src io.Reader) error {
		_, err := io.Copy(dst, src)
		return err
	}
}

// Silence holds back everything, both ways and also on connections yet to be opened. Nobody is told.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh = make(chan struct{})
	p.hold(p.fresh)
}

// SilenceOpen holds back everything on the connections that are open; others pass.
func (p *Proxy) SilenceOpen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold(make(chan struct{}))
}

func (p *Proxy) hold(back chan struct{}) {
	for end := range p.open {
		p.open[end] = back
	}
}

// Resume ends all silence. What was held back is passed.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	release(p.fresh)
	for _, held := range p.open {
		release(held)
	}
}

func release(held chan struct{}) {
	select {
	case <-held:
	default:
		close(held)
	}
}

// Cut breaks every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

func (p *Proxy) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.Resume()
	p.Cut()
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.addr)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.add(client, server) {
			return
		}
		p.pass(server, client, p.toServer)
		p.pass(client, server, p.toClient)
	}
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.ended {
			_ = c.Close()
			continue
		}
		p.open[c] = p.fresh
	}
	return !p.ended
}

// pass carries one direction, then breaks both.
func (p *Proxy) pass(dst, src net.Conn, carry Carry) {
	p.running.Go(func() {
		_ = carry(&gate{p, dst}, src) // however it ends, the other side learns of it
		_ = dst.Close()
		_ = src.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, src)
	})
}

// gate holds back what is written while there is silence.
type gate struct {
	proxy *Proxy
	dst   net.Conn
}

// Write implements io.Writer.
func (g *gate) Write(b []byte) (int, error) {
	for {
		g.proxy.mu.Lock()
		held := g.proxy.open[g.dst]
		g.proxy.mu.Unlock()
		if held == nil {
			return 0, net.ErrClosed
		}
		<-held
		g.proxy.mu.Lock()
		same := g.proxy.open[g.dst] == held
		g.proxy.mu.Unlock()
		if same {
			break
		}
	}
	return g.dst.Write(b)
}
