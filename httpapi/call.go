package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"passbook/httpapi/auth"
)

// Call is what is known of a request beside its parameters and body. Handlers find it with CallFrom.
type Call struct {
	Identity    *auth.Identity // nil on public routes
	OwnedBy     string         // the only owner whose accounts the caller may touch; "" for every account
	RequestID   string
	Traceparent string // valid, or ""
	Header      http.Header
	Address     string // the IP address that the request comes from
	Path        string // of the request, as it was sent
	DryRun      bool   // nothing is to be stored

	route   *route
	query   url.Values  // as the document has it
	answer  http.Header // of a call that another one carries: nil
	counted counted
}

// callContext carries the call without a further allocation.
type callContext struct {
	context.Context
	call Call
}

type callKey struct{}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	switch key {
	case callKey{}:
		return &c.call
	case auth.GateKey{}:
		return (*stranger)(&c.call)
	}
	return c.Context.Value(key)
}

// CallFrom returns the call that the context of a request belongs to. It panics on another context.
func CallFrom(ctx context.Context) *Call {
	return ctx.Value(callKey{}).(*Call)
}

// Route returns the method and path template of the operation that was called.
func (c *Call) Route() Route { return c.route.Route }

// Stopping is closed when the server takes no more requests and waits for those in flight: one that does many things should
// begin no more of them.
func (c *Call) Stopping() <-chan struct{} { return c.route.server.stopping }

// Parameter returns a parameter of the query string; "" when it was not given.
func (c *Call) Parameter(name string) string { return c.query.Get(name) }

// Carry makes the call of a request to another route that this one carries for its caller, with headers of its own. It is refused
// as the caller would be who sent it by itself. The error is the caller's; it panics on a route that is not served.
func (c *Call) Carry(at Route, path string, h http.Header) (*Call, error) {
	carried := &Call{
		Identity: c.Identity, RequestID: c.RequestID, Traceparent: c.Traceparent, Header: h, Address: c.Address, Path: path, DryRun: c.DryRun,
		route: c.route.server.routes[at],
	}
	if carried.route == nil {
		panic("httpapi: " + at.Method + " " + at.Path + " is not served")
	}
	var err error
	carried.OwnedBy, err = carried.route.rule.admit(c.Identity)
	return carried, err
}

// Problem makes the problem that an error is told as. What is our fault is logged, so it is for errors that are told.
func (c *Call) Problem(ctx context.Context, err error) (body []byte, e *Error, status int) {
	e = asError(err)
	body, status = AppendProblem(make([]byte, 0, 512), e, c.Path, c.RequestID)
	if len(e.Item) == 0 { // the item has been noted
		c.note(e.Code, status, uuid.Nil)
	}
	if status >= http.StatusInternalServerError && e.Cause != nil && !errors.Is(e.Cause, context.Canceled) {
		c.route.server.log(ctx, c, levelOf(status), "request failed", "code", e.Code, "error", e.Cause)
	}
	return body, e, status
}

// May refuses an account of another owner than the caller's, where it is bound to one, as if there were no such account.
func (c *Call) May(ownerID string) error {
	if c.OwnedBy != "" && c.OwnedBy != ownerID {
		return NoSuchAccount()
	}
	return nil
}

// NoSuchAccount is the answer about an account that does not exist, and about one that the caller may not see.
func NoSuchAccount() *Error { return &Error{Code: NotFound, Detail: "no such account"} }
