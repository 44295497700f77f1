package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/maypok86/otter/v2"
)

// Config says whose tokens are good.
type Config struct {
	Issuer       string       // the iss of good tokens; also where discovery is read, unless DiscoveryURL is set
	DiscoveryURL string       // where "/.well-known/openid-configuration" is found when that is not below Issuer
	Audience     string       // one of the aud of good tokens
	Client       *http.Client // for discovery and keys; nil: one with a time limit
	Log          *slog.Logger
	Now          func() time.Time // nil: time.Now
}

// Verifier verifies the tokens of one issuer. It is safe for concurrent use and has no goroutine of its own to stop.
type Verifier struct {
	cfg    Config
	source *source
	cache  *otter.Cache[[sha256.Size]byte, *Identity]
}

// ErrUnavailable means that the issuer could not be asked. It says nothing about the token.
var ErrUnavailable = errors.New("the token issuer is not available")

// InvalidToken means that the token does not hold. Reason is fit for clients.
type InvalidToken struct {
	Reason string
	cause  error
}

func (e *InvalidToken) Error() string { return e.Reason }

// Unwrap returns what the library said, which is not for clients.
func (e *InvalidToken) Unwrap() error { return e.cause }

const (
	tokenMax        = 8 << 10 // bytes
	cachedTokensMax = 10_000
)

// algorithms a signature may be made with. Not "none", and nothing symmetric: a public key must never serve as a secret.
var algorithms = []string{oidc.RS256, oidc.ES256, oidc.EdDSA}

// New makes a verifier; it does not ask the issuer anything yet.
func New(cfg Config) (*Verifier, error) {
	if cfg.Issuer == "" || cfg.Audience == "" {
		return nil, errors.New("auth: issuer and audience must be set")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	// Without expiry: that would start a goroutine that nobody stops. An entry's own expiry counts, the size bounds the rest.
	cache, err := otter.New(&otter.Options[[sha256.Size]byte, *Identity]{MaximumSize: cachedTokensMax})
	if err != nil {
		return nil, fmt.Errorf("auth: make token cache: %w", err)
	}
	return &Verifier{cfg: cfg, source: newSource(cfg), cache: cache}, nil
}

// Verify returns whom the token speaks for. Errors are *InvalidToken, ErrUnavailable or that of ctx.
func (v *Verifier) Verify(ctx context.Context, token string) (*Identity, error) {
	if len(token) > tokenMax {
		return nil, &InvalidToken{Reason: fmt.Sprintf("the token is longer than %d bytes", tokenMax)}
	}
	key := keyOf(token)
	if id, ok := v.cache.GetIfPresent(key); ok {
		if v.cfg.Now().Before(id.Expires) {
			return id, nil
		}
		v.cache.Invalidate(key)
	}
	id, err := v.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	v.cache.Set(key, id)
	return id, nil
}

// keyOf is what a token is remembered by: the cache holds no token that could be stolen from it.
func keyOf(token string) [sha256.Size]byte {
	var onStack [1024]byte // a conversion would put longer ones than a few bytes on the heap, for each request
	return sha256.Sum256(append(onStack[:0], token...))
}

func (v *Verifier) verify(ctx context.Context, token string) (*Identity, error) {
	if strings.Count(token, ".") != 2 || strings.HasPrefix(token, "{") { // the JWS library also reads another serialisation
		return nil, &InvalidToken{Reason: "the token is not a compact JWT"}
	}
	verifier, err := v.source.verifier(ctx)
	if err != nil {
		return nil, err
	}
	ctx, fetch := watchFetch(ctx)
	verified, err := verifier.Verify(ctx, token)
	switch {
	case err != nil && fetch.failed.Load():
		return nil, fmt.Errorf("verify token: %w", ErrUnavailable)
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &InvalidToken{Reason: "the token does not verify", cause: err}
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return nil, &InvalidToken{Reason: "the token's claims have the wrong form", cause: err}
	}
	if err := c.check(v.cfg.Now()); err != nil {
		return nil, &InvalidToken{Reason: err.Error(), cause: err}
	}
	return v.identity(&c), nil
}

func (v *Verifier) identity(c *claims) *Identity {
	return &Identity{
		Issuer: v.cfg.Issuer, Subject: c.Subject, Client: c.client(), Caller: callerOf(v.cfg.Issuer, c.Subject),
		Expires: c.Expiry.Time, scopes: known(c.granted()),
	}
}

// Ready reports whether the issuer's discovery document has been read, trying so if it has not. The error is for logs.
func (v *Verifier) Ready(ctx context.Context) error {
	_, err := v.source.verifier(ctx)
	return err
}
