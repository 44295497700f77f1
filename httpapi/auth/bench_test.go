package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"passbook/httpapi/auth"
)

// BenchmarkVerify is what a request pays for its token: one that was seen before, and one that comes for the first time.
func BenchmarkVerify(b *testing.B) {
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, err3 := ed25519.GenerateKey(rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil {
		b.Fatal(err1, err2, err3)
	}
	for _, c := range []struct {
		algorithm jose.SignatureAlgorithm
		key       crypto.Signer
	}{{jose.RS256, rsaKey}, {jose.ES256, ecKey}, {jose.EdDSA, edKey}} {
		i := makeIssuer(publicKey(c.key, "k"))
		newVerifier := func() *auth.Verifier {
			v, err := auth.New(auth.Config{Issuer: i.URL, Audience: "passbook", Log: slog.New(slog.DiscardHandler), Client: &http.Client{Transport: i}})
			if err != nil {
				b.Fatal(err)
			}
			return v
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: c.algorithm, Key: c.key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
		if err != nil {
			b.Fatal(err)
		}
		tokens := make([]string, 512)
		for n := range tokens {
			claims := i.good(time.Now())
			claims["n"] = n
			if tokens[n], err = jwt.Signed(signer).Claims(claims).Serialize(); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("cached/"+string(c.algorithm), func(b *testing.B) {
			b.ReportAllocs()
			v := newVerifier()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), tokens[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("uncached/"+string(c.algorithm), func(b *testing.B) {
			b.ReportAllocs()
			var v *auth.Verifier
			n := 0
			for b.Loop() {
				if n%len(tokens) == 0 { // all of them are known: begin with a verifier that knows none
					b.StopTimer()
					v = newVerifier()
					if err := v.Ready(b.Context()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				if _, err := v.Verify(b.Context(), tokens[n%len(tokens)]); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
