package passbookclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// ErrPatience ends a request that was retried for as long as Config.Patience allows. It wraps the last failure.
var ErrPatience = errors.New("gave up")

// send tries until the bank has given an answer that will not change. It gives up early when the next wait would end after
// the patience: what is left of it could not be used.
func (c *Client) send(ctx context.Context, request call, out any) (http.Header, error) {
	began := time.Now()
	for tries := 1; ; tries++ {
		header, err := c.try(ctx, request, out)
		if err == nil || !mayPass(err) {
			return header, err
		}
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		wait := c.wait(tries, header)
		if time.Since(began)+wait > c.cfg.Patience {
			return nil, fmt.Errorf("%w after %d tries in %v: %w", ErrPatience, tries, time.Since(began).Round(time.Millisecond), err)
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// mayPass tells whether the same request may succeed later. Whatever is no answer of the bank is the network's fault.
func mayPass(err error) bool {
	problem := &Problem{}
	if !errors.As(err, &problem) {
		return true
	}
	return problem.Retryable || problem.Status >= 500 || problem.Status == http.StatusTooManyRequests
}

// wait is what the bank asks for, else a random part of a time that doubles with every try: clients that were turned away
// together must not come back together.
func (c *Client) wait(tries int, header http.Header) time.Duration {
	if asked, ok := retryAfter(header); ok {
		return min(max(asked, c.cfg.WaitMin), c.cfg.WaitMax)
	}
	longest := c.cfg.WaitMax
	if doubled := c.cfg.WaitMin << min(tries-1, 20); doubled > 0 && doubled < longest {
		longest = doubled
	}
	return longest/2 + rand.N(longest/2+1) //nolint:gosec // it spreads attempts, nobody gains by guessing it
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

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
