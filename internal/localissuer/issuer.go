// Package localissuer is the OIDC issuer of a bank that runs on one machine for one person: it signs tokens with a key of its
// own and publishes the key, so that they go through the same verification as anybody's.
//
// The key is made once and kept in the state directory, readable by its owner alone. The issuer's name is fixed: tokens stay
// good when the bank starts again on other ports. Whoever can read the state directory can sign tokens: where an outside
// issuer is configured this one must not exist beside it, see [Allowed].
package localissuer

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

const (
	// ID is the iss of every token.
	ID = "http://passbook.local/issuer"
	// DefaultAudience is the aud of tokens that are not asked to have another.
	DefaultAudience = "passbook"
	// DefaultTTL is how long tokens are good that are not asked for another time.
	DefaultTTL = 12 * time.Hour
	// Path is where the issuer is found on the server that its Handler is mounted on: Path + "/.well-known/openid-configuration".
	Path = "/issuer"

	keysPath = Path + "/jwks.json"
)

// Issuer signs tokens.
type Issuer struct {
	key    ed25519.PrivateKey
	keyID  string
	signer jose.Signer
}

// Allowed returns an error when an outside issuer is configured: two issuers would be two ways in.
func Allowed(authIssuer string) error {
	if authIssuer == "" || authIssuer == ID {
		return nil
	}
	return fmt.Errorf("the local token issuer does not run beside another one: AUTH_ISSUER is %q", authIssuer)
}

// Open returns the issuer whose key is kept in the directory, and makes the key the first time. Any number of processes may
// open the same directory at once; they get the same key.
func Open(stateDir string) (*Issuer, error) {
	key, err := loadOrMakeKey(stateDir)
	if err != nil {
		return nil, fmt.Errorf("open local token issuer: %w", err)
	}
	sum := sha256.Sum256(key.Public().(ed25519.PublicKey))
	i := &Issuer{key: key, keyID: base64.RawURLEncoding.EncodeToString(sum[:12])}
	options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", i.keyID)
	i.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, options)
	if err != nil {
		return nil, fmt.Errorf("open local token issuer: %w", err)
	}
	return i, nil
}

// TokenRequest says what a token is to state.
type TokenRequest struct {
	Subject  string
	Scopes   []string
	TTL      time.Duration // zero: DefaultTTL; a negative one gives a token that has expired
	Audience string        // empty: DefaultAudience
	Client   string        // the program that it is for (client_id); empty: it does not say
}

// Token signs a token that is good from now on.
func (i *Issuer) Token(r TokenRequest) (string, error) {
	if r.Subject == "" {
		return "", errors.New("a token needs a subject")
	}
	if r.TTL == 0 {
		r.TTL = DefaultTTL
	}
	if r.Audience == "" {
		r.Audience = DefaultAudience
	}
	now := time.Now()
	claims := map[string]any{
		"iss": ID, "sub": r.Subject, "aud": r.Audience, "jti": uuid.NewString(), "scope": strings.Join(r.Scopes, " "),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(r.TTL).Unix(),
	}
	if r.Client != "" {
		claims["client_id"] = r.Client
	}
	token, err := jwt.Signed(i.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// Handler serves the discovery document and the public key, below Path.
func (i *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path+"/.well-known/openid-configuration", i.serveDiscovery)
	mux.HandleFunc("GET "+keysPath, i.serveKeys)
	return mux
}

// serveDiscovery names the keys' address as the caller reached us, for the issuer's name is no address.
func (i *Issuer) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	writeJSON(w, map[string]any{
		"issuer":                                ID,
		"jwks_uri":                              scheme + "://" + r.Host + keysPath,
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(jose.EdDSA)},
	})
}

func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: i.key.Public(), KeyID: i.keyID, Algorithm: string(jose.EdDSA), Use: "sig"},
	}})
}

func writeJSON(w http.ResponseWriter, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // a caller that has gone needs no answer
}
