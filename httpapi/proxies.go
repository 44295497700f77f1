package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies says whom to believe about where requests come from. Its zero value believes nobody: a request comes from the other end
// of its connection.
type Proxies struct {
	Trusted []netip.Prefix // from where the header is believed
	// Standard is to read Forwarded (RFC 7239), and not X-Forwarded-For. Only one of them is read: the other is what a client may have
	// sent through proxies that do not know it.
	Standard bool
}

const (
	headerForwarded    = "Forwarded"
	headerForwardedFor = "X-Forwarded-For"
)

// address is the IP address that a request comes from: the last one on its way that is not a trusted proxy's. Every proxy puts the one
// that it got the request from behind those that it was told of, so what stands in front may be anybody's invention. What cannot
// be read as an address ends the search: then the request comes from whoever said that.
func (p *Proxies) address(r *http.Request) string {
	peer := hostOf(r.RemoteAddr)
	if len(p.Trusted) == 0 {
		return peer
	}
	at, err := netip.ParseAddr(peer)
	if err != nil || !p.trusts(at) {
		return peer
	}
	name := headerForwardedFor
	if p.Standard {
		name = headerForwarded
	}
	for _, line := range slices.Backward(r.Header[name]) {
		for line != "" && p.trusts(at) {
			var hop string
			line, hop = lastOf(line)
			if p.Standard {
				hop = forwardedFor(hop)
			}
			before, err := netip.ParseAddr(hostOf(strings.Trim(strings.TrimSpace(hop), `"`)))
			if err != nil {
				return plainAddress(at)
			}
			at = before
		}
	}
	return plainAddress(at)
}

func (p *Proxies) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p.Trusted, func(n netip.Prefix) bool { return n.Contains(a) })
}

// plainAddress writes an address in the one form in which it is kept: of an IPv4 address that of IPv4.
func plainAddress(a netip.Addr) string { return a.Unmap().WithZone("").String() }

// lastOf takes the last item off a list.
func lastOf(list string) (rest, last string) {
	if comma := strings.LastIndexByte(list, ','); comma >= 0 {
		return list[:comma], list[comma+1:]
	}
	return "", list
}

// forwardedFor is the parameter "for" of an item of Forwarded; "" when it has none.
func forwardedFor(item string) string {
	for parameter := range strings.SplitSeq(item, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if strings.EqualFold(strings.TrimSpace(name), "for") {
			return value
		}
	}
	return ""
}

// hostOf takes port and brackets off an address. It allocates nothing, since every request passes it.
func hostOf(address string) string {
	if rest, bracket := strings.CutPrefix(address, "["); bracket {
		host, _, _ := strings.Cut(rest, "]")
		return host
	}
	colon := strings.IndexByte(address, ':')
	if colon >= 0 && colon == strings.LastIndexByte(address, ':') { // more than one: an IPv6 address without a port
		return address[:colon]
	}
	return address
}
