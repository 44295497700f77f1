// Package httpapitest is the kit for tests of the HTTP APIs: real tokens of a local issuer, and requests whose answers are held
// to the OpenAPI document, all of them, so that an undocumented status, header or field fails whichever test meets it.
package httpapitest

import (
	"log/slog"
	"net/http/httptest"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/internal/localissuer"
)

// TB is the part of testing.TB that the kit uses.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}

// Kit holds what the tests of one API share.
type Kit struct {
	*Contract
	Auth    *auth.Verifier
	Metrics *prometheus.Registry
	issuer  *localissuer.Issuer
}

// New makes a kit for the API with this document.
func New(t TB, yaml []byte) *Kit {
	t.Helper()
	contract, err := NewContract(yaml)
	if err != nil {
		t.Fatalf("%v", err)
	}
	issuer, err := localissuer.Open(t.TempDir())
	if err != nil {
		t.Fatalf("issuer: %v", err)
	}
	server := httptest.NewServer(issuer.Handler())
	t.Cleanup(server.Close)
	verifier, err := auth.New(auth.Config{
		Issuer: localissuer.ID, DiscoveryURL: server.URL + localissuer.Path, Audience: localissuer.DefaultAudience,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("verifier: %v", err)
	}
	return &Kit{Contract: contract, Auth: verifier, Metrics: prometheus.NewRegistry(), issuer: issuer}
}

// Config is that of a server under test.
func (k *Kit) Config() httpapi.Config {
	return httpapi.Config{Auth: k.Auth, Log: slog.New(slog.DiscardHandler), Metrics: k.Metrics}
}

// Token signs a token for the subject.
func (k *Kit) Token(t TB, subject string, scopes ...auth.Scope) string {
	t.Helper()
	return k.Sign(t, localissuer.TokenRequest{Subject: subject, Scopes: words(scopes)})
}

// Sign signs any token.
func (k *Kit) Sign(t TB, r localissuer.TokenRequest) string {
	t.Helper()
	token, err := k.issuer.Token(r)
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	return token
}

func words(scopes []auth.Scope) []string {
	var words []string
	for _, scope := range scopes {
		words = append(words, string(scope))
	}
	return words
}
