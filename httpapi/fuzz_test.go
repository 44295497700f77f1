package httpapi

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// FuzzHeaders reads one text as each of the headers that hold something: what is taken is what was written, in the one way of
// writing it, and nothing is taken that cannot be sent back, logged or stored.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{
		"", "0", "17", "017", "-1", "+1", "9223372036854775807", "9223372036854775808", "١٧", `"17"`, `"17`, `W/"17"`, `W/"16", "17"`, `*`, ` * `, `"1","",x"17"`,
		"wait=2", "WAIT = 30", "respond-async, wait=\"7\"", "wait=99999999999999999999", "wait=,wait=1", "wait", "a b", "é", "a\x00", strings.Repeat("k", 256),
	} {
		f.Add(seed, int64(17))
	}
	digits := regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	f.Fuzz(func(t *testing.T, text string, version int64) {
		call := func(name string) *Call { return &Call{Header: http.Header{name: {text}}} }
		position := func(name string, n int64, written string) {
			if n < 0 || !digits.MatchString(written) || strconv.FormatInt(n, 10) != written {
				t.Errorf("%s: %q is taken as %d", name, text, n)
			}
		}
		if n, err := call(headerMinPosition).MinPosition(); err == nil {
			position(headerMinPosition, n, text)
		}
		if n, ok, err := call(headerLastEventID).LastEventID(); err == nil && ok {
			position(headerLastEventID, n, text)
		} else if err == nil && text != "" {
			t.Errorf("Last-Event-ID %q is taken as none", text)
		}
		if n, err := call(headerIfMatch).IfMatch(-7); err == nil {
			position(headerIfMatch, n, strings.Trim(text, `"`))
			if text != `"`+strconv.FormatInt(n, 10)+`"` {
				t.Errorf("If-Match %q is taken as %d", text, n)
			}
		}
		if call(headerIfNoneMatch).HasVersion(version) && strings.TrimSpace(text) != "*" && !strings.Contains(text, `"`+strconv.FormatInt(version, 10)+`"`) {
			t.Errorf("If-None-Match %q has version %d", text, version)
		}
		if wait := call(headerPrefer).Wait(); wait < 0 || wait > WaitMax || wait%time.Second != 0 {
			t.Errorf("Prefer %q: a wait of %s", text, wait)
		}
		if key, err := call(headerKey).IdempotencyKey(); err == nil && (key != text || !plain(key, keyMax)) {
			t.Errorf("Idempotency-Key %q is taken as %q", text, key)
		}
		if id := requestID(http.Header{headerRequestID: {text}})[0]; !plain(id, requestIDMax) || id != text && uuid.Validate(id) != nil {
			t.Errorf("X-Request-Id %q is answered with %q", text, id)
		}
		if agent := call(headerUserAgent).UserAgent(); len(agent) > userAgentMax || !utf8.ValidString(agent) || strings.ContainsFunc(agent, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("User-Agent %q is kept as %q", text, agent)
		}
		if token, err := bearer(http.Header{"Authorization": {text}}); err == nil && (!plain(token, len(text)) || !strings.HasSuffix(text, " "+token)) {
			t.Errorf("Authorization %q: token %q", text, token)
		}
	})
}

// plain is the shape of what goes into headers and log lines, said in another way than by the code.
func plain(text string, longest int) bool {
	return len(text) <= longest && regexp.MustCompile(`^[!-~]+$`).MatchString(text)
}

// FuzzTraceparent takes what the standard's grammar takes of version 00, and nothing else.
func FuzzTraceparent(f *testing.F) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, seed := range []string{good, strings.ToUpper(good), "01" + good[2:], good + "-", "00-" + strings.Repeat("0", 32) + good[35:], good[:36] + strings.Repeat("0", 16) + "-01", ""} {
		f.Add(seed)
	}
	grammar := regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)
	f.Fuzz(func(t *testing.T, text string) {
		parts := grammar.FindStringSubmatch(text)
		want := parts != nil && strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
		if got := traceparent(http.Header{headerTraceparent: {text}}); (got != "") != want || want && got != text {
			t.Errorf("%q is taken as %q", text, got)
		}
	})
}

// FuzzAddress invents what stands in front of the entry that a trusted proxy has added: wherever the request is said to come from, it is
// an address, and who is not trusted is never looked behind.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.7", "10.0.0.9, 203.0.113.7", `for="[2001:db8::1]:4711";proto=https`, "::ffff:10.0.0.1", "[::1%eth0]:80", "10.0.0.2,,10.0.0.3", `for=_hidden, for=unknown`, ",", "\x00"} {
		f.Add(seed, "198.51.100.1", true)
		f.Add(seed, "198.51.100.1", false)
	}
	trusted := netip.MustParsePrefix("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, invented, last string, standard bool) {
		p := &Proxies{Trusted: []netip.Prefix{trusted}, Standard: standard}
		client, err := netip.ParseAddr(last)
		if err != nil || client.Zone() != "" {
			return
		}
		name, entry := headerForwardedFor, client.String()
		if standard {
			name, entry = headerForwarded, `for="`+client.String()+`"`
			if client.Is6() {
				entry = `for="[` + client.String() + `]"`
			}
		}
		header := http.Header{name: {invented + "," + entry}}
		if got := p.address(&http.Request{RemoteAddr: "198.51.100.200:1", Header: header}); got != "198.51.100.200" {
			t.Errorf("whoever is not trusted says to be %s", got)
		}
		got := p.address(&http.Request{RemoteAddr: "10.0.0.1:1", Header: header})
		at, err := netip.ParseAddr(got)
		if err != nil || at.Zone() != "" || at.Is4In6() {
			t.Errorf("%q: comes from %q", header, got)
		}
		if !trusted.Contains(client.Unmap()) && got != client.Unmap().String() {
			t.Errorf("%q: comes from %q, not from %s", header, got, client)
		}
		if slices.Contains(strings.Split(got, ""), " ") {
			t.Errorf("%q", got)
		}
	})
}
