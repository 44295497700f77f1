package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config generate/commands.yaml ../api/command.yaml
//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config generate/queries.yaml ../api/query.yaml

// Options say where the bank is and who asks. Zero values have working defaults.
type Options struct {
	CommandURL string // scheme and host of the command API; without it nothing is written
	QueryURL   string // scheme and host of the query API; without it nothing is read

	Token TokenSource  // without it no token is sent
	HTTP  *http.Client // default: a minute for a request, up to 256 connections kept
	TLS   *tls.Config  // what the default client connects with over https; nil: the authorities of the system, and no certificate is shown
	Retry Retry

	// UserAgent is kept with each event, as the client that it came by; default "passbook-client".
	UserAgent string
}

// Retry says for how long a request that may succeed later is sent again.
type Retry struct {
	Patience time.Duration // for one request; default two minutes, below zero it is sent once
	WaitMin  time.Duration // first wait between two tries; default 50 ms
	WaitMax  time.Duration // longest wait, also when Retry-After asks for more; default 5 s
}

// TokenSource is asked for the bearer token of each request, and keeps it for as long as it is valid.
type TokenSource func(context.Context) (string, error)

// StaticToken is always the same one.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// NewKey makes an idempotency key of nothing.
func NewKey() string { return uuid.Must(uuid.NewV7()).String() }

// Client is safe for concurrent use.
type Client struct {
	options  Options
	position atomic.Uint64
}

// New checks the addresses and returns a client. It does not connect.
func New(o Options) (*Client, error) {
	for name, address := range map[string]*string{"command API": &o.CommandURL, "query API": &o.QueryURL} {
		if err := checkURL(*address); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		*address = strings.TrimRight(*address, "/")
	}
	if o.CommandURL == "" && o.QueryURL == "" {
		return nil, errors.New("neither the command API's address nor the query API's is given")
	}
	if o.HTTP == nil {
		o.HTTP = defaultHTTP(o.TLS)
	}
	if o.UserAgent == "" {
		o.UserAgent = "passbook-client"
	}
	o.Retry = o.Retry.withDefaults()
	return &Client{options: o}, nil
}

func (r Retry) withDefaults() Retry {
	or := func(given, otherwise time.Duration) time.Duration {
		if given > 0 {
			return given
		}
		return otherwise
	}
	if r.Patience >= 0 {
		r.Patience = or(r.Patience, 2*time.Minute)
	}
	r.WaitMin = or(r.WaitMin, 50*time.Millisecond)
	r.WaitMax = max(or(r.WaitMax, 5*time.Second), r.WaitMin)
	return r
}

func checkURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no http:// or https:// URL", text)
	}
	return nil
}

func defaultHTTP(connect *tls.Config) *http.Client {
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			MaxIdleConns:        256,
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     90 * time.Second,
			TLSClientConfig:     connect,
		},
	}
}

// Position is that of the latest command that this client knows of; 0 before the first. Reads include it.
func (c *Client) Position() uint64 { return c.position.Load() }

// Saw makes the client's reads include a position that it has from elsewhere. An older one than it knows changes nothing: commands
// that run at the same time are answered in any order.
func (c *Client) Saw(position uint64) {
	for old := c.position.Load(); position > old; old = c.position.Load() {
		if c.position.CompareAndSwap(old, position) {
			return
		}
	}
}
