package httpapi_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"passbook/httpapi"
)

func ask(s http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer token")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1]) //nolint:gosec // pairs
	}
	s.ServeHTTP(w, r)
	return w
}

func withOrigins(t *testing.T, origins ...string) *httpapi.Server {
	t.Helper()
	return tinyServer(t, options{more: func(c *httpapi.Config) { c.Browsers.Origins = origins }}, fine)
}

func TestPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	const app = "https://app.example"
	for name, c := range map[string]struct {
		server  *httpapi.Server
		origin  string
		allowed string
	}{
		"off":                     {withOrigins(t), app, ""},
		"another":                 {withOrigins(t, app), "https://evil.example", ""},
		"one that begins so":      {withOrigins(t, app), "https://app.example.evil.example", ""},
		"one that ends so":        {withOrigins(t, app), "https://evilapp.example", ""},
		"without TLS":             {withOrigins(t, app), "http://app.example", ""},
		"another port":            {withOrigins(t, app), "https://app.example:8443", ""},
		"null":                    {withOrigins(t, app), "null", ""},
		"the configured":          {withOrigins(t, "https://x.example", app), app, app},
		"everybody, without more": {withOrigins(t, "*"), "https://who.example", "*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/v1/projections", "/openapi.json", "/v1/nothing", "/v1/projections?x=1"} {
				h := ask(c.server, "GET", path, "Origin", c.origin).Header()
				if h.Get("Access-Control-Allow-Origin") != c.allowed || h.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s: %v", path, h)
				}
				if exposed := h.Get("Access-Control-Expose-Headers"); (exposed != "") != (c.allowed != "") {
					t.Errorf("%s: exposed %q", path, exposed)
				}
				if vary := slices.Contains(h.Values("Vary"), "Origin"); vary != (c.allowed == app || name != "off" && c.allowed == "") {
					t.Errorf("%s: Vary %v", path, h.Values("Vary"))
				}
			}
			w := ask(c.server, "OPTIONS", "/v1/projections", "Origin", c.origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
			if allowed := w.Header().Get("Access-Control-Allow-Methods"); (allowed == "GET") != (c.allowed != "") || w.Code != http.StatusNoContent {
				t.Errorf("preflight: %d, %q", w.Code, allowed)
			}
		})
	}
}

func TestScriptsMayReadWhatMeansSomething(t *testing.T) {
	t.Parallel()
	h := ask(withOrigins(t, "*"), "GET", "/v1/projections", "Origin", "https://app.example").Header()
	exposed := strings.Split(h.Get("Access-Control-Expose-Headers"), ", ")
	for _, name := range []string{"ETag", "Passbook-Position", "Passbook-Lag-Ms", "Idempotent-Replayed", "RateLimit", "RateLimit-Policy", "Location", "Retry-After", "X-Request-Id"} {
		if !slices.Contains(exposed, name) {
			t.Errorf("%s is not exposed", name)
		}
	}
}

// TestPreflightsOfAllRoutes asks for each route and method of both documents, and for one that it does not have.
func TestPreflightsOfAllRoutes(t *testing.T) {
	t.Parallel()
	command, query := limitedDoors(t, httpapi.Rates{}, func(c *httpapi.Config) { c.Browsers.Origins = []string{"https://app.example"} })
	for _, d := range []door{command, query} {
		for path, item := range d.Spec.Paths.Map() {
			path = variable.ReplaceAllString(path, "01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10")
			for method := range item.Operations() {
				w := ask(d.server, "OPTIONS", path, "Origin", "https://app.example", "Access-Control-Request-Method", method)
				h := w.Header()
				if w.Code != 204 || !slices.Contains(strings.Split(h.Get("Access-Control-Allow-Methods"), ", "), method) || h.Get("Access-Control-Allow-Origin") != "https://app.example" {
					t.Errorf("%s %s: %d %v", method, path, w.Code, h)
				}
				for _, name := range []string{"Authorization", "Idempotency-Key", "If-Match", "Passbook-Min-Position", "Last-Event-ID", "Content-Type"} {
					if !strings.Contains(h.Get("Access-Control-Allow-Headers"), name) {
						t.Errorf("%s %s: %s may not be sent", method, path, name)
					}
				}
			}
			w := ask(d.server, "OPTIONS", path, "Origin", "https://app.example", "Access-Control-Request-Method", "PUT")
			if w.Header().Get("Access-Control-Allow-Methods") != "" {
				t.Errorf("PUT %s: %d %v", path, w.Code, w.Header())
			}
		}
	}
}

func TestWhatBrowsersAreTold(t *testing.T) {
	t.Parallel()
	s := tinyServer(t, options{more: func(c *httpapi.Config) { c.Browsers.HSTS = time.Hour }}, fine)
	plain := tinyServer(t, options{}, fine)
	for _, path := range []string{"/v1/projections", "/v1/nothing", "/openapi.json", "/v1/" + strings.Repeat("x", 10_000)} {
		h := ask(s, "GET", path).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=3600",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%.40s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		if h := ask(plain, "GET", path).Header(); h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%.40s: TLS is promised where there is none", path)
		}
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/openapi.json", nil)
	r.TLS = &tls.ConnectionState{}
	plain.ServeHTTP(w, r)
	if w.Header().Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("by TLS: %v", w.Header())
	}
}
