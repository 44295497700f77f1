package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"passbook/client"
	"passbook/internal/localissuer"
)

// bankFlags say which bank a client command talks to.
type bankFlags struct {
	stateFlag  `embed:""`
	CommandURL string `help:"The command API." default:"http://localhost:8080" placeholder:"URL"`
	QueryURL   string `help:"The query API." default:"http://localhost:8081" placeholder:"URL"`
	Token      string `help:"Bearer token; without it one of the local issuer is made." env:"PASSBOOK_TOKEN"`
	CA         string `name:"ca" help:"Authorities that may vouch for an API over https (PEM), in place of the system's." placeholder:"FILE"`
	Cert       string `help:"Certificate that is shown to an API which asks for one (PEM)." placeholder:"FILE"`
	Key        string `help:"Its key (PEM)." placeholder:"FILE"`
}

func (f bankFlags) client(t terminal) (*client.Client, error) {
	token := f.Token
	if token == "" {
		var err error
		if token, err = f.localToken(t); err != nil {
			return nil, err
		}
	}
	connect, err := f.tls()
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{CommandURL: f.CommandURL, QueryURL: f.QueryURL, Token: client.StaticToken(token), TLS: connect, UserAgent: "passbook"})
}

// tls is what https is connected with.
func (f bankFlags) tls() (*tls.Config, error) {
	connect := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		authorities, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		connect.RootCAs = x509.NewCertPool()
		if !connect.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("--ca: there is no certificate in %s", f.CA)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("--cert and --key belong together")
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("--cert and --key: %w", err)
		}
		connect.Certificates = []tls.Certificate{pair}
	}
	return connect, nil
}

func (f bankFlags) localToken(t terminal) (string, error) {
	if err := localissuer.Allowed(t.environ["AUTH_ISSUER"]); err != nil {
		return "", fmt.Errorf("--token is needed: %w", err)
	}
	issuer, err := localissuer.Open(f.dir())
	if err != nil {
		return "", fmt.Errorf("no --token, and no local issuer: %w", err)
	}
	return issuer.Token(localissuer.TokenRequest{Subject: operatorSubject, Scopes: []string{"accounts:write", "accounts:read"}})
}
