package webhook_test

import (
	"net/netip"
	"strings"
	"testing"

	"passbook/webhook"
)

func allow(networks ...string) (p webhook.Policy) {
	for _, network := range networks {
		p.Allowed = append(p.Allowed, netip.MustParsePrefix(network))
	}
	return p
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	own, all := allow("10.1.0.0/16", "fd12::/16"), allow("0.0.0.0/0", "::/0")
	for _, tt := range []struct {
		address      string
		none, within bool // whether it is permitted where no network is allowed, and where own ones are
	}{
		{"93.184.216.34:443", true, true}, {"93.184.216.34:8443", true, true}, {"[2606:2800:220:1::1]:443", true, true}, {"8.8.8.8:443", true, true},
		{"93.184.216.34:22", false, false}, {"93.184.216.34:80", false, false}, {"93.184.216.34:5432", false, false},
		{"10.1.2.3:443", false, true}, {"10.1.2.3:9000", false, true}, {"10.2.0.1:443", false, false}, {"[fd12::1]:80", false, true},
		{"127.0.0.1:443", false, false}, {"127.255.255.254:443", false, false}, {"0.0.0.0:443", false, false}, {"0.1.2.3:443", false, false},
		{"10.0.0.1:443", false, false}, {"172.16.0.1:443", false, false}, {"172.31.255.255:443", false, false}, {"172.32.0.1:443", true, true}, {"192.168.1.1:443", false, false},
		{"169.254.169.254:443", false, false}, {"100.64.0.1:443", false, false}, {"100.127.255.255:443", false, false}, {"100.128.0.1:443", true, true},
		{"192.0.0.8:443", false, false}, {"192.0.2.1:443", false, false}, {"198.18.0.1:443", false, false}, {"198.51.100.1:443", false, false}, {"203.0.113.1:443", false, false},
		{"192.88.99.1:443", false, false}, {"224.0.0.1:443", false, false}, {"239.255.255.255:443", false, false}, {"240.0.0.1:443", false, false}, {"255.255.255.255:443", false, false},
		{"[::1]:443", false, false}, {"[::]:443", false, false}, {"[fe80::1%eth0]:443", false, false}, {"[fc00::1]:443", false, false}, {"[fd00::1]:443", false, false},
		{"[ff02::1]:443", false, false}, {"[fec0::1]:443", false, false}, {"[100::1]:443", false, false}, {"[2001:db8::1]:443", false, false}, {"[3fff::1]:443", false, false},
		{"[::ffff:127.0.0.1]:443", false, false}, {"[::ffff:10.1.2.3]:443", false, true}, {"[::ffff:93.184.216.34]:443", true, true}, {"[::127.0.0.1]:443", false, false},
		{"[64:ff9b::7f00:1]:443", false, false}, {"[64:ff9b::5db8:d822]:443", false, false}, {"[64:ff9b:1::1]:443", false, false}, {"[2002:7f00:1::1]:443", false, false},
		{"[2001:0:5ef5:79fd::1]:443", false, false}, {"[2001:4860:4860::8888]:443", true, true},
	} {
		at := netip.MustParseAddrPort(tt.address)
		if got := (webhook.Policy{}).Permit("https", at) == nil; got != tt.none {
			t.Errorf("%s: permitted %v", tt.address, got)
		}
		if got := own.Permit("https", at) == nil; got != tt.within {
			t.Errorf("%s with networks allowed: permitted %v", tt.address, got)
		}
		if all.Permit("http", at) != nil {
			t.Errorf("%s is not permitted although all is", tt.address)
		}
		if (webhook.Policy{}).Permit("http", at) == nil {
			t.Errorf("%s is permitted without TLS", tt.address)
		}
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ //nolint:gosec // no secrets. The value is what is wrong, when no network is allowed
		"https://example.com/hooks": "", "https://example.com": "", "https://example.com:8443/a?b=c": "", "https://93.184.216.34/": "", "https://EXAMPLE.com./": "",
		"http://example.com/": "https://", "ftp://example.com/": "https://", "gopher://example.com/": "https://", "file:///etc/passwd": "must be a URL",
		"https://user:secret@example.com/": "password", "https://user@example.com/": "password", "https://example.com/#here": "fragment", "https://example.com/#": "fragment",
		"https:///path": "must be a URL", "https:example.com": "must be a URL", "example.com": "must be a URL", "": "must be a URL", "https://exa mple.com": "must be a URL",
		"https://example.com/\r\nX: y": "must be a URL", "https://example.com:0/": "port", "https://example.com:99999/": "port", "https://example.com:22/": "443 or 8443",
		"https://127.0.0.1/": "address", "https://[::1]/": "address", "https://10.0.0.1/": "address", "https://[::ffff:10.0.0.1]/": "address", "https://169.254.169.254/": "address",
		"https://localhost/": "address", "https://LOCALHOST./": "address", "https://x.localhost/": "address", "https://[fe80::1%25eth0]/": "address",
		"https://example.com/" + strings.Repeat("a", webhook.URLMax): "bytes",
	}
	for url, want := range tests {
		err := webhook.Policy{}.CheckURL(url)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", url, err, want)
		}
	}
	all, own := allow("0.0.0.0/0", "::/0"), allow("10.1.0.0/16")
	for _, url := range []string{"http://127.0.0.1:9000/hooks", "http://localhost:1/", "https://example.com:22/"} {
		if err := all.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := all.CheckURL("http://user:secret@localhost/"); err == nil {
		t.Error("a password is taken")
	}
	if own.CheckURL("http://10.1.2.3:9000/") != nil || own.CheckURL("http://10.2.2.3/") == nil {
		t.Error("of the networks allowed")
	}
}
