package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"
)

const (
	fetchTimeout     = 5 * time.Second        // for one answer of the issuer
	discoveryPause   = 500 * time.Millisecond // between failed attempts
	refreshPause     = 5 * time.Second        // between failed attempts in the background, at most
	keyFetchesPerSec = 1
	keyFetchesBurst  = 10
	keyWaitersMax    = 256
)

// source is the issuer as we know it: nothing at first, then its discovery document and its keys.
type source struct {
	cfg      Config
	client   *http.Client
	verifier *oidc.IDTokenVerifier
	ring     atomic.Pointer[keyring] // nil until keys have been read
	limit    *rate.Limiter           // of what tokens with unknown keys make us ask
	waiters  atomic.Int64

	turn    chan struct{} // taken while the issuer is read, so that one attempt serves all that wait; it guards what follows
	keysURL string        // "" until discovery has been read
	failure error         // of the last attempt
	tried   time.Time
}

func newSource(cfg Config) *source {
	client := http.Client{Timeout: fetchTimeout}
	if cfg.Client != nil {
		client = *cfg.Client
	}
	s := &source{cfg: cfg, client: &client, limit: rate.NewLimiter(keyFetchesPerSec, keyFetchesBurst), turn: make(chan struct{}, 1)}
	s.verifier = oidc.NewVerifier(cfg.Issuer, s, &oidc.Config{
		ClientID:             cfg.Audience,
		SupportedSigningAlgs: cfg.Algorithms,
		SkipExpiryCheck:      true, // checked with our own limits, see claims.check
	})
	return s
}

// known returns the keys, reading them the first time and when those that we have are too old to be believed.
func (s *source) known(ctx context.Context) (*keyring, error) {
	if r := s.ring.Load(); s.believed(r) {
		return r, nil
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	if r := s.ring.Load(); s.believed(r) {
		return r, nil
	}
	if s.failure != nil && s.cfg.Now().Sub(s.tried) < discoveryPause {
		return nil, s.failure
	}
	return s.read(ctx)
}

// take waits for the turn to read the issuer, no longer than the caller wants to.
func (s *source) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *source) release() { <-s.turn }

func (s *source) believed(r *keyring) bool {
	return r != nil && s.cfg.Now().Sub(r.read) < s.cfg.KeysStaleMax
}

// refresh reads discovery document and keys again and returns when to do so next.
func (s *source) refresh(ctx context.Context) (next time.Duration) {
	if s.take(ctx) != nil {
		return 0
	}
	defer s.release()
	url := s.keysURL
	s.keysURL = "" // it may have moved
	if _, err := s.read(ctx); err != nil {
		if s.keysURL == "" {
			s.keysURL = url
		}
		if ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "the token issuer cannot be asked for its keys", "error", err)
		}
		return min(refreshPause, s.cfg.KeysRefresh)
	}
	return s.cfg.KeysRefresh
}

// read reads the keys, and where they are if that is not known. The caller has the turn.
func (s *source) read(ctx context.Context) (*keyring, error) {
	r, err := s.fetch(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err() // the caller's own limit says nothing about the issuer
	}
	s.failure, s.tried = err, s.cfg.Now()
	if err != nil {
		return nil, err
	}
	before := s.ring.Load()
	if before == nil {
		s.cfg.Log.InfoContext(ctx, "token issuer found", "issuer", s.cfg.Issuer, "keys", len(r.keys))
	}
	r.succeed(before)
	s.ring.Store(r)
	return r, nil
}

func (s *source) fetch(ctx context.Context) (*keyring, error) {
	if s.keysURL == "" {
		url, err := s.discover(ctx)
		if err != nil {
			return nil, err
		}
		s.keysURL = url
	}
	return s.readKeys(ctx, s.keysURL)
}

func (s *source) discover(ctx context.Context) (keysURL string, err error) {
	ctx = oidc.ClientContext(ctx, s.client)
	where := s.cfg.Issuer
	if s.cfg.DiscoveryURL != "" {
		where = strings.TrimSuffix(s.cfg.DiscoveryURL, "/.well-known/openid-configuration")
		ctx = oidc.InsecureIssuerURLContext(ctx, s.cfg.Issuer)
	}
	provider, err := oidc.NewProvider(ctx, where)
	if err != nil {
		return "", fmt.Errorf("%w: read discovery document of %s: %w", ErrUnavailable, where, err)
	}
	var document struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil || document.KeysURL == "" || document.Issuer != s.cfg.Issuer {
		return "", fmt.Errorf("%w: discovery document of %s is of issuer %q with keys at %q", ErrUnavailable, where, document.Issuer, document.KeysURL)
	}
	return document.KeysURL, nil
}

// newer returns keys that were read after those, asking the issuer no more often than the limit allows: whoever comes too early
// waits, since a key that has just been published must not make its tokens fail.
func (s *source) newer(ctx context.Context, than *keyring) (*keyring, error) {
	defer s.waiters.Add(-1)
	if s.waiters.Add(1) > keyWaitersMax {
		return nil, fmt.Errorf("%w: more than %d tokens wait for keys", ErrUnavailable, keyWaitersMax)
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	if r := s.ring.Load(); r != than {
		return r, nil
	}
	if err := s.limit.Wait(ctx); err != nil {
		return nil, fmt.Errorf("%w: keys were read too often lately: %w", ErrUnavailable, err)
	}
	return s.read(ctx)
}

// check is what became of one token, carried past go-oidc, which flattens errors.
type check struct {
	key    *signingKey // that the signature is by
	failed error       // why the token could not be checked
}

type checkKey struct{}

var errSignature = errors.New("no key of the issuer made the signature")

// VerifySignature implements oidc.KeySet. go-oidc has refused algorithms that are not pinned; they are pinned here once more.
func (s *source) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	result := ctx.Value(checkKey{}).(*check)
	jws, err := jose.ParseSignedCompact(jwt, pinned(s.cfg.Algorithms))
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	ring, err := s.known(ctx)
	if err != nil {
		result.failed = err
		return nil, err
	}
	header := jws.Signatures[0].Protected
	if err := checkType(header); err != nil {
		return nil, err
	}
	var payload []byte
	if payload, result.key = ring.verify(jws); result.key == nil && (header.KeyID == "" || !ring.has(header.KeyID)) {
		if ring, err = s.newer(ctx, ring); err != nil {
			result.failed = err
			return nil, err
		}
		payload, result.key = ring.verify(jws)
	}
	if result.key == nil {
		return nil, errSignature
	}
	return payload, nil
}

// checkType refuses tokens that say they are for something else than access (RFC 8725, 3.11): a logout token, say. Many do not say.
func checkType(header jose.Header) error {
	kind, said := header.ExtraHeaders[jose.HeaderType]
	if !said {
		return nil
	}
	name, _ := kind.(string)
	switch strings.TrimPrefix(strings.ToLower(name), "application/") {
	case "jwt", "at+jwt":
		return nil
	}
	return fmt.Errorf("a token of type %q", name)
}

func pinned(names []string) []jose.SignatureAlgorithm {
	algorithms := make([]jose.SignatureAlgorithm, len(names))
	for i, name := range names {
		algorithms[i] = jose.SignatureAlgorithm(name)
	}
	return algorithms
}
