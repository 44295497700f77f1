package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"passbook/httpapi/auth"
)

// issuer is an OIDC issuer under the control of a test.
type issuer struct {
	URL        string
	handler    http.Handler
	mu         sync.Mutex
	keys       []jose.JSONWebKey
	down       atomic.Bool
	discovered atomic.Int64
	fetched    atomic.Int64
}

func newIssuer(t *testing.T, keys ...jose.JSONWebKey) *issuer {
	t.Helper()
	i := makeIssuer(keys...)
	server := httptest.NewServer(i.handler)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// makeIssuer makes one without a network, for tests in which time is not real: see transport.
func makeIssuer(keys ...jose.JSONWebKey) *issuer {
	i := &issuer{URL: "https://issuer.test", keys: keys}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.discovered.Add(1)
		i.answer(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"HS256", "none", "RS256"}, // must not be believed
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetched.Add(1)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.answer(w, jose.JSONWebKeySet{Keys: i.keys})
	})
	i.handler = mux
	return i
}

// RoundTrip makes the issuer the transport of its own client.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func (i *issuer) answer(w http.ResponseWriter, value any) {
	if i.down.Load() {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func (i *issuer) publish(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// skew is what the verifiers of these tests forgive.
const skew = 30 * time.Second

func (i *issuer) verifier(t *testing.T, now func() time.Time) *auth.Verifier {
	t.Helper()
	return i.verifierWith(t, auth.Config{Now: now})
}

func (i *issuer) verifierWith(t *testing.T, cfg auth.Config) *auth.Verifier {
	t.Helper()
	cfg.Issuer, cfg.Audience, cfg.Log, cfg.Skew = i.URL, "passbook", slog.New(slog.DiscardHandler), skew
	v, err := auth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// good are the claims of a token that holds at the moment.
func (i *issuer) good(now time.Time) map[string]any {
	return map[string]any{
		"iss": i.URL, "aud": "passbook", "sub": "teller-1", "scope": "openid accounts:write own",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// with returns the claims with one of them replaced, or left out when value is nil.
func with(claims map[string]any, name string, value any) map[string]any {
	c := maps.Clone(claims)
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	return signWith(t, alg, key, kid, claims, "", nil)
}

// signWith signs with one more header; an empty kid is left out.
func signWith(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any, header jose.HeaderKey, value any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if kid != "" {
		options.WithHeader("kid", kid)
	}
	if header != "" {
		options.WithHeader(header, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func publicKey(key crypto.Signer, kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}
}

func newEd25519(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newECDSA(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
