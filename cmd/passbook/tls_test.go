package main

import (
	"crypto/tls"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passbook/internal/certtest"
)

// A bank that a private authority vouches for, and that asks its clients for certificates.
func TestClientsOfABankWithCertificates(t *testing.T) {
	t.Parallel()
	ours, theirs := certtest.New(t, "ours"), certtest.New(t, "theirs")
	until := time.Now().Add(time.Hour)
	server := httptest.NewUnstartedServer(believer())
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{ours.Issue("bank", until).Pair(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.Pool(), MinVersion: tls.VersionTLS12,
	}
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca, other := filepath.Join(t.TempDir(), "ca.crt"), filepath.Join(t.TempDir(), "other.crt")
	certtest.Write(t, ca, ours.PEM())
	certtest.Write(t, other, theirs.PEM())
	cert, key := ours.Issue("teller", until).Files(t, t.TempDir())
	strange, strangeKey := theirs.Issue("teller", until).Files(t, t.TempDir())
	for name, c := range map[string]struct {
		args  []string
		exit  int
		fault string
	}{
		"all of it":                          {[]string{"--ca", ca, "--cert", cert, "--key", key}, 0, ""},
		"the bank's authority is not known":  {[]string{"--cert", cert, "--key", key}, 1, "certificate"},
		"another authority":                  {[]string{"--ca", other, "--cert", cert, "--key", key}, 1, "certificate"},
		"no certificate":                     {[]string{"--ca", ca}, 1, "certificate"},
		"a certificate of another authority": {[]string{"--ca", ca, "--cert", strange, "--key", strangeKey}, 1, ""},
		"a certificate without its key":      {[]string{"--ca", ca, "--cert", cert}, 1, "--cert and --key belong together"},
		"the key of another":                 {[]string{"--ca", ca, "--cert", cert, "--key", strangeKey}, 1, "--cert and --key: "},
		"no such file":                       {[]string{"--ca", ca + "x"}, 1, "--ca: "},
		"a file without certificates":        {[]string{"--ca", key}, 1, "there is no certificate"},
	} {
		exit, stdout, stderr := bench(t, server.URL, append(c.args, "--timeout", "2s")...)
		if exit != c.exit || !strings.Contains(stderr, c.fault) {
			t.Errorf("%s: exit %d\n%s%s", name, exit, stdout, stderr)
		}
	}
}
