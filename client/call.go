package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

const (
	// answerMax is the largest answer that is read; that to the largest bulk has a third of it.
	answerMax = 16 << 20
	// readWaitSeconds is how long the bank may let a read wait for a position before it says that it is behind.
	readWaitSeconds = 10
)

// api is one of the two.
type api int

const (
	commands api = iota
	queries
)

// request is an operation as its method makes it.
type request struct {
	api    api
	method string
	path   string
	query  url.Values
	key    string
	keyed  bool // it is a command, which has no effect without a key
	body   any
}

// call is a request as it is sent, as often as needed.
type call struct {
	request
	header      http.Header
	content     []byte
	minPosition *uint64
	dryRun      *DryRunResult
	receipt     *Receipt
}

// ask sends a request and decodes its answer.
func ask[T any](ctx context.Context, c *Client, r request, options []Option) (result T, err error) {
	call, err := c.prepare(r, options)
	if err != nil {
		return result, err
	}
	if call.dryRun != nil {
		return result, c.send(ctx, call, call.dryRun)
	}
	return result, c.send(ctx, call, &result)
}

// tell sends a request whose answer has no body.
func tell(ctx context.Context, c *Client, r request, options []Option) error {
	call, err := c.prepare(r, options)
	if err != nil {
		return err
	}
	return c.send(ctx, call, nil)
}

// prepare makes of a request what is sent.
func (c *Client) prepare(r request, options []Option) (*call, error) {
	call := &call{request: r, header: http.Header{}}
	for _, option := range options {
		option(call)
	}
	if c.base(r.api) == "" {
		return nil, fmt.Errorf("%s %s: the address of this API was not given", r.method, r.path)
	}
	if r.body != nil {
		content, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: encode: %w", r.method, r.path, err)
		}
		call.content = content
		call.header.Set("Content-Type", "application/json")
	}
	call.header.Set("Accept", "application/json, application/problem+json")
	call.header.Set("User-Agent", c.options.UserAgent)
	switch {
	case call.dryRun != nil:
		call.query = url.Values{"dry_run": {"true"}}
		maps.Copy(call.query, r.query)
	case r.keyed && r.key == "":
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, errNoKey)
	case r.keyed:
		call.header.Set("Idempotency-Key", r.key)
	case r.api == queries:
		call.demand(c.Position())
	}
	return call, nil
}

// errNoKey keeps a caller who forgot the key from an error that only the bank can explain.
var errNoKey = errors.New("a command has an idempotency key: choose one for what you intend, or take NewKey()")

func (c *call) demand(position uint64) {
	if c.minPosition != nil {
		position = *c.minPosition
	}
	if position > 0 {
		c.header.Set("Passbook-Min-Position", strconv.FormatUint(position, 10))
		c.header.Set("Prefer", "wait="+strconv.Itoa(readWaitSeconds))
	}
}

func (c *Client) base(a api) string {
	if a == commands {
		return c.options.CommandURL
	}
	return c.options.QueryURL
}

// open sends the call once. A refusal is a *Problem; then, and with any other error, there is nothing to close.
func (c *Client) open(ctx context.Context, call *call, client *http.Client) (*http.Response, error) {
	address := c.base(call.api) + call.path
	if len(call.query) > 0 {
		address += "?" + call.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, call.method, address, bytes.NewReader(call.content))
	if err != nil {
		return nil, &final{err}
	}
	r.Header = call.header.Clone()
	if c.options.Token != nil {
		token, err := c.options.Token(ctx)
		if err != nil {
			return nil, &final{fmt.Errorf("token: %w", err)}
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(r)
	if err != nil || answer.StatusCode/100 == 2 {
		return answer, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return nil, &refusal{problemOf(answer.StatusCode, body), answer.Header}
}

// repeatable tells whether the request has one effect however often it arrives.
func (c *call) repeatable() bool {
	return c.keyed || c.dryRun != nil || c.method == http.MethodGet || c.method == http.MethodPut || c.method == http.MethodDelete
}

// final wraps what does not change by trying again.
type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// try sends the call once and reads its answer.
func (c *Client) try(ctx context.Context, call *call, tries int, result any) error {
	answer, err := c.open(ctx, call, c.options.HTTP)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if call.receipt != nil {
		call.receipt.read(tries, answer.StatusCode, answer.Header)
	}
	if call.keyed && call.dryRun == nil {
		c.Saw(positionOf(answer.Header))
	}
	if err := pendingOf(answer.StatusCode, body); err != nil {
		return &final{err}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		return &final{fmt.Errorf("unreadable answer with status %d: %w: %s", answer.StatusCode, err, excerpt(body))}
	}
	return nil
}
