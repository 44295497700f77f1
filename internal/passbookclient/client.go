// Package passbookclient is a small client of the bank's two HTTP interfaces, for programs that must get their commands
// through: each command carries an idempotency key, and is sent again under the same key until the bank has answered it.
//
// Retried are requests that may succeed later: the network failed, the bank said 5xx or 429, or it said so itself
// ("retryable": true, such as a request in progress under the same key, or a read model that is behind). Retry-After is
// honoured; without it the wait grows from Config.WaitMin to Config.WaitMax, with jitter. Retrying ends with the context or
// after Config.Patience. Everything else the bank refuses is a *Problem at once.
//
// Reads see the client's own writes: the client keeps the position of its latest command and demands it of every read.
package passbookclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// answerMax is the largest answer that is read.
const answerMax = 16 << 20

// readWaitSeconds is how long the bank may let a read wait for the read models before it says that they are behind.
const readWaitSeconds = 10

// Config says where the bank is. Zero values of the optional fields have working defaults.
type Config struct {
	CommandURL string // scheme and host of the command API
	QueryURL   string // scheme and host of the query API; may be empty when nothing is read
	Token      string // bearer token

	HTTP     *http.Client  // optional: default has a timeout of a minute a request and keeps 256 connections
	Patience time.Duration // optional: how long one request is retried; default two minutes
	WaitMin  time.Duration // optional: first wait between two tries; default 50 ms
	WaitMax  time.Duration // optional: longest wait, also when Retry-After asks for more; default 5 s
}

// Client is safe for concurrent use.
type Client struct {
	cfg      Config
	position atomic.Uint64
}

// New checks the addresses and returns a client. It does not connect.
func New(cfg Config) (*Client, error) {
	if err := checkURL(cfg.CommandURL); err != nil {
		return nil, fmt.Errorf("command API: %w", err)
	}
	if cfg.QueryURL != "" {
		if err := checkURL(cfg.QueryURL); err != nil {
			return nil, fmt.Errorf("query API: %w", err)
		}
	}
	cfg.CommandURL = strings.TrimRight(cfg.CommandURL, "/")
	cfg.QueryURL = strings.TrimRight(cfg.QueryURL, "/")
	if cfg.HTTP == nil {
		cfg.HTTP = defaultHTTP()
	}
	cfg.Patience = or(cfg.Patience, 2*time.Minute)
	cfg.WaitMin = or(cfg.WaitMin, 50*time.Millisecond)
	cfg.WaitMax = max(or(cfg.WaitMax, 5*time.Second), cfg.WaitMin)
	return &Client{cfg: cfg}, nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no http:// or https:// URL", text)
	}
	return nil
}

func defaultHTTP() *http.Client {
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			MaxIdleConns:        256,
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     90 * time.Second,
		},
	}
}

func or(given, otherwise time.Duration) time.Duration {
	if given > 0 {
		return given
	}
	return otherwise
}

// Position is that of the latest command this client got an answer for; 0 before the first.
func (c *Client) Position() uint64 { return c.position.Load() }

// saw keeps the highest position: commands that run at the same time are answered in any order.
func (c *Client) saw(header http.Header) {
	position, err := strconv.ParseUint(header.Get("Passbook-Position"), 10, 64)
	if err == nil {
		c.sawPosition(position)
	}
}

func (c *Client) sawPosition(position uint64) {
	for old := c.position.Load(); position > old; old = c.position.Load() {
		if c.position.CompareAndSwap(old, position) {
			return
		}
	}
}

// call is one request as it is sent, as often as needed.
type call struct {
	method, url string
	body        []byte
	header      http.Header
}

// write sends a command and decodes its answer into out.
func (c *Client) write(ctx context.Context, method, path, key string, in, out any) (replayed bool, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return false, fmt.Errorf("%s %s: encode: %w", method, path, err)
	}
	header := http.Header{"Idempotency-Key": {key}, "Content-Type": {"application/json"}}
	answer, err := c.send(ctx, call{method, c.cfg.CommandURL + path, body, header}, out)
	if err != nil {
		return false, fmt.Errorf("%s %s: %w", method, path, err)
	}
	c.saw(answer)
	return answer.Get("Idempotent-Replayed") == "true", nil
}

// read asks for something that includes all this client's commands so far.
func (c *Client) read(ctx context.Context, path string, query url.Values, out any) error {
	if c.cfg.QueryURL == "" {
		return errors.New("no address of the query API was given")
	}
	header := http.Header{"Prefer": {"wait=" + strconv.Itoa(readWaitSeconds)}}
	if position := c.Position(); position > 0 {
		header.Set("Passbook-Min-Position", strconv.FormatUint(position, 10))
	}
	address := c.cfg.QueryURL + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	if _, err := c.send(ctx, call{http.MethodGet, address, nil, header}, out); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// try sends the request once. The error is a *Problem when the bank answered.
func (c *Client) try(ctx context.Context, request call, out any) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, request.method, request.url, bytes.NewReader(request.body))
	if err != nil {
		return nil, err
	}
	r.Header = request.header.Clone()
	r.Header.Set("Accept", "application/json, application/problem+json")
	if c.cfg.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	answer, err := c.cfg.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return answer.Header, problemOf(answer.StatusCode, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return answer.Header, &Problem{Status: answer.StatusCode, Title: "Unreadable answer", Detail: err.Error()}
	}
	return answer.Header, nil
}
