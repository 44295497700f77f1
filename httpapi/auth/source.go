package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/time/rate"
)

const (
	fetchTimeout     = 5 * time.Second        // for one answer of the issuer
	discoveryPause   = 500 * time.Millisecond // between failed attempts
	keyFetchesPerSec = 1
	keyFetchesBurst  = 10
)

// source is the issuer as we know it: nothing at first, then its discovery document and its keys.
type source struct {
	cfg    Config
	client *http.Client
	found  atomic.Pointer[oidc.IDTokenVerifier]

	mu      sync.Mutex // held while discovery is read, so that one attempt serves all that wait
	failure error      // of the last attempt
	tried   time.Time
}

func newSource(cfg Config) *source {
	client := http.Client{Timeout: fetchTimeout}
	if cfg.Client != nil {
		client = *cfg.Client
	}
	return &source{cfg: cfg, client: &client}
}

// verifier returns the verifier of the issuer, reading its discovery document the first time.
func (s *source) verifier(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	if v := s.found.Load(); v != nil {
		return v, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.found.Load(); v != nil {
		return v, nil
	}
	if s.failure != nil && s.cfg.Now().Sub(s.tried) < discoveryPause {
		return nil, s.failure
	}
	v, err := s.discover(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err() // the caller's own limit says nothing about the issuer
	}
	s.failure, s.tried = err, s.cfg.Now()
	if err != nil {
		return nil, err
	}
	s.cfg.Log.Info("token issuer found", "issuer", s.cfg.Issuer)
	s.found.Store(v)
	return v, nil
}

func (s *source) discover(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	ctx = oidc.ClientContext(ctx, s.client)
	where := s.cfg.Issuer
	if s.cfg.DiscoveryURL != "" {
		where = strings.TrimSuffix(s.cfg.DiscoveryURL, "/.well-known/openid-configuration")
		ctx = oidc.InsecureIssuerURLContext(ctx, s.cfg.Issuer)
	}
	provider, err := oidc.NewProvider(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("%w: read discovery document of %s: %w", ErrUnavailable, where, err)
	}
	var document struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil || document.KeysURL == "" || document.Issuer != s.cfg.Issuer {
		return nil, fmt.Errorf("%w: discovery document of %s is of issuer %q with keys at %q", ErrUnavailable, where, document.Issuer, document.KeysURL)
	}
	return oidc.NewVerifier(s.cfg.Issuer, s.keys(ctx, document.KeysURL), &oidc.Config{
		ClientID:             s.cfg.Audience,
		SupportedSigningAlgs: algorithms,
		SkipExpiryCheck:      true, // checked with our own limits, see claims.check
	}), nil
}

func (s *source) keys(ctx context.Context, url string) oidc.KeySet {
	client := *s.client
	client.Transport = &limitedTransport{next: client.Transport, limit: rate.NewLimiter(keyFetchesPerSec, keyFetchesBurst)}
	return &keySet{oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), &client), url)}
}

// errLimited means that the issuer was asked for keys too often lately.
var errLimited = errors.New("keys were read too often lately")

// limitedTransport bounds how often keys are read: the key set reads them for each token that does not verify.
type limitedTransport struct {
	next  http.RoundTripper
	limit *rate.Limiter
}

func (t *limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.limit.Allow() {
		return nil, errLimited
	}
	if t.next == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return t.next.RoundTrip(r)
}

// keySet tells, through the context, a token that could not be checked from one that is bad: go-oidc flattens the error.
type keySet struct{ remote *oidc.RemoteKeySet }

// fetch is what became of reading keys for one token.
type fetch struct{ failed atomic.Bool }

type fetchKey struct{}

func watchFetch(ctx context.Context) (context.Context, *fetch) {
	f := new(fetch)
	return context.WithValue(ctx, fetchKey{}, f), f
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, jwt)
	if err == nil {
		return payload, nil
	}
	if f, ok := ctx.Value(fetchKey{}).(*fetch); ok && errors.Unwrap(err) != nil && !errors.Is(err, errLimited) && ctx.Err() == nil {
		f.failed.Store(true)
	}
	return nil, err
}
