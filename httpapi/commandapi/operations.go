package commandapi

import (
	"net/url"

	"github.com/labstack/echo/v4"

	"passbook/httpapi"
)

// operation is how a request to one route becomes an order. A request by itself and one that is an item of a bulk go the same way.
type operation struct {
	route httpapi.Route
	// order reads the body with bind and puts the order for what id, in the path, names. It does not decide anything: that an
	// id names nothing comes to light when the order is executed.
	order func(call *httpapi.Call, id string, bind func(target any) error) (order, error)
}

// by makes the operation of a route for which it matters who asks.
func by[B any](method, path string, build func(call *httpapi.Call, id string, b *B) (order, error)) operation {
	return operation{httpapi.Route{Method: method, Path: path}, func(call *httpapi.Call, id string, bind func(any) error) (order, error) {
		b := new(B)
		if err := bind(b); err != nil {
			return order{}, err
		}
		o, err := build(call, id, b)
		o.body = b
		return o, err
	}}
}

// on makes the operation of a route whose path names something.
func on[B any](method, path string, build func(id string, b *B) (order, error)) operation {
	return by(method, path, func(_ *httpapi.Call, id string, b *B) (order, error) { return build(id, b) })
}

// at makes the operation of a route whose path is always the same.
func at[B any](method, path string, build func(b *B) (order, error)) operation {
	return by(method, path, func(_ *httpapi.Call, _ string, b *B) (order, error) { return build(b) })
}

// operations are all that the API does, and all that a bulk can carry.
var operations = []operation{
	at("POST", "/v1/accounts", openAccount),
	on("PATCH", "/v1/accounts/{account_id}", changeSettings),
	on("POST", "/v1/accounts/{account_id}/deposits", deposit),
	on("POST", "/v1/accounts/{account_id}/withdrawals", withdraw),
	on("POST", "/v1/accounts/{account_id}/fees", chargeFee),
	on("POST", "/v1/accounts/{account_id}/interest", postInterest),
	on("POST", "/v1/accounts/{account_id}/freeze", freezeAccount),
	on("POST", "/v1/accounts/{account_id}/unfreeze", unfreezeAccount),
	on("POST", "/v1/accounts/{account_id}/close", closeAccount),
	on("POST", "/v1/accounts/{account_id}/reopen", reopenAccount),
	on("POST", "/v1/accounts/{account_id}/holds", placeHold),
	on("POST", "/v1/holds/{hold_id}/capture", captureHold),
	on("POST", "/v1/holds/{hold_id}/release", releaseHold),
	on("POST", "/v1/holds/{hold_id}/extend", extendHold),
	at("POST", "/v1/transfers", transferMoney),
	on("POST", "/v1/transactions/{transaction_id}/reversals", reverse),
	at("POST", "/v1/payments", requestPayment),
	by("POST", "/v1/payments/{payment_id}/cancel", cancelPayment),
	by("POST", "/v1/payments/{payment_id}/push", pushPayment),
	by("POST", "/v1/approvals/{approval_id}/approve", approveCommand),
	by("POST", "/v1/approvals/{approval_id}/reject", rejectCommand),
}

// serve is the handler of a request by itself.
func (h *handlers) serve(op operation) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		call := httpapi.CallFrom(r.Context())
		o, err := op.order(call, pathID(c), func(target any) error { return call.Bind(r, target) })
		if err != nil {
			return err
		}
		a, err := h.execute(r.Context(), call, o)
		if err != nil {
			return err
		}
		return a.write(c.Response())
	}
}

// pathID is the id in the path; "" when the path has none, or one that cannot be read.
func pathID(c echo.Context) string {
	values := c.ParamValues()
	if len(values) == 0 {
		return ""
	}
	id, err := url.PathUnescape(values[0])
	if err != nil {
		return ""
	}
	return id
}
