package auth_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"passbook/httpapi/auth"
)

func accept(t *testing.T, v *auth.Verifier, token string) *auth.Identity {
	t.Helper()
	id, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("refused: %v (%v)", err, errors.Unwrap(err))
	}
	return id
}

// refuse wants the token itself to be at fault, not the issuer's absence.
func refuse(t *testing.T, v *auth.Verifier, token string) {
	t.Helper()
	id, err := v.Verify(t.Context(), token)
	var invalid *auth.InvalidToken
	if !errors.As(err, &invalid) {
		t.Errorf("got %+v, %v; want it invalid", id, err)
	}
}

func TestAcceptsThePinnedAlgorithms(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey, edKey := newRSA(t), newECDSA(t, elliptic.P256()), newEd25519(t)
	i := newIssuer(t, publicKey(rsaKey, "rsa"), publicKey(ecKey, "ec"), publicKey(edKey, "ed"))
	v := i.verifier(t, nil)
	good := i.good(time.Now())
	for name, token := range map[string]string{
		"RS256":     sign(t, jose.RS256, rsaKey, "rsa", good),
		"ES256":     sign(t, jose.ES256, ecKey, "ec", good),
		"EdDSA":     sign(t, jose.EdDSA, edKey, "ed", good),
		"aud list":  sign(t, jose.EdDSA, edKey, "ed", with(good, "aud", []string{"other", "passbook"})),
		"no iat":    sign(t, jose.EdDSA, edKey, "ed", with(good, "iat", nil)),
		"nbf now":   sign(t, jose.EdDSA, edKey, "ed", with(good, "nbf", time.Now().Unix())),
		"at+jwt":    signWith(t, jose.EdDSA, edKey, "ed", good, "typ", "application/at+JWT"),
		"no key id": sign(t, jose.EdDSA, edKey, "", good),
		"exp float": sign(t, jose.EdDSA, edKey, "ed", with(good, "exp", float64(time.Now().Unix())+3600.5)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := accept(t, v, token)
			if id.Subject != "teller-1" || id.Issuer != i.URL || id.Caller != i.URL+"#teller-1" {
				t.Errorf("identity is %+v", id)
			}
		})
	}
}

func TestAlgorithmsAreThoseConfigured(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey := newRSA(t), newECDSA(t, elliptic.P256())
	i := newIssuer(t, publicKey(rsaKey, "rsa"), publicKey(ecKey, "ec"))
	v := i.verifierWith(t, auth.Config{Algorithms: []string{auth.PS256}})
	good := i.good(time.Now())
	accept(t, v, sign(t, jose.PS256, rsaKey, "rsa", good))
	refuse(t, v, sign(t, jose.RS256, rsaKey, "rsa", good))
	refuse(t, v, sign(t, jose.ES256, ecKey, "ec", good))
}

// TestRefusesForgedTokens tries what is tried against JWT verifiers.
func TestRefusesForgedTokens(t *testing.T) {
	t.Parallel()
	rsaKey, edKey := newRSA(t), newEd25519(t)
	i := newIssuer(t, publicKey(rsaKey, "rsa"), publicKey(edKey, "ed"))
	v := i.verifier(t, nil)
	good := i.good(time.Now())
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	genuine := sign(t, jose.EdDSA, edKey, "ed", good)
	parts := strings.Split(genuine, ".")

	for name, token := range map[string]string{
		"alg none":                        segment(t, map[string]any{"alg": "none"}) + "." + segment(t, good) + ".",
		"alg None with kid":               segment(t, map[string]any{"alg": "None", "kid": "ed"}) + "." + segment(t, good) + ".",
		"alg none, signature kept":        segment(t, map[string]any{"alg": "none"}) + "." + parts[1] + "." + parts[2],
		"HS256 with the public key, PEM":  sign(t, jose.HS256, asPEM, "rsa", good),
		"HS256 with the public key, DER":  sign(t, jose.HS256, der, "rsa", good),
		"HS256 with the public key, raw":  sign(t, jose.HS256, []byte(edKey.Public().(ed25519.PublicKey)), "ed", good),
		"RS512 is not pinned":             sign(t, jose.RS512, rsaKey, "rsa", good),
		"PS256 is not pinned":             sign(t, jose.PS256, rsaKey, "rsa", good),
		"another key":                     sign(t, jose.EdDSA, newEd25519(t), "ed", good),
		"another key, unknown kid":        sign(t, jose.EdDSA, newEd25519(t), "mine", good),
		"another key, no kid":             sign(t, jose.EdDSA, newEd25519(t), "", good),
		"payload exchanged":               parts[0] + "." + segment(t, with(good, "sub", "admin")) + "." + parts[2],
		"signature cut":                   parts[0] + "." + parts[1] + "." + parts[2][:20],
		"signature missing":               parts[0] + "." + parts[1] + ".",
		"key in the header":               embedded(t, good),
		"key id of another key":           sign(t, jose.EdDSA, edKey, "rsa", good),
		"a critical header":               signWith(t, jose.EdDSA, edKey, "ed", good, "crit", []string{"b"}),
		"a logout token":                  signWith(t, jose.EdDSA, edKey, "ed", good, "typ", "logout+jwt"),
		"not a token":                     "abc",
		"empty":                           "",
		"only dots":                       "..",
		"five parts":                      genuine + ".a.b",
		"8 KiB and more":                  genuine + strings.Repeat("A", 8<<10),
		"a JSON serialisation of the JWS": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, v, token)
		})
	}
}

func segment(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// embedded signs with a key of its own and sends it along.
func embedded(t *testing.T, claims map[string]any) string {
	t.Helper()
	key := newEd25519(t)
	options := (&jose.SignerOptions{EmbedJWK: true})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(must(json.Marshal(claims))))
	if err != nil {
		t.Fatal(err)
	}
	return must(jws.CompactSerialize())
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestRefusesWrongClaims(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	i := newIssuer(t, publicKey(key, "k"))
	now := time.Now().Truncate(time.Second)
	v := i.verifier(t, func() time.Time { return now })
	good := i.good(now)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }

	for name, c := range map[string]struct {
		claims map[string]any
		good   bool
	}{
		"as it should be":            {good, true},
		"another issuer":             {with(good, "iss", "https://elsewhere.example"), false},
		"issuer with a slash":        {with(good, "iss", i.URL+"/"), false},
		"no issuer":                  {with(good, "iss", nil), false},
		"another audience":           {with(good, "aud", "passbook2"), false},
		"no audience":                {with(good, "aud", nil), false},
		"no subject":                 {with(good, "sub", nil), false},
		"empty subject":              {with(good, "sub", ""), false},
		"subject of 256 bytes":       {with(good, "sub", strings.Repeat("s", 256)), false},
		"subject with NUL":           {with(good, "sub", "a\x00b"), false},
		"no expiry":                  {with(good, "exp", nil), false},
		"expires now":                {with(good, "exp", at(0)), false},
		"expired a second ago":       {with(good, "exp", at(-time.Second)), false},
		"expires in a second":        {with(good, "exp", at(time.Second)), true},
		"expiry is a text":           {with(good, "exp", "tomorrow"), false},
		"expiry beyond all time":     {with(good, "exp", 1e300), false},
		"not before, within skew":    {with(good, "nbf", at(skew)), true},
		"not before, beyond skew":    {with(good, "nbf", at(skew+time.Second)), false},
		"issued within skew":         {with(good, "iat", at(skew)), true},
		"issued in the future":       {with(good, "iat", at(skew+time.Second)), false},
		"scope is a number":          {with(good, "scope", 7), false},
		"scope is a list":            {with(good, "scope", []string{"openid", "accounts:write"}), true},
		"bound to a key":             {with(good, "cnf", map[string]any{"jkt": "x"}), false},
		"scopes in scp as a list":    {with(with(good, "scope", nil), "scp", []string{"accounts:write"}), true},
		"scopes in scp as a text":    {with(with(good, "scope", nil), "scp", "accounts:write own"), true},
		"scp is a list of something": {with(good, "scp", []int{1}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := sign(t, jose.EdDSA, key, "k", c.claims)
			if !c.good {
				refuse(t, v, token)
				return
			}
			if !accept(t, v, token).Has(auth.AccountsWrite) {
				t.Error("the scope is missing")
			}
		})
	}
	if auth.DefaultSkew > time.Minute {
		t.Errorf("the default skew is %s, more than a minute", auth.DefaultSkew)
	}
}

func TestScopesAreExactWords(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	i := newIssuer(t, publicKey(key, "k"))
	v := i.verifier(t, nil)
	id := accept(t, v, sign(t, jose.EdDSA, key, "k", with(i.good(time.Now()), "scope", "accounts:writer ACCOUNTS:READ accounts own:er admin *")))
	for _, scope := range auth.Scopes() {
		if id.Has(scope) {
			t.Errorf("has %s", scope)
		}
	}
}

func TestCallerIsBounded(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	i := newIssuer(t, publicKey(key, "k"))
	v := i.verifier(t, nil)
	callers := map[string]bool{}
	for _, subject := range []string{strings.Repeat("a", 255), strings.Repeat("a", 254), "a"} {
		caller := accept(t, v, sign(t, jose.EdDSA, key, "k", with(i.good(time.Now()), "sub", subject))).Caller
		if len(caller) > 200 || callers[caller] {
			t.Errorf("caller of a subject of %d bytes is %q", len(subject), caller)
		}
		callers[caller] = true
	}
}

func TestDiscoveryElsewhere(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	i := newIssuer(t, publicKey(key, "k"))
	proxy := newProxy(t, i)
	v, err := auth.New(auth.Config{Issuer: i.URL, DiscoveryURL: proxy, Audience: "passbook", Client: http.DefaultClient, Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, v, sign(t, jose.EdDSA, key, "k", i.good(time.Now())))

	imposter, err := auth.New(auth.Config{Issuer: "https://bank.example", DiscoveryURL: proxy, Audience: "passbook", Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := imposter.Ready(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("a discovery document of another issuer: %v", err)
	}
}

func TestConfigIsComplete(t *testing.T) {
	t.Parallel()
	none := auth.Config{Issuer: "https://i", Audience: "a", Algorithms: []string{"none"}}
	symmetric := auth.Config{Issuer: "https://i", Audience: "a", Algorithms: []string{"RS256", "HS256"}}
	for _, c := range []auth.Config{{}, {Issuer: "https://i"}, {Audience: "a"}, none, symmetric} {
		if _, err := auth.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
