package httpapi

import (
	"context"
	"net/http"

	"passbook/httpapi/auth"
)

// Call is what is known of a request beside its parameters and body. Handlers find it with CallFrom.
type Call struct {
	Identity    *auth.Identity // nil on public routes
	OwnedBy     string         // the only owner whose accounts the caller may touch; "" for every account
	RequestID   string
	Traceparent string // valid, or ""
	Header      http.Header
	Path        string // of the request, as it was sent

	route *route
}

// callContext carries the call without a further allocation.
type callContext struct {
	context.Context
	call Call
}

type callKey struct{}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return &c.call
	}
	return c.Context.Value(key)
}

// CallFrom returns the call that the context of a request belongs to. It panics on another context.
func CallFrom(ctx context.Context) *Call {
	return ctx.Value(callKey{}).(*Call)
}

// Route returns the method and path template of the operation that was called.
func (c *Call) Route() Route { return c.route.Route }

// May refuses an account of another owner than the caller's, where it is bound to one, as if there were no such account.
func (c *Call) May(ownerID string) error {
	if c.OwnedBy != "" && c.OwnedBy != ownerID {
		return NoSuchAccount()
	}
	return nil
}

// NoSuchAccount is the answer about an account that does not exist, and about one that the caller may not see.
func NoSuchAccount() *Error { return &Error{Code: NotFound, Detail: "no such account"} }
