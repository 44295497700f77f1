package localissuer_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"passbook/httpapi/auth"
	"passbook/internal/localissuer"
)

func open(t *testing.T, dir string) *localissuer.Issuer {
	t.Helper()
	issuer, err := localissuer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func verifierOf(t *testing.T, issuer *localissuer.Issuer) *auth.Verifier {
	t.Helper()
	server := httptest.NewServer(issuer.Handler())
	t.Cleanup(server.Close)
	v, err := auth.New(auth.Config{
		Issuer: localissuer.ID, DiscoveryURL: server.URL + localissuer.Path, Audience: localissuer.DefaultAudience,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func token(t *testing.T, issuer *localissuer.Issuer, r localissuer.TokenRequest) string {
	t.Helper()
	text, err := issuer.Token(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokenHoldsAcrossRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	minted := token(t, open(t, dir), localissuer.TokenRequest{Subject: "teller-1", Scopes: []string{"accounts:write", "own"}})

	id, err := verifierOf(t, open(t, dir)).Verify(t.Context(), minted) // another port, the same directory
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != "teller-1" || !id.Has(auth.AccountsWrite) || !id.Has(auth.Own) || id.Has(auth.AuditRead) {
		t.Errorf("identity is %+v", id)
	}
	if left := time.Until(id.Expires); left < localissuer.DefaultTTL-time.Minute || left > localissuer.DefaultTTL {
		t.Errorf("token is good for %s, want %s", left, localissuer.DefaultTTL)
	}
}

func TestTokenOfAnotherDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	minted := token(t, open(t, t.TempDir()), localissuer.TokenRequest{Subject: "teller-1"})
	if _, err := verifierOf(t, open(t, t.TempDir())).Verify(t.Context(), minted); err == nil {
		t.Error("a token signed with another key was accepted")
	}
}

func TestExpiredAndForeignTokensAreRefused(t *testing.T) {
	t.Parallel()
	issuer := open(t, t.TempDir())
	v := verifierOf(t, issuer)
	for name, r := range map[string]localissuer.TokenRequest{
		"expired":          {Subject: "s", TTL: -time.Second},
		"another audience": {Subject: "s", Audience: "elsewhere"},
	} {
		if _, err := v.Verify(t.Context(), token(t, issuer, r)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := issuer.Token(localissuer.TokenRequest{}); err == nil {
		t.Error("a token without subject was signed")
	}
}

func TestKeyIsPrivateAndMadeOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	var wait sync.WaitGroup
	tokens := make([]string, 8)
	for i := range tokens {
		wait.Go(func() {
			issuer, err := localissuer.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i], _ = issuer.Token(localissuer.TokenRequest{Subject: "s"})
		})
	}
	wait.Wait()
	v := verifierOf(t, open(t, dir))
	for i, minted := range tokens {
		if _, err := v.Verify(t.Context(), minted); err != nil {
			t.Errorf("token of opener %d: %v", i, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("state directory holds %v, %v; want the key alone", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key has mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestOpenRefusesABadKeyFile(t *testing.T) {
	t.Parallel()
	good := t.TempDir()
	open(t, good)
	text, err := os.ReadFile(filepath.Join(good, "issuer-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte
		mode os.FileMode
	}{
		"readable by others": {text, 0o644},
		"cut short":          {text[:len(text)/2], 0o600},
		"empty":              {nil, 0o600},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "issuer-key.pem")
		if err := os.WriteFile(path, c.text, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := localissuer.Open(dir); err == nil {
			t.Errorf("%s: opened", name)
		}
		if after, _ := os.ReadFile(path); string(after) != string(c.text) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestNotBesideAnotherIssuer(t *testing.T) {
	t.Parallel()
	if err := localissuer.Allowed(""); err != nil {
		t.Errorf("none configured: %v", err)
	}
	if err := localissuer.Allowed("https://accounts.example"); err == nil {
		t.Error("allowed beside an outside issuer")
	}
}

func TestPublishesNoPrivateKey(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	open(t, t.TempDir()).Handler().ServeHTTP(w, httptest.NewRequest("GET", localissuer.Path+"/jwks.json", nil))
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", w.Body, err)
	}
	if _, private := set.Keys[0]["d"]; private || set.Keys[0]["kty"] != "OKP" {
		t.Errorf("published %v", set.Keys[0])
	}
}
