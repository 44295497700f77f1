package contender

import (
	"context"
	"regexp"

	"passbook/bench/rig"
	"passbook/internal/localissuer"
)

// Issuer is the local token issuer as a process of its own, for the services that run apart.
type Issuer struct {
	URL   string // of its discovery document's directory
	Token string // good for a whole run

	process *rig.Process
}

var issuerListens = regexp.MustCompile(`listening.*address=(\S+)`)

// StartIssuer starts it with its key in the directory.
func StartIssuer(ctx context.Context, binaries rig.Binaries, dir string) (*Issuer, error) {
	p, err := binaries.Start("passbook", nil, "issuer", "--state", dir, "--addr", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &Issuer{process: p}
	address, err := p.Await(ctx, issuerListens)
	if err == nil {
		i.URL = "http://" + address + localissuer.Path
		i.Token, err = operatorToken(dir)
	}
	if err != nil {
		_ = p.Stop() // the first error tells more
		return nil, err
	}
	return i, nil
}

// Usage is what it has used so far.
func (i *Issuer) Usage() (rig.Usage, error) { return i.process.Usage() }

// Stop ends the process.
func (i *Issuer) Stop() error { return i.process.Stop() }

// operatorToken is a token of the issuer whose key is in the directory.
func operatorToken(dir string) (string, error) {
	issuer, err := localissuer.Open(dir)
	if err != nil {
		return "", err
	}
	return issuer.Token(localissuer.TokenRequest{Subject: "operator", Scopes: []string{"accounts:write", "accounts:read"}})
}
