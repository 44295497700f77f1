package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysBytesMax = 1 << 20
	keysMax      = 100
	rsaBitsMin   = 2048
)

// signingKey is one key of the issuer. It stays the same object as long as the issuer publishes it, so that what was verified
// with it can tell when it is withdrawn.
type signingKey struct {
	id          string
	public      any
	algorithm   string // the only one it may be used with; "" when the issuer does not say
	fingerprint [sha256.Size]byte
	withdrawn   atomic.Bool
}

// keyring is what the issuer published last.
type keyring struct {
	keys []*signingKey
	read time.Time
}

func (r *keyring) has(id string) bool {
	return slices.ContainsFunc(r.keys, func(k *signingKey) bool { return k.id == id })
}

// verify returns the payload and the key that signed it; nil when none did. The key is of the id that the token names; where it
// names none, each is tried.
func (r *keyring) verify(jws *jose.JSONWebSignature) ([]byte, *signingKey) {
	header := jws.Signatures[0].Protected
	for _, k := range r.keys {
		if header.KeyID != "" && k.id != header.KeyID || k.algorithm != "" && k.algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(k.public); err == nil {
			return payload, k
		}
	}
	return nil, nil
}

// succeed returns the keys in the place of those before: what is published still keeps its object, the others are withdrawn.
func (r *keyring) succeed(before *keyring) {
	if before == nil {
		return
	}
	for _, old := range before.keys {
		i := slices.IndexFunc(r.keys, func(k *signingKey) bool {
			return k.id == old.id && k.algorithm == old.algorithm && k.fingerprint == old.fingerprint
		})
		if i < 0 {
			old.withdrawn.Store(true)
			continue
		}
		r.keys[i] = old
	}
}

// readKeys fetches the issuer's keys.
func (s *source) readKeys(ctx context.Context, url string) (*keyring, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: keys at %q: %w", ErrUnavailable, url, err)
	}
	began := s.cfg.Now() // what is published afterwards is not known
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: read keys: %w", ErrUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, keysBytesMax+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: read keys at %s: %w", ErrUnavailable, url, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: keys at %s: %s", ErrUnavailable, url, resp.Status)
	case len(text) > keysBytesMax:
		return nil, fmt.Errorf("%w: keys at %s are longer than %d bytes", ErrUnavailable, url, keysBytesMax)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%w: keys at %s: %w", ErrUnavailable, url, err)
	}
	return &keyring{keys: keys, read: began}, nil
}

// parseKeys reads a JSON Web Key Set. A key that is of no use here is left out, since issuers publish what is for others, too.
func parseKeys(text []byte) ([]*signingKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("not a key set: %w", err)
	}
	if set.Keys == nil || len(set.Keys) > keysMax {
		return nil, fmt.Errorf("a key set of %d keys; there may be %d", len(set.Keys), keysMax)
	}
	var keys []*signingKey
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if json.Unmarshal(raw, &jwk) != nil || jwk.Use != "" && jwk.Use != "sig" {
			continue
		}
		if k, err := newSigningKey(jwk); err == nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// newSigningKey takes public keys of the kinds that the algorithms use. A symmetric key would make whoever can read it an issuer.
func newSigningKey(jwk jose.JSONWebKey) (*signingKey, error) {
	switch public := jwk.Key.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < rsaBitsMin {
			return nil, fmt.Errorf("an RSA key of %d bits", public.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return nil, errors.New("an elliptic key that is not on P-256")
		}
	case ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("a key of type %T", jwk.Key)
	}
	der, err := x509.MarshalPKIXPublicKey(jwk.Key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	algorithm := jwk.Algorithm
	if algorithm == "Ed25519" { // RFC 9864's name for what tokens call EdDSA
		algorithm = EdDSA
	}
	return &signingKey{id: jwk.KeyID, public: jwk.Key, algorithm: algorithm, fingerprint: sha256.Sum256(der)}, nil
}
