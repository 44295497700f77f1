package auth_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"passbook/httpapi/auth"
)

func TestStartsBeforeItsIssuer(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	i := newIssuer(t, publicKey(key, "k"))
	i.down.Store(true)
	clock := newClock()
	v := i.verifier(t, clock.now)
	token := sign(t, jose.EdDSA, key, "k", i.good(clock.now()))

	if _, err := v.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnavailable) {
		t.Fatalf("without issuer: %v, want ErrUnavailable", err)
	}
	if err := v.Ready(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
		t.Fatalf("ready without issuer: %v", err)
	}
	for range 50 {
		_, _ = v.Verify(t.Context(), token)
	}
	if n := i.discovered.Load(); n != 1 {
		t.Errorf("asked the issuer %d times at once, want once", n)
	}
	i.down.Store(false)
	clock.advance(time.Second)
	if err := v.Ready(t.Context()); err != nil {
		t.Fatalf("not ready with issuer: %v", err)
	}
	accept(t, v, token)
}

func TestKeysThatCannotBeReadAreNotTheTokensFault(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	i := newIssuer(t, publicKey(key, "k"))
	v := i.verifier(t, nil)
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := newEd25519(t)
	i.publish(publicKey(key, "k"), publicKey(fresh, "new"))
	token := sign(t, jose.EdDSA, fresh, "new", i.good(time.Now()))
	i.down.Store(true)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	i.down.Store(false)
	accept(t, v, token)
}

func TestVerifiedTokensAreRememberedUntilTheyExpire(t *testing.T) {
	t.Parallel()
	key := newEd25519(t)
	i := newIssuer(t, publicKey(key, "k"))
	clock := newClock()
	v := i.verifier(t, clock.now)
	token := sign(t, jose.EdDSA, key, "k", i.good(clock.now()))
	first := accept(t, v, token)
	i.down.Store(true)
	i.publish()
	if again := accept(t, v, token); again != first {
		t.Error("verified again")
	}
	clock.advance(time.Hour)
	refuse(t, v, token)
}

func TestKeysRotateWithoutRestart(t *testing.T) {
	t.Parallel()
	old, fresh := newEd25519(t), newEd25519(t)
	i := newIssuer(t, publicKey(old, "old"))
	v := i.verifier(t, nil)
	good := i.good(time.Now())
	accept(t, v, sign(t, jose.EdDSA, old, "old", good))

	i.publish(publicKey(old, "old"), publicKey(fresh, "new"))
	var wait sync.WaitGroup
	for n := range 64 { // all at once, every one a token not seen before
		token := sign(t, jose.EdDSA, fresh, "new", with(good, "sub", fmt.Sprintf("s-%d", n)))
		wait.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Errorf("token of the new key: %v", err)
			}
		})
	}
	wait.Wait()
	i.publish(publicKey(fresh, "new"))
	accept(t, v, sign(t, jose.EdDSA, fresh, "new", with(good, "sub", "later")))
}

// A minute of tokens with keys that nobody knows: the issuer is asked once a second, and a key that is published in the middle
// of it makes no token fail.
func TestBadTokensDoNotFloodTheIssuer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := makeIssuer(publicKey(newEd25519(t), "k"))
		v := i.verifierWith(t, auth.Config{Client: &http.Client{Transport: i}})
		other, fresh, good := newEd25519(t), newEd25519(t), i.good(time.Now())
		var wait sync.WaitGroup
		for n := range 600 {
			wait.Go(func() { refuse(t, v, sign(t, jose.EdDSA, other, fmt.Sprintf("kid-%d", n), good)) })
			if n == 300 {
				i.publish(publicKey(fresh, "new"))
				wait.Go(func() { accept(t, v, sign(t, jose.EdDSA, fresh, "new", good)) })
			}
			<-time.After(time.Minute / 600)
		}
		wait.Wait()
		if n := i.fetched.Load(); n > 60+12 {
			t.Errorf("600 bad tokens in a minute made %d requests to the issuer", n)
		}
	})
}

// A withdrawn key is refused as soon as the keys have been read again, tokens that were verified before included.
func TestWithdrawnKeyStopsBeingAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stolen, other := newEd25519(t), newEd25519(t)
		i := makeIssuer(publicKey(stolen, "stolen"), publicKey(other, "other"))
		v := i.verifierWith(t, auth.Config{Client: &http.Client{Transport: i}, KeysRefresh: time.Minute})
		stop := running(t, v)
		defer stop()
		bad, good := sign(t, jose.EdDSA, stolen, "stolen", i.good(time.Now())), sign(t, jose.EdDSA, other, "other", i.good(time.Now()))
		first := accept(t, v, good)
		accept(t, v, bad)
		i.publish(publicKey(other, "other"))
		<-time.After(59 * time.Second)
		accept(t, v, bad)
		<-time.After(2 * time.Second)
		refuse(t, v, bad)
		if accept(t, v, good) != first {
			t.Error("a token of a key that stayed was verified again")
		}
	})
}

// A key that comes back under the id of another is another key.
func TestKeyIDThatIsUsedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before, after := newEd25519(t), newEd25519(t)
		i := makeIssuer(publicKey(before, "k"))
		v := i.verifierWith(t, auth.Config{Client: &http.Client{Transport: i}, KeysRefresh: time.Minute})
		stop := running(t, v)
		defer stop()
		old := sign(t, jose.EdDSA, before, "k", i.good(time.Now()))
		accept(t, v, old)
		i.publish(publicKey(after, "k"))
		<-time.After(61 * time.Second)
		refuse(t, v, old)
		accept(t, v, sign(t, jose.EdDSA, after, "k", i.good(time.Now())))
	})
}

// Without its issuer the door stays open for who has a token, for a while, and opens again by itself.
func TestStaleKeysWorkForABoundedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		key := newEd25519(t)
		i := makeIssuer(publicKey(key, "k"))
		v := i.verifierWith(t, auth.Config{Client: &http.Client{Transport: i}, KeysRefresh: time.Minute, KeysStaleMax: time.Hour})
		stop := running(t, v)
		defer stop()
		long := with(i.good(time.Now()), "exp", time.Now().Add(24*time.Hour).Unix())
		seen := sign(t, jose.EdDSA, key, "k", long)
		accept(t, v, seen)
		i.down.Store(true)
		<-time.After(59 * time.Minute)
		accept(t, v, seen)
		accept(t, v, sign(t, jose.EdDSA, key, "k", with(long, "sub", "first seen now")))
		<-time.After(3 * time.Minute)
		for _, token := range []string{seen, sign(t, jose.EdDSA, key, "k", with(long, "sub", "first seen later"))} {
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnavailable) {
				t.Errorf("keys of an hour ago: %v, want ErrUnavailable", err)
			}
		}
		i.down.Store(false)
		<-time.After(time.Minute)
		accept(t, v, seen)
	})
}

// running keeps the keys fresh until stop.
func running(t *testing.T, v *auth.Verifier) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := v.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return func() { cancel(); wait.Wait() }
}

// What an issuer publishes beside its signing keys is of no use here, and a secret that it publishes by mistake is not believed.
func TestKeysThatAreNoneOfOurs(t *testing.T) {
	t.Parallel()
	secret, small := []byte(strings.Repeat("s", 32)), must(rsa.GenerateKey(rand.Reader, 1024)) //nolint:gosec // so small that it must be refused
	key, p384 := newEd25519(t), newECDSA(t, elliptic.P384())
	encryption := publicKey(newRSA(t), "enc")
	encryption.Use = "enc"
	bound := publicKey(newRSA(t), "bound")
	bound.Algorithm = "RS512"
	i := newIssuer(t, jose.JSONWebKey{Key: secret, KeyID: "secret"}, publicKey(small, "small"), publicKey(p384, "p384"), encryption, bound, publicKey(key, "k"))
	v := i.verifier(t, nil)
	good := i.good(time.Now())
	accept(t, v, sign(t, jose.EdDSA, key, "k", good))
	refuse(t, v, sign(t, jose.HS256, secret, "secret", good))
	refuse(t, v, sign(t, jose.ES384, p384, "p384", good))
	refuse(t, v, forged(t, small, good))
}

// forged is a token by a key that is too short for the library to sign with.
func forged(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	text := segment(t, map[string]any{"alg": "RS256", "kid": "small"}) + "." + segment(t, claims)
	sum := sha256.Sum256([]byte(text))
	signature := must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]))
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
