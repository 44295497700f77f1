package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// URLMax is the longest URL, in bytes.
const URLMax = 2048

// ports are those that deliveries may go to. Behind others are services that were not made to be asked by strangers.
var ports = []uint16{443, 8443}

// Policy is where deliveries may go: to public addresses, by HTTPS, on ports that are meant for it. The addresses in Allowed are let
// off all three.
type Policy struct{ Allowed []netip.Prefix }

// URLError says what is wrong with a URL, in words for who gave it.
type URLError struct{ Fault string }

func (e *URLError) Error() string { return "url " + e.Fault }

// CheckURL refuses what can be refused without asking for the host's address. Where the host is, is looked at with each connection.
func (p Policy) CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > URLMax:
		return &URLError{fmt.Sprintf("has more than %d bytes", URLMax)}
	case err != nil || u.Opaque != "" || u.Hostname() == "" || strings.ContainsFunc(text, unprintable):
		return &URLError{"must be a URL such as https://example.com/hooks"}
	case u.Scheme != "https" && u.Scheme != "http":
		return &URLError{"must begin with https://"}
	case u.Scheme == "http" && len(p.Allowed) == 0:
		return &URLError{"must begin with https://: what is told is not for everybody on the way"}
	case u.User != nil:
		return &URLError{"must not hold a name or a password: deliveries are known by their signatures"}
	case u.Fragment != "" || strings.Contains(text, "#"):
		return &URLError{"must not have a fragment"}
	}
	port, err := portOf(u)
	if err != nil {
		return err
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		if p.Permit(u.Scheme, netip.AddrPortFrom(address, port)) != nil {
			return &URLError{"names an address that deliveries do not go to"}
		}
		return nil
	}
	if len(p.Allowed) > 0 {
		return nil
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return &URLError{"names an address that deliveries do not go to"}
	}
	if !slices.Contains(ports, port) {
		return &URLError{"must have no port, or the port 443 or 8443"}
	}
	return nil
}

func unprintable(r rune) bool { return r <= ' ' || r == 0x7f }

func portOf(u *url.URL) (uint16, error) {
	switch {
	case u.Port() != "":
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 {
			return 0, &URLError{"has a port that there is not"}
		}
		return uint16(port), nil
	case u.Scheme == "http":
		return 80, nil
	}
	return 443, nil
}

// ErrAddress means that deliveries do not go to an address.
var ErrAddress = errors.New("deliveries do not go to this address")

// Permit refuses an address that a connection is about to be made to.
func (p Policy) Permit(scheme string, at netip.AddrPort) error {
	address := at.Addr().WithZone("").Unmap()
	if slices.ContainsFunc(p.Allowed, func(allowed netip.Prefix) bool { return allowed.Contains(address) }) {
		return nil
	}
	if !public(address) || scheme != "https" || !slices.Contains(ports, at.Port()) {
		return ErrAddress
	}
	return nil
}

// global is where IPv6 has public addresses: outside of it are loopback, link-local, unique local, multicast, IPv4 in IPv6 in its many
// forms (mapped, compatible, NAT64), and what is not used yet.
var global = netip.MustParsePrefix("2000::/3")

// special are the networks that are not public (the registries of RFC 6890), as far as they are not outside of global.
var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // behind a carrier's NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local: the metadata of clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocols
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast
	"2001::/23",       // protocols: Teredo has IPv4 in it
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4: IPv4 in IPv6
	"3fff::/20",       // documentation
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

func public(address netip.Addr) bool {
	if !address.IsValid() || address.Is6() && !global.Contains(address) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(address) })
}
