package httpapi

import (
	"context"
	"net"
	"net/http"
	"time"
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
// carries several requests at a time, as those of HTTP/2 do, has no common end for them.
func (s *Server) limited(r *http.Request) (context.Context, func()) {
	ctx := r.Context()
	if p, ok := ctx.Value(patienceKey{}).(*patience); ok && r.ProtoMajor == 1 {
		p.timer.Reset(s.cfg.RequestTimeout)
		return ctx, p.stop
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	return ctx, cancel
}

func (p *patience) stop() { p.timer.Stop() }
