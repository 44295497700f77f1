package client_test

import (
	"crypto/tls"
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"passbook/client"
	"passbook/internal/certtest"
)

// Where one end does not accept the other's certificate, another try shows the same one.
func TestStrangersAreToldAtOnce(t *testing.T) {
	t.Parallel()
	authority := certtest.New(t, "ours")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{authority.Issue("bank", time.Now().Add(time.Hour)).Pair(t)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(), MinVersion: tls.VersionTLS12,
	}
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	teller := authority.Issue("teller", time.Now().Add(time.Hour)).Pair(t)
	for name, c := range map[string]struct {
		connect *tls.Config
		known   bool
	}{
		"the system's authorities":  {nil, false},
		"no certificate":            {&tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}, false},
		"no certificate in TLS 1.2": {&tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}, false}, //nolint:gosec // as an older client would
		"a certificate":             {&tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{teller}, MinVersion: tls.VersionTLS12}, true},
	} {
		bank, err := client.New(client.Options{CommandURL: server.URL, TLS: c.connect, Retry: client.Retry{Patience: time.Hour, WaitMin: time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		var answered *client.Problem
		_, err = bank.Deposit(t.Context(), "key-1", account, deposit) // in vain or not, it is not waited for a second try
		if err == nil || errors.As(err, &answered) != c.known {
			t.Errorf("%s: %v", name, err)
		}
	}
}
