package httpapi

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// patience is what limits the time of the requests of one connection. A context with a deadline for each of them would be a
// twentieth of what a small request costs.
type patience struct {
	timer *time.Timer
}

type patienceKey struct{}

// connContext is http.Server.ConnContext. When the time of a request is over, the context of the whole connection ends, and with
// it the request's; the connection is closed behind the answer.
func (s *Server) connContext(ctx context.Context, _ net.Conn) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.cfg.RequestTimeout, func() { cancel(context.DeadlineExceeded) })
	timer.Stop()
	return context.WithValue(ctx, patienceKey{}, &patience{timer})
}

// limited returns the request's context with an end to it, and what to call when the request is answered. A connection that
// carries several requests at a time, as those of HTTP/2 do, has no common end for them; nor has one whose request may take longer
// than others, and whose answer may have begun when its time is over.
func (s *Server) limited(route *route, c echo.Context) (context.Context, func()) {
	r, limit := c.Request(), s.cfg.RequestTimeout
	ctx := r.Context()
	if route.limits.Endless {
		unlimited(c.Response())
		return ctx, func() {}
	}
	if route.limits.Timeout != 0 {
		limit = route.limits.Timeout
		extend(c.Response(), limit)
	} else if p, ok := ctx.Value(patienceKey{}).(*patience); ok && r.ProtoMajor == 1 {
		p.timer.Reset(limit)
		return ctx, p.stop
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, cancel
}

// writeReserve is how much longer an answer may be written than its request may take.
const writeReserve = 10 * time.Second

// extend gives the connection the time that this request may take. What is not a connection of the network has no end of its own.
func extend(w http.ResponseWriter, limit time.Duration) {
	connection, now := http.NewResponseController(w), time.Now()
	_ = connection.SetReadDeadline(now.Add(limit))
	_ = connection.SetWriteDeadline(now.Add(limit + writeReserve))
}

// unlimited takes the connection's limits away. The one for reading would end the request, too: the server listens for the client
// hanging up.
func unlimited(w http.ResponseWriter) {
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Time{})
	_ = connection.SetWriteDeadline(time.Time{})
}

func (p *patience) stop() { p.timer.Stop() }
