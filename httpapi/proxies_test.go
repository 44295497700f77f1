package httpapi

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	trusted, standard := Proxies{Trusted: proxies}, Proxies{Trusted: proxies, Standard: true}
	forwarded := func(name string, lines ...string) http.Header { return http.Header{name: lines} }
	for name, c := range map[string]struct {
		proxies Proxies
		peer    string
		header  http.Header
		want    string
	}{
		"nobody is believed":                {Proxies{}, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7"), "10.1.2.3"},
		"IPv6, nobody believed":             {Proxies{}, "[2001:db8::1]:4000", nil, "2001:db8::1"},
		"not from a proxy":                  {trusted, "203.0.113.9:4000", forwarded(headerForwardedFor, "198.51.100.7"), "203.0.113.9"},
		"one proxy":                         {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7"), "198.51.100.7"},
		"two proxies":                       {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7, 10.9.9.9"), "198.51.100.7"},
		"two lines":                         {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7", "10.9.9.9"), "198.51.100.7"},
		"the client's own invention":        {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "1.1.1.1, 198.51.100.7"), "198.51.100.7"},
		"invented to look like a proxy":     {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "1.1.1.1, 10.7.7.7, 198.51.100.7"), "198.51.100.7"},
		"the header that is not read":       {trusted, "10.1.2.3:4000", forwarded(headerForwarded, "for=1.1.1.1"), "10.1.2.3"},
		"no header":                         {trusted, "10.1.2.3:4000", nil, "10.1.2.3"},
		"what is no address":                {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7, unknown"), "10.1.2.3"},
		"a hidden one in front of a proxy":  {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "<script>, 10.9.9.9"), "10.9.9.9"},
		"with port":                         {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7:31337"), "198.51.100.7"},
		"IPv6 with port":                    {trusted, "[fd00::1]:4000", forwarded(headerForwardedFor, "[2001:db8::1]:31337"), "2001:db8::1"},
		"IPv6 without":                      {trusted, "[fd00::1]:4000", forwarded(headerForwardedFor, "2001:DB8::1"), "2001:db8::1"},
		"IPv4 as IPv6":                      {trusted, "[::ffff:10.1.2.3]:4000", forwarded(headerForwardedFor, "::ffff:198.51.100.7"), "198.51.100.7"},
		"all of them proxies":               {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "10.4.4.4, 10.9.9.9"), "10.4.4.4"},
		"the standard's header":             {standard, "10.1.2.3:4000", forwarded(headerForwarded, `for=1.1.1.1, For="[2001:db8::1]:80";proto=https;by=10.9.9.9`), "2001:db8::1"},
		"the standard's, hidden":            {standard, "10.1.2.3:4000", forwarded(headerForwarded, `for=1.1.1.1, for=_hidden`), "10.1.2.3"},
		"the standard's, without for":       {standard, "10.1.2.3:4000", forwarded(headerForwarded, `proto=https`), "10.1.2.3"},
		"the other header with standard":    {standard, "10.1.2.3:4000", forwarded(headerForwardedFor, "1.1.1.1"), "10.1.2.3"},
		"an address that cannot be read":    {trusted, "pipe", forwarded(headerForwardedFor, "1.1.1.1"), "pipe"},
		"empty items":                       {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7,,"), "10.1.2.3"},
		"an address in another one's place": {trusted, "10.1.2.3:4000", forwarded(headerForwardedFor, "198.51.100.7 evil"), "10.1.2.3"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: c.header}
		if got := c.proxies.address(r); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAddressesCostNothing(t *testing.T) {
	r := &http.Request{RemoteAddr: "198.51.100.7:31337", Header: http.Header{headerForwardedFor: {"1.1.1.1"}}}
	var nobody Proxies
	if n := testing.AllocsPerRun(100, func() { nobody.address(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
