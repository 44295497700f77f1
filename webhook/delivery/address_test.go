package delivery_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"passbook/webhook"
)

// names is a resolver that asks a server of the test: of each name the addresses are those of the list in turn, one an answer, and the last
// one for ever. There are no others.
func names(t *testing.T, of map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &nameServer{of: of, asked: map[string]int{}}
	go s.serve(conn)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

type nameServer struct {
	of    map[string][]string
	mu    sync.Mutex
	asked map[string]int
}

func (s *nameServer) serve(conn net.PacketConn) {
	packet := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		_, _ = conn.WriteTo(s.answer(packet[:n]), from)
	}
}

// answer answers a question (RFC 1035, 4.1): its head with other flags and counts, the question, and an address if it asks for one.
func (s *nameServer) answer(query []byte) []byte {
	var labels []string
	end := 12
	for query[end] != 0 {
		length := int(query[end])
		labels = append(labels, string(query[end+1:end+1+length]))
		end += 1 + length
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	end += 5
	address, known := s.next(strings.Join(labels, "."), kind)
	reply := append([]byte{query[0], query[1], 0x84, 0x00, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if !known {
		reply[3] = 3 // there is no such name
		return reply
	}
	if address.IsValid() {
		reply[7] = 1
		reply = append(reply, 0xc0, 12)
		reply = append(binary.BigEndian.AppendUint16(reply, kind), 0, 1, 0, 0, 0, 0)
		raw := address.AsSlice()
		reply = append(binary.BigEndian.AppendUint16(reply, uint16(len(raw))), raw...) //nolint:gosec // of an address
	}
	return reply
}

func (s *nameServer) next(name string, kind uint16) (address netip.Addr, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.of[name]
	if len(list) == 0 {
		return address, false
	}
	n := min(s.asked[name], len(list)-1)
	candidate := netip.MustParseAddr(list[n])
	if is4 := kind == 1; (is4 || kind == 28) && is4 == candidate.Is4() {
		s.asked[name]++
		return candidate, true
	}
	return address, true
}

// Whatever a name says, and however often it changes its mind, a connection is made to addresses that deliveries may go to, and to no other.
func TestNamesOfPrivateAddresses(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	port := r.server.URL[strings.LastIndex(r.server.URL, ":"):]
	resolver := names(t, map[string][]string{
		"loopback.example": {"127.0.0.1"}, "metadata.example": {"169.254.169.254"}, "private.example": {"10.0.0.1"}, "six.example": {"::1"},
		"mapped.example": {"::ffff:127.0.0.1"}, "local.example": {"fd00::1"}, "translated.example": {"64:ff9b::7f00:1"},
	})
	for name, url := range map[string]string{
		"loopback": "https://loopback.example:8443/", "metadata of a cloud": "https://metadata.example/latest/meta-data", "private": "https://private.example/",
		"IPv6": "https://six.example/", "mapped": "https://mapped.example/", "unique local": "https://local.example/", "NAT64": "https://translated.example/",
		"the receiver itself": "http://loopback.example" + port,
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, webhook.Limits{})
			id := w.subscribe(r, webhook.New{URL: url})
			e := w.engine(hasty())
			e.Reach(webhook.Policy{}, resolver, nil)
			if a := w.attempted(id, e, 1)[0]; a.Result != webhook.AddressNotAllowed || a.Answer != "" {
				t.Errorf("%+v", a)
			}
		})
	}
	if n := len(r.all()); n != 0 {
		t.Errorf("%d requests have arrived", n)
	}
}

// A name that is of a good address when it is first looked up, and of a private one when it counts.
func TestRebinding(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	port := r.server.URL[strings.LastIndex(r.server.URL, ":"):]
	resolver := names(t, map[string][]string{"rebound.example": {"127.0.0.2", "127.0.0.1"}})
	good := allow("127.0.0.2/32")
	if addresses, err := resolver.LookupNetIP(t.Context(), "ip4", "rebound.example"); err != nil || addresses[0] != netip.MustParseAddr("127.0.0.2") ||
		good.Permit("http", netip.AddrPortFrom(addresses[0], 80)) != nil {
		t.Fatalf("%v %v", addresses, err) // a check ahead of the connection is content
	}
	w := newTown(t, webhook.Limits{})
	id := w.subscribe(r, webhook.New{URL: "http://rebound.example" + port})
	e := w.engine(hasty())
	e.Reach(good, resolver, nil)
	if a := w.attempted(id, e, 1)[0]; a.Result != webhook.AddressNotAllowed {
		t.Errorf("%+v", a)
	}
	if n := len(r.all()); n != 0 {
		t.Errorf("%d requests have arrived", n)
	}
	allowed := w.engine(hasty())
	allowed.Reach(allow("127.0.0.0/8"), resolver, nil)
	w.run(allowed)
	w.awaitIdle(id)
	r.expect(1)
}

// Proxies of the environment would connect where we do not: they are not asked.
func TestNoProxyIsAsked(t *testing.T) {
	proxy := newReceiver(t, nil)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.server.URL)
	}
	r := newReceiver(t, nil)
	port := r.server.URL[strings.LastIndex(r.server.URL, ":"):]
	w := newTown(t, webhook.Limits{})
	id := w.subscribe(r, webhook.New{URL: "http://receiver.example" + port})
	e := w.engine(hasty())
	e.Reach(everywhere, names(t, map[string][]string{"receiver.example": {"127.0.0.1"}}), nil)
	w.attempted(id, e, 1)
	r.expect(1)
	proxy.expect()
}
