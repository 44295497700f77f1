package webhook_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"passbook/webhook"
)

// FuzzURL gives anything as the address of a subscription. One that is taken where nothing is allowed beside the public is asked by TLS, on
// a port that is meant for it, without credentials, and if it names an address it is a public one.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/hooks?a=b", "http://example.com", "https://u:p@example.com", "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]", "https://example.com:22", "https://LOCALHOST./",
		"https://[2002:7f00:1::]/", "https://[64:ff9b::a00:1]/", "https://[fe80::1%25eth0]/", "https://169.254.169.254/", "https:example.com", "https://example.com\\@10.0.0.1/", "https://example.com#x", "//example.com",
		"https://2130706433/", "https://0x7f.1/", "https://example.com:8443", "https://%31%30.0.0.1/", "https://１０.0.0.1/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if (webhook.Policy{}).CheckURL(text) != nil {
			return
		}
		r, err := http.NewRequest(http.MethodPost, text, nil)
		if err != nil {
			t.Fatalf("%q is taken, and nothing can be sent there: %v", text, err)
		}
		u := r.URL
		port := strings.TrimLeft(u.Port(), "0")
		if u.Scheme != "https" || u.User != nil || u.Fragment != "" || port != "" && port != "443" && port != "8443" || len(text) > webhook.URLMax {
			t.Errorf("%q is taken", text)
		}
		if host, err := netip.ParseAddr(strings.TrimSuffix(u.Hostname(), ".")); err == nil && !anyonesAddress(host) {
			t.Errorf("%q is taken", text)
		}
		if again, err := url.Parse(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%q goes to %q and then to %q", text, u.Host, again.Host)
		}
	})
}

// FuzzPermit holds the addresses that are connected to against what the standard library knows of them.
func FuzzPermit(f *testing.F) {
	for _, seed := range []string{"8.8.8.8", "127.0.0.1", "10.1.2.3", "::ffff:192.168.0.1", "2001:4860:4860::8888", "fe80::1", "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::", "::", "ff02::1", "100.64.0.1", "255.255.255.255"} {
		address := netip.MustParseAddr(seed).As16()
		f.Add(address[:], uint16(443), "https")
		f.Add(address[:], uint16(22), "http")
	}
	f.Fuzz(func(t *testing.T, bytes []byte, port uint16, scheme string) {
		address, ok := netip.AddrFromSlice(bytes)
		if !ok {
			return
		}
		if (webhook.Policy{}).Permit(scheme, netip.AddrPortFrom(address, port)) != nil {
			return
		}
		if scheme != "https" || port != 443 && port != 8443 || !anyonesAddress(address) {
			t.Errorf("%s %s:%d is connected to", scheme, address, port)
		}
	})
}

func anyonesAddress(a netip.Addr) bool {
	a = a.Unmap()
	inside := a.Is6() && (netip.MustParsePrefix("2002::/16").Contains(a) || netip.MustParsePrefix("2001::/32").Contains(a) || !netip.MustParsePrefix("2000::/3").Contains(a))
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && a.Zone() == "" && !inside
}
