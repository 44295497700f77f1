package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// ErrPatience ends a request that was sent again for as long as Retry.Patience allows. It wraps the last failure.
var ErrPatience = errors.New("gave up")

// send tries until the bank has given an answer that will not change.
func (c *Client) send(ctx context.Context, call *call, result any) error {
	p := c.newPatience()
	for {
		p.tries++
		err := c.try(ctx, call, p.tries, result)
		if err == nil {
			return nil
		}
		if call.repeatable() && mayPass(err) {
			err = p.wait(ctx, err)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", call.method, call.path, err)
		}
	}
}

// mayPass tells whether the same request may succeed later. Whatever is no answer of the bank is the network's fault.
func mayPass(err error) bool {
	var certain *final
	if errors.As(err, &certain) || strangers(err) {
		return false
	}
	var problem *Problem
	if !errors.As(err, &problem) {
		return true
	}
	switch problem.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return problem.Retryable
}

// strangers tells that one end of a TLS connection has not accepted the other: nothing was asked of the bank, and trying again does not
// change what they are shown.
func strangers(err error) bool {
	var unverified *tls.CertificateVerificationError
	var op *net.OpError
	return errors.As(err, &unverified) || errors.As(err, &op) && op.Op == "remote error" // which is how crypto/tls tells an alert of the other end
}

// patience is how long one request is sent again.
type patience struct {
	Retry
	began time.Time
	tries int
}

func (c *Client) newPatience() *patience { return &patience{Retry: c.options.Retry, began: time.Now()} }

// wait returns nil when it is time for the next try. It gives up early when that would come after the patience: what is left of it could not be
// used.
func (p *patience) wait(ctx context.Context, failure error) error {
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), failure)
	}
	if p.Patience < 0 {
		return failure
	}
	next := p.next(failure)
	if spent := time.Since(p.began); spent+next > p.Patience {
		return fmt.Errorf("%w after %d tries in %v: %w", ErrPatience, p.tries, spent.Round(time.Millisecond), failure)
	}
	timer := time.NewTimer(next)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), failure)
	}
}

// next is what the bank asks for, else a random part of a time that doubles with every try: clients that were turned away
// together must not come back together.
func (p *patience) next(failure error) time.Duration {
	var refused *refusal
	if errors.As(failure, &refused) {
		if asked, ok := retryAfter(refused.header); ok {
			return min(max(asked, p.WaitMin), p.WaitMax)
		}
	}
	longest := p.WaitMax
	if doubled := p.WaitMin << min(max(p.tries-1, 0), 20); doubled > 0 && doubled < longest {
		longest = doubled
	}
	return longest/2 + rand.N(longest/2+1) //nolint:gosec // no secret
}

func retryAfter(header http.Header) (time.Duration, bool) {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return time.Until(at), true
	}
	return 0, false
}
