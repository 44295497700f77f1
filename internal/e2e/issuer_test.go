package e2e

import (
	"strings"
	"testing"
)

// Where an outside issuer is configured nobody is let in by a key on this machine.
func TestLocalIssuerRefusesToStartBesideAnother(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"issuer", "--addr", "127.0.0.1:0"}, {"token", "--sub", "x", "--scope", "accounts:write"}} {
		p := start(t, "passbook", []string{"AUTH_ISSUER=https://id.example"}, append(args, "--state", stateDir(t))...)
		if code := p.exit(); code == 0 || !strings.Contains(p.tail(), "does not run beside another one") {
			t.Errorf("passbook %s: %d\n%s", args[0], code, p.tail())
		}
	}
}
