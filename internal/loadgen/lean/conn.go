package lean

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// bufferSize is what a connection reads at once, to begin with: an answer of the bank is far shorter.
const bufferSize = 4096

// errStale is a connection that was closed before the request reached anybody.
var errStale = errors.New("the connection had been closed")

// Conn sends requests to one endpoint, over one connection at a time, which it opens when it needs one.
type Conn struct {
	endpoint *Endpoint
	timeout  time.Duration

	net      net.Conn        // nil: none is open
	ctx      context.Context // whose end interrupts what is under way
	release  func()          // makes ctx forget the connection
	deadline time.Time
	served   bool // an answer came over this connection
	opened   int

	in   []byte // in[read:fill] has arrived and is not used yet
	read int
	fill int
	body []byte // of chunked answers
}

// New returns a connection that is not open yet. No request lasts longer than the timeout.
func New(endpoint *Endpoint, timeout time.Duration) *Conn {
	return &Conn{endpoint: endpoint, timeout: timeout, in: make([]byte, bufferSize)}
}

// Opened is how many connections were opened so far.
func (c *Conn) Opened() int { return c.opened }

// Do sends the request and reads the answer, whose body is good until the next call. When ctx ends before the answer is there,
// the request fails. The answer is only meaningful without an error.
func (c *Conn) Do(ctx context.Context, request []byte, answer *Answer) error {
	err := c.try(ctx, request, answer)
	if errors.Is(err, errStale) {
		err = c.try(ctx, request, answer)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // which ended the waiting
	}
	return err
}

// Close closes what is open. The Conn can be used again.
func (c *Conn) Close() {
	if c.net == nil {
		return
	}
	c.release()
	_ = c.net.Close() // nothing is under way
	c.net = nil
}

func (c *Conn) try(ctx context.Context, request []byte, answer *Answer) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	used := c.served
	err := c.exchange(request, answer)
	if err != nil || answer.closes {
		c.Close()
	}
	if err != nil && used && c.fill == 0 && !timedOut(err) {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return err
}

// open makes sure that there is a connection, and that neither it nor a caller that has gone waits for ever.
func (c *Conn) open(ctx context.Context) error {
	if c.net == nil {
		conn, err := c.endpoint.dial(ctx)
		if err != nil {
			return err
		}
		c.net, c.served = conn, false
		c.opened++
		c.attend(ctx)
	} else if ctx != c.ctx {
		c.release()
		c.attend(ctx)
	}
	return c.extend(ctx)
}

// attend makes the end of ctx interrupt the connection. The last one's end may have done so: the deadline is set anew.
func (c *Conn) attend(ctx context.Context) {
	conn, interrupted := c.net, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = conn.SetDeadline(time.Unix(1, 0)) // a connection that is closed needs none
	})
	c.ctx, c.deadline = ctx, time.Time{}
	c.release = func() {
		if !stop() {
			<-interrupted // else it could come after the next deadline
		}
	}
}

// extend moves the deadline when a quarter of it is over: moving it for every request would cost more than reading the clock.
func (c *Conn) extend(ctx context.Context) error {
	now := time.Now()
	if c.deadline.Sub(now) > c.timeout*3/4 {
		return nil
	}
	c.deadline = now.Add(c.timeout)
	if err := c.net.SetDeadline(c.deadline); err != nil {
		c.Close()
		return err
	}
	return ctx.Err() // its end may have come just before the new deadline replaced the one it had set
}

func (c *Conn) exchange(request []byte, answer *Answer) error {
	c.read, c.fill = 0, 0
	if _, err := c.net.Write(request); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := c.readAnswer(answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if c.read != c.fill {
		return errors.New("read the answer: more came than was announced")
	}
	c.served = true
	return nil
}

// more reads at least one byte behind what has arrived. It may move what has arrived: what a caller holds of in is stale.
func (c *Conn) more() error {
	if c.fill == len(c.in) {
		if len(c.in) >= answerMax {
			return fmt.Errorf("it is longer than %d bytes", answerMax)
		}
		c.in = append(c.in, make([]byte, len(c.in))...)
	}
	n, err := c.net.Read(c.in[c.fill:])
	c.fill += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

func timedOut(err error) bool {
	var failure net.Error
	return errors.As(err, &failure) && failure.Timeout()
}
