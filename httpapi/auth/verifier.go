package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
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

	Algorithms   []string      // of Algorithms(), that signatures may be made with; nil: DefaultAlgorithms()
	Skew         time.Duration // how far the issuer's clock may be ahead of ours before its fresh tokens are refused; 0: none
	KeysRefresh  time.Duration // how often Run reads the keys, and so how long a withdrawn one is believed; 0: DefaultKeysRefresh
	KeysStaleMax time.Duration // how long keys are believed that the issuer could not be asked about; 0: DefaultKeysStaleMax
}

// Verifier verifies the tokens of one issuer. It is safe for concurrent use and has no goroutine of its own to stop.
type Verifier struct {
	cfg    Config
	source *source
	cache  *otter.Cache[[sha256.Size]byte, verified]
}

// verified is what is remembered of a token: it holds as long as its key does.
type verified struct {
	id  *Identity
	key *signingKey
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

// The algorithms that may be configured. Not "none", and nothing symmetric: a public key must never serve as a secret.
const (
	RS256 = oidc.RS256
	PS256 = oidc.PS256
	ES256 = oidc.ES256
	EdDSA = oidc.EdDSA
)

// Defaults of Config.
const (
	DefaultSkew         = 30 * time.Second
	DefaultKeysRefresh  = 5 * time.Minute
	DefaultKeysStaleMax = time.Hour
)

// Algorithms lists what signatures can be verified.
func Algorithms() []string { return []string{RS256, PS256, ES256, EdDSA} }

// DefaultAlgorithms are those that an issuer has to offer or usually does.
func DefaultAlgorithms() []string { return []string{RS256, ES256, EdDSA} }

// New makes a verifier; it does not ask the issuer anything yet.
func New(cfg Config) (*Verifier, error) {
	if cfg.Issuer == "" || cfg.Audience == "" {
		return nil, errors.New("auth: issuer and audience must be set")
	}
	for _, algorithm := range cfg.Algorithms {
		if !slices.Contains(Algorithms(), algorithm) {
			return nil, fmt.Errorf("auth: signatures by %q are not verified", algorithm)
		}
	}
	cfg.setDefaults()
	// Without expiry: that would start a goroutine that nobody stops. An entry's own expiry counts, the size bounds the rest.
	cache, err := otter.New(&otter.Options[[sha256.Size]byte, verified]{MaximumSize: cachedTokensMax})
	if err != nil {
		return nil, fmt.Errorf("auth: make token cache: %w", err)
	}
	return &Verifier{cfg: cfg, source: newSource(cfg), cache: cache}, nil
}

func (c *Config) setDefaults() {
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = DefaultAlgorithms()
	}
	c.KeysRefresh = cmp.Or(c.KeysRefresh, DefaultKeysRefresh)
	c.KeysStaleMax = cmp.Or(c.KeysStaleMax, DefaultKeysStaleMax)
}

// Run keeps the keys fresh until ctx is done. Without it they are read when a token names one that is not known, and when
// those known are older than KeysStaleMax.
func (v *Verifier) Run(ctx context.Context) error {
	for {
		next := v.source.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next):
		}
	}
}

// Gate is asked before a token that is not remembered is verified, which costs a hundred times what one does that is. Its error is
// returned as it is.
type Gate interface{ Pass() error }

// GateKey is where the context of Verify may have a Gate.
type GateKey struct{}

// Verify returns whom the token speaks for. Errors are *InvalidToken, ErrUnavailable, that of a Gate, or that of ctx.
func (v *Verifier) Verify(ctx context.Context, token string) (*Identity, error) {
	if len(token) > tokenMax {
		return nil, &InvalidToken{Reason: fmt.Sprintf("the token is longer than %d bytes", tokenMax)}
	}
	key := keyOf(token)
	if known, ok := v.cache.GetIfPresent(key); ok {
		switch {
		case !v.cfg.Now().Before(known.id.Expires):
			v.cache.Invalidate(key)
			return nil, &InvalidToken{Reason: errExpired.Error(), cause: errExpired}
		case known.key.withdrawn.Load():
			v.cache.Invalidate(key)
		case v.source.believed(v.source.ring.Load()):
			return known.id, nil
		}
	}
	if gate, ok := ctx.Value(GateKey{}).(Gate); ok {
		if err := gate.Pass(); err != nil {
			return nil, err
		}
	}
	fresh, err := v.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	v.cache.Set(key, fresh)
	return fresh.id, nil
}

// keyOf is what a token is remembered by: the cache holds no token that could be stolen from it.
func keyOf(token string) [sha256.Size]byte {
	var onStack [1024]byte // a conversion would put longer ones than a few bytes on the heap, for each request
	return sha256.Sum256(append(onStack[:0], token...))
}

func (v *Verifier) verify(ctx context.Context, token string) (verified, error) {
	if strings.Count(token, ".") != 2 || strings.HasPrefix(token, "{") { // the JWS library also reads another serialisation
		return verified{}, &InvalidToken{Reason: "the token is not a compact JWT"}
	}
	result := new(check)
	signed, err := v.source.verifier.Verify(context.WithValue(ctx, checkKey{}, result), token)
	switch {
	case err != nil && ctx.Err() != nil:
		return verified{}, ctx.Err()
	case result.failed != nil:
		return verified{}, fmt.Errorf("verify token: %w", result.failed)
	case err != nil:
		return verified{}, &InvalidToken{Reason: "the token does not verify", cause: err}
	}
	var c claims
	if err := signed.Claims(&c); err != nil {
		return verified{}, &InvalidToken{Reason: "the token's claims have the wrong form", cause: err}
	}
	if err := c.check(v.cfg.Now(), v.cfg.Skew); err != nil {
		return verified{}, &InvalidToken{Reason: err.Error(), cause: err}
	}
	return verified{v.identity(&c), result.key}, nil
}

func (v *Verifier) identity(c *claims) *Identity {
	return &Identity{
		Issuer: v.cfg.Issuer, Subject: c.Subject, Client: c.client(), Caller: callerOf(v.cfg.Issuer, c.Subject),
		Expires: c.Expiry.Time, scopes: known(c.granted()),
	}
}

// Ready reports whether there are keys of the issuer to verify with, trying to read them if not. The error is for logs.
func (v *Verifier) Ready(ctx context.Context) error {
	_, err := v.source.known(ctx)
	return err
}
