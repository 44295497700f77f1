package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"passbook/httpapi/auth"
)

// ServeHTTP gives the request its id, which every answer carries, and passes it on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h[headerRequestID] = requestID(r.Header)
	h["Cache-Control"] = noStore
	s.browsers.tell(h, r)
	if err := checkURL(r); err != nil {
		s.answerUnread(w, r, err) //nolint:contextcheck // it is the request's
		return
	}
	if r.Method == http.MethodOptions && s.preflight(w, r) {
		return
	}
	s.echo.ServeHTTP(w, r)
}

var noStore, closing = []string{"no-store"}, []string{"close"}

// serve takes a request through the examination, calls the operation and accounts for the answer.
func (s *Server) serve(r *route, h echo.HandlerFunc, c echo.Context) {
	start := time.Now()
	s.metrics.inFlight.Inc()
	defer func() {
		s.metrics.inFlight.Dec()
		r.timings.observe(c.Response().Status, time.Since(start))
	}()
	endAfter(c)
	ctx, done := s.limited(r, c)
	defer done()
	cc := &callContext{Context: ctx, call: newCall(r, c)}
	defer func() {
		if reason := recover(); reason != nil {
			s.answerPanic(c, &cc.call, reason)
		}
	}()
	err := s.examine(cc, c)
	if err == nil {
		err = h(c)
	}
	if err != nil {
		s.answerError(c, &cc.call, err)
	}
}

func newCall(r *route, c echo.Context) Call {
	req := c.Request()
	return Call{
		RequestID:   c.Response().Header()[headerRequestID][0],
		Traceparent: traceparent(req.Header),
		Header:      req.Header,
		Address:     r.server.cfg.Proxies.address(req),
		Path:        req.URL.Path,
		route:       r,
		answer:      c.Response().Header(),
	}
}

// examine is what all operations have in common before they are called; see the package comment for the order.
func (s *Server) examine(cc *callContext, c echo.Context) error {
	call, req := &cc.call, c.Request()
	if !call.route.rule.Public {
		err := s.admit(cc, c)
		call.tellRates()
		if err != nil {
			return err
		}
	}
	if err := call.checkQuery(req); err != nil {
		return err
	}
	c.SetRequest(req.WithContext(cc))
	return nil
}

// admit finds out who calls, and whether that is allowed and not too much.
func (s *Server) admit(cc *callContext, c echo.Context) error {
	call := &cc.call
	id, err := s.authenticate(cc, c.Request())
	if err != nil {
		return err
	}
	call.Identity = id
	if err := call.countRequest(); err != nil {
		return err
	}
	if call.OwnedBy, err = call.route.rule.admit(id); err != nil {
		return err
	}
	if err := call.countAddressed(c); err != nil {
		return err
	}
	if s.cfg.Admit != nil {
		return s.cfg.Admit(call)
	}
	return nil
}

func (s *Server) authenticate(cc *callContext, req *http.Request) (*auth.Identity, error) {
	token, err := bearer(req.Header)
	if err != nil {
		return nil, cmp.Or(cc.call.countStranger(), err)
	}
	id, err := s.cfg.Auth.Verify(cc, token)
	if err != nil {
		return nil, unverified(err)
	}
	return id, nil
}

// unverified tells a bad token from one that could not be looked at.
func unverified(err error) error {
	var invalid *auth.InvalidToken
	switch {
	case errors.As(err, &invalid):
		return &Error{Code: Unauthenticated, Detail: sentence(invalid.Reason), Challenge: `Bearer realm="passbook", error="invalid_token"`, Cause: err}
	case errors.Is(err, auth.ErrUnavailable):
		return &Error{Code: Maintenance, Detail: "The token cannot be verified at the moment.", Cause: err}
	}
	return err
}

func bearer(h http.Header) (string, error) {
	given := h["Authorization"]
	if len(given) == 0 {
		return "", &Error{Code: Unauthenticated, Detail: "A bearer token is required.", Challenge: `Bearer realm="passbook"`}
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if len(given) > 1 || !strings.EqualFold(scheme, "bearer") || !visible(token, len(token)) {
		return "", &Error{
			Code: Unauthenticated, Detail: "The Authorization header must hold one bearer token.",
			Challenge: `Bearer realm="passbook", error="invalid_request"`,
		}
	}
	return token, nil
}

func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// answerUnmatched is for requests that no route took: Echo's own errors.
func (s *Server) answerUnmatched(err error, c echo.Context) {
	start := time.Now()
	call := newCall(s.unmatched, c)
	s.answerError(c, &call, err)
	s.unmatched.timings.observe(c.Response().Status, time.Since(start))
}

func (s *Server) answerError(c echo.Context, call *Call, err error) {
	ctx := c.Request().Context()
	body, e, status := call.Problem(ctx, err)
	if c.Response().Committed {
		return // the answer had begun; all that can be done is to have logged it
	}
	h := c.Response().Header()
	if e.Challenge != "" {
		h["WWW-Authenticate"] = []string{e.Challenge} // as the standard writes it
	}
	if KindOf(e.Code).Retryable && status != http.StatusInternalServerError {
		h.Set("Retry-After", strconv.Itoa(max(e.RetryAfterSeconds, 1)))
	}
	if ctx.Err() != nil {
		h["Connection"] = closing // see connContext
	}
	if err := c.Blob(status, "application/problem+json", body); err != nil {
		s.log(ctx, call, slog.LevelDebug, "answer not written", "error", err)
	}
}

// asError finds the table's kind for an error of any origin. What nobody named is our fault.
func asError(err error) *Error {
	var ours *Error
	var echos *echo.HTTPError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Code: Timeout, Detail: "Not done in time.", Context: []Member{Text("limit", limitTime)}, Cause: err}
	case errors.As(err, &echos) && echos.Code == http.StatusNotFound:
		return &Error{Code: NotFound, Detail: "There is nothing at this path."}
	case errors.As(err, &echos) && echos.Code == http.StatusMethodNotAllowed:
		return &Error{Code: MethodNotAllowed, Detail: "The Allow header lists the methods of this path."}
	case errors.As(err, &echos) && echos.Code == http.StatusBadRequest:
		return &Error{Code: InvalidParameter, Detail: "A parameter cannot be read.", Cause: err}
	}
	return &Error{Code: InternalError, Detail: "Something went wrong on our side. It is logged under the request id.", Cause: err}
}

func (s *Server) answerPanic(c echo.Context, call *Call, reason any) {
	if reason == http.ErrAbortHandler { //nolint:errorlint // a sentinel that net/http compares in the same way
		panic(reason)
	}
	s.log(c.Request().Context(), call, slog.LevelError, "panic", "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
	s.answerError(c, call, &Error{Code: InternalError, Detail: "Something went wrong on our side. It is logged under the request id."})
}

// levelOf tells our own faults from times that are hard on everybody.
func levelOf(status int) slog.Level {
	if status == http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func (s *Server) log(ctx context.Context, call *Call, level slog.Level, message string, args ...any) {
	args = append(args, "api", s.name, "request_id", call.RequestID, "route", call.route.Path, "traceparent", call.Traceparent)
	s.cfg.Log.Log(ctx, level, message, args...)
}
