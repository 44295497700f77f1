package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
)

// route is one operation with everything that is decided before it is called.
type route struct {
	Route
	rule         Rule
	query        map[string]*openapi3.Schema
	body         *openapi3.Schema
	bodyOptional bool
	ofAccount    bool // its path names an account
	limits       Limits
	timings      *timings
	server       *Server
}

// Limits are those of a route that is not like the others. What is zero is as for the others.
type Limits struct {
	Body    int           // bytes
	Timeout time.Duration // for an answer, and for reading the body; writing the answer may take a little longer
	// Endless is an answer that goes on until its handler ends it. The handler limits the time of everything it does, writing included.
	Endless bool
}

// Routes takes the handlers of the generated servers; it is their EchoRouter. A route that the document or the table of
// access does not know is an error of NewServer.
type Routes struct {
	server *Server
	faults []error
}

func (rs *Routes) add(method, path string, h echo.HandlerFunc, limits Limits) *echo.Route {
	at := Route{method, documentPath(path)}
	rule, ok := Access(at)
	if !ok {
		rs.faults = append(rs.faults, fmt.Errorf("%s %s has no rule of access", method, at.Path))
		return nil
	}
	operation := rs.server.document.operation(at)
	if operation == nil && !rule.Public {
		rs.faults = append(rs.faults, fmt.Errorf("%s %s is not in the OpenAPI document", method, at.Path))
		return nil
	}
	r := &route{
		Route: at, rule: rule, query: queryParameters(operation), body: bodySchema(operation), bodyOptional: bodyOptional(operation),
		ofAccount: strings.Contains(at.Path, "{account_id}"), limits: limits, server: rs.server,
		timings: &timings{metrics: rs.server.metrics, route: at.Path, method: method},
	}
	rs.server.routes[at] = r
	return rs.server.echo.Add(method, path, func(c echo.Context) error {
		rs.server.serve(r, h, c)
		return nil
	})
}

// Handle adds the handler of a route as the document writes it.
func (rs *Routes) Handle(at Route, h echo.HandlerFunc) { rs.HandleWithin(Limits{}, at, h) }

// HandleWithin is Handle for a route with limits of its own.
func (rs *Routes) HandleWithin(limits Limits, at Route, h echo.HandlerFunc) {
	rs.add(at.Method, echoPath(at.Path), h, limits)
}

// check reports what was registered wrongly, and what the document promises and nobody serves.
func (rs *Routes) check() error {
	faults := rs.faults
	for _, r := range rs.server.document.routes() {
		if rs.server.routes[r] == nil {
			faults = append(faults, fmt.Errorf("%s %s is in the OpenAPI document but not served", r.Method, r.Path))
		}
	}
	return errors.Join(faults...)
}

// documentPath turns Echo's /accounts/:id into the document's /accounts/{id}.
func documentPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// echoPath is the reverse of documentPath.
func echoPath(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(path, "{", ":"), "}", "")
}

// What follows is the interface that the generated servers register with. Middleware has no place in it: what is the
// same for all routes is in Server.serve.

// CONNECT adds a route.
func (rs *Routes) CONNECT(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("CONNECT", path, h, Limits{})
}

// DELETE adds a route.
func (rs *Routes) DELETE(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("DELETE", path, h, Limits{})
}

// GET adds a route.
func (rs *Routes) GET(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("GET", path, h, Limits{})
}

// HEAD adds a route.
func (rs *Routes) HEAD(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("HEAD", path, h, Limits{})
}

// OPTIONS adds a route.
func (rs *Routes) OPTIONS(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("OPTIONS", path, h, Limits{})
}

// PATCH adds a route.
func (rs *Routes) PATCH(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("PATCH", path, h, Limits{})
}

// POST adds a route.
func (rs *Routes) POST(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("POST", path, h, Limits{})
}

// PUT adds a route.
func (rs *Routes) PUT(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("PUT", path, h, Limits{})
}

// TRACE adds a route.
func (rs *Routes) TRACE(path string, h echo.HandlerFunc, _ ...echo.MiddlewareFunc) *echo.Route {
	return rs.add("TRACE", path, h, Limits{})
}
