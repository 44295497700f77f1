package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Browsers is what web pages of other origins may do, and what browsers are told about ours.
type Browsers struct {
	// Origins are those whose pages may read answers, each exactly as a browser sends it ("https://app.example"); "*" is all of them.
	// Without any there is no cross-origin access. Pages send a bearer token of their own: browsers attach nothing by themselves.
	Origins []string
	// HSTS tells browsers for how long to come by TLS only; 0: nothing is told, unless the request came by TLS.
	HSTS time.Duration
}

// Headers that scripts of other origins may read, and those that they may send.
const (
	exposedHeaders = "ETag, Location, Retry-After, X-Request-Id, Passbook-Position, Passbook-Lag-Ms, Idempotent-Replayed, RateLimit, RateLimit-Policy, WWW-Authenticate"
	sendableHeader = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Passbook-Min-Position, Prefer, X-Request-Id, traceparent"
	preflightAge   = 10 * time.Minute
	hstsOfTLS      = 365 * 24 * time.Hour
)

// Values of headers that are the same for all answers.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	exposed    = []string{exposedHeaders}
	// What answers hold is data: a browser that shows one is to load, run and frame nothing.
	policyOfData = []string{"default-src 'none'; frame-ancestors 'none'"}
	sameOrigin   = []string{"same-origin"}
	crossOrigin  = []string{"cross-origin"}
)

// browsers is Browsers in the form in which each request needs it.
type browsers struct {
	all     bool
	origins []string
	hsts    []string
	ofTLS   []string
}

func newBrowsers(cfg Browsers) *browsers {
	b := &browsers{all: slices.Contains(cfg.Origins, "*"), origins: cfg.Origins, ofTLS: []string{hstsText(hstsOfTLS)}}
	if cfg.HSTS > 0 {
		b.hsts = []string{hstsText(cfg.HSTS)}
		b.ofTLS = b.hsts
	}
	return b
}

func hstsText(age time.Duration) string { return fmt.Sprintf("max-age=%d", int(age.Seconds())) }

// tell sets what browsers are told with every answer.
func (b *browsers) tell(h http.Header, r *http.Request) {
	h["X-Content-Type-Options"] = noSniff
	h["Referrer-Policy"] = noReferrer
	h["Content-Security-Policy"] = policyOfData
	h["Cross-Origin-Resource-Policy"] = sameOrigin
	switch {
	case r.TLS != nil:
		h["Strict-Transport-Security"] = b.ofTLS
	case b.hsts != nil:
		h["Strict-Transport-Security"] = b.hsts
	}
	if len(b.origins) == 0 {
		return
	}
	if !b.all {
		h["Vary"] = append(h["Vary"], "Origin") // an answer to one origin must not be kept for another
	}
	origin := r.Header["Origin"]
	if len(origin) != 1 || !b.allows(origin[0]) {
		return
	}
	h["Cross-Origin-Resource-Policy"] = crossOrigin
	h["Access-Control-Expose-Headers"] = exposed
	if b.all {
		h["Access-Control-Allow-Origin"] = []string{"*"}
	} else {
		h["Access-Control-Allow-Origin"] = origin
	}
}

func (b *browsers) allows(origin string) bool { return b.all || slices.Contains(b.origins, origin) }

// preflight answers a browser that asks whether a page of another origin may send a request; false when this is no such question.
// Which methods a path has, and that there is such a path, everybody may know: it is in the document.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request) bool {
	wanted := r.Header["Access-Control-Request-Method"]
	origin := r.Header["Origin"]
	if r.Method != http.MethodOptions || len(wanted) != 1 || len(origin) != 1 || !s.browsers.allows(origin[0]) {
		return false
	}
	methods := s.methodsAt(r.URL.Path)
	if !slices.Contains(methods, wanted[0]) {
		return false // 404 or 405, as the request itself would be
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", sendableHeader)
	h.Set("Access-Control-Max-Age", strconv.Itoa(int(preflightAge.Seconds())))
	h["Vary"] = []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// methodsAt lists the methods that a path has, by the table of routes.
func (s *Server) methodsAt(path string) (methods []string) {
	given := strings.Split(path, "/")
	for at := range s.routes {
		template := strings.Split(at.Path, "/")
		fits := len(template) == len(given)
		for i := 0; fits && i < len(template); i++ {
			fits = template[i] == given[i] || strings.HasPrefix(template[i], "{") && given[i] != ""
		}
		if fits {
			methods = append(methods, at.Method)
		}
	}
	slices.Sort(methods)
	return methods
}
