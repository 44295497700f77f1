package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
)

func TestRequestID(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "req-42", strings.Repeat("x", 128), "!~"} {
		if got := requestID(http.Header{headerRequestID: {good}})[0]; got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
	for _, bad := range [][]string{nil, {""}, {strings.Repeat("x", 129)}, {"a b"}, {"a\nb"}, {"é"}, {"a\x00"}, {"a", "b"}} {
		if id, err := uuid.Parse(requestID(http.Header{headerRequestID: bad})[0]); err != nil || id.Version() != 7 {
			t.Errorf("%q: %v, %v; want a UUIDv7", bad, id, err)
		}
	}
}

func TestTraceparent(t *testing.T) {
	t.Parallel()
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	good := "00-" + trace + "-" + span + "-01"
	if got := traceparent(http.Header{headerTraceparent: {good}}); got != good {
		t.Errorf("%q became %q", good, got)
	}
	for name, bad := range map[string][]string{
		"none": nil, "empty": {""}, "two": {good, good}, "upper case": {strings.ToUpper(good)}, "short": {good[1:]}, "long": {good + "-"},
		"no trace": {"00-" + strings.Repeat("0", 32) + "-" + span + "-01"}, "no span": {"00-" + trace + "-0000000000000000-01"},
		"unknown version": {"ff" + good[2:]}, "dashes moved": {"00" + trace + "--" + span + "-01"}, "not hex": {strings.Replace(good, "a", "g", 1)},
	} {
		if got := traceparent(http.Header{headerTraceparent: bad}); got != "" {
			t.Errorf("%s: %q was let through", name, got)
		}
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]time.Duration{
		"": 2 * time.Second, "wait=5": 5 * time.Second, "wait=0": 0, "wait=30": WaitMax, "wait=31": WaitMax, "wait=999999999999": WaitMax,
		"respond-async, wait=7": 7 * time.Second, "WAIT = 7": 7 * time.Second, `wait="7"`: 7 * time.Second,
		"wait": 2 * time.Second, "wait=": 2 * time.Second, "wait=-1": 2 * time.Second, "wait=1.5": 2 * time.Second, "waits=9": 2 * time.Second,
		"wait=99999999999999999999": 2 * time.Second,
	} {
		call := Call{Header: http.Header{headerPrefer: {prefer}}}
		if got := call.Wait(); got != want {
			t.Errorf("Prefer: %s waits %s, want %s", prefer, got, want)
		}
	}
	two := Call{Header: http.Header{headerPrefer: {"respond-async", "wait=3"}}}
	if got := two.Wait(); got != 3*time.Second {
		t.Errorf("two headers: %s", got)
	}
}

func TestClientAndUserAgent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ token, agent, client, userAgent string }{
		{"till", "curl/8", "till", "curl/8"}, {"", "curl/8", "", "curl/8"}, {"till", "", "till", ""},
		{"a\x00b\nc\u00e9", "a\x00b\nc\u00e9", "abc", "abc"},
		{strings.Repeat("x", 500), strings.Repeat("y", 500), strings.Repeat("x", 128), strings.Repeat("y", 200)},
	} {
		call := Call{Identity: &auth.Identity{Client: c.token}, Header: http.Header{headerUserAgent: {c.agent}}}
		client, agent := call.Client(), call.UserAgent()
		if client != c.client || agent != c.userAgent || !utf8.ValidString(client) || !utf8.ValidString(agent) {
			t.Errorf("%+v: %q %q", c, client, agent)
		}
	}
	if without := (&Call{Header: http.Header{}}).UserAgent(); without != "" {
		t.Errorf("without a header: %q", without)
	}
}
