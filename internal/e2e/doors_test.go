package e2e

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"passbook/httpapi/httpapitest"
)

// TestABankThatSpeaksTLS runs a whole bank that speaks TLS and demands certificates: whoever has one and a token is served, nobody else
// gets as far as a token, and files that are changed, badly and then well, are taken while it runs.
func TestABankThatSpeaksTLS(t *testing.T) {
	t.Parallel()
	a, strangers := newAuthority(t, "the bank's"), newAuthority(t, "somebody's")
	cert, key := a.issue("bank")
	state := stateDir(t)
	p := start(t, "passbook", []string{"TLS_CERT_FILE=" + cert, "TLS_KEY_FILE=" + key, "TLS_CLIENT_CA_FILE=" + a.path("ca.crt")},
		"up", "--state", state, "--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0")
	p.await(`In another terminal`)
	address := p.await(`query API\s+https://(\S+)`)[1]
	token := strings.TrimSpace(output(t, "passbook", "token", "--state", state))

	ask := func(scheme string, shows *authority, token string) (status int, serial int64, err error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+address+"/v1/projections", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		transport := &http.Transport{TLSClientConfig: a.client(shows)}
		defer transport.CloseIdleConnections()
		client := &http.Client{Timeout: patience, Transport: transport}
		if scheme == "https" { // who speaks without it is answered by net/http, in its own words
			client.Transport = httpapitest.NewTransport(transport, differences.add)
		}
		response, err := client.Do(r)
		if err != nil {
			return 0, 0, err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return 0, 0, err
		}
		if response.TLS != nil {
			serial = response.TLS.PeerCertificates[0].SerialNumber.Int64()
		}
		return response.StatusCode, serial, nil
	}
	status, first, err := ask("https", a, token)
	if err != nil || status != 200 {
		t.Fatalf("%d %v", status, err)
	}
	if status, _, err := ask("https", a, ""); err != nil || status != 401 {
		t.Errorf("a certificate and no token: %d, %v", status, err)
	}
	if status, _, err := ask("http", a, token); err != nil || status != 400 {
		t.Errorf("no TLS: %d, %v", status, err)
	}
	for name, shows := range map[string]*authority{"nobody": nil, "somebody": strangers} {
		if status, _, err := ask("https", shows, token); err == nil {
			t.Errorf("%s: %d", name, status)
		}
	}

	nextCert, nextKey := a.issue("next")
	rename(t, nextCert, cert)
	p.await(`level=ERROR msg="certificate, key or authorities cannot be used`)
	if status, serial, err := ask("https", a, token); err != nil || status != 200 || serial != first {
		t.Errorf("with files that do not belong together: %d, certificate %d, %v", status, serial, err)
	}
	rename(t, nextKey, key)
	p.await(`(?s)cannot be used.*level=INFO msg="certificate taken"`)
	taken := false
	for late := time.Now().Add(patience); !taken && time.Now().Before(late); { // the APIs take it one after the other
		status, serial, err := ask("https", a, token)
		if err != nil || status != 200 {
			t.Fatalf("%d, %v", status, err)
		}
		taken = serial != first
	}
	if !taken {
		t.Error("the new certificate is not shown")
	}
	p.stop()
}

// client trusts the authority and shows a certificate of another, if there is one.
func (a *authority) client(shows *authority) *tls.Config {
	a.t.Helper()
	cfg := &tls.Config{RootCAs: a.Pool()}
	if shows != nil {
		cfg.Certificates = []tls.Certificate{shows.Issue("caller", time.Now().Add(time.Hour)).Pair(a.t)}
	}
	return cfg
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
