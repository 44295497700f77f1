package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is wrong with an address that holds a password, what a binary says about it does not hold the password.
func TestFaultyAddressesAreToldWithoutTheirSecrets(t *testing.T) {
	t.Parallel()
	const secret = "marked-secret"
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := map[string]string{
		"HTTP_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "AUTH_ISSUER": "http://127.0.0.1:1", "LOG_LEVEL": "debug",
		"DATABASE_URL": "postgres://u:" + secret + "@127.0.0.1:1/x", "NATS_URL": "nats://u:" + secret + "@127.0.0.1:1",
	}
	faults := map[string][2]string{
		"nobody there":          {"DATABASE_URL", good["DATABASE_URL"]},
		"no such port":          {"DATABASE_URL", "postgres://u:" + secret + "@127.0.0.1:port/x"},
		"no such mode":          {"DATABASE_URL", "postgres://u:" + secret + "@127.0.0.1:1/x?sslmode=perhaps"},
		"pairs":                 {"DATABASE_URL", "host=127.0.0.1 port=1 user=u password=" + secret},
		"pairs, one of nothing": {"DATABASE_URL", "host=127.0.0.1 port=x user=u password='" + secret + " too'"},
		"another scheme":        {"DATABASE_URL", "mysql://u:" + secret + "@127.0.0.1:1/x"},
		"a slash in it":         {"DATABASE_URL", "postgres://u:" + secret + "/x@127.0.0.1:1/x"},
		"a percent sign in it":  {"DATABASE_URL", "postgres://u:" + secret + "%zz@127.0.0.1:1/x"},
		"from a file":           {"DATABASE_URL_FILE", file("url", "postgres://u:"+secret+"%zz@127.0.0.1:1/x")},
		"NATS: no such port":    {"NATS_URL", "nats://u:" + secret + "@127.0.0.1:port"},
		"NATS: another scheme":  {"NATS_URL", "http://u:" + secret + "@127.0.0.1:1"},
		"NATS: a token":         {"NATS_URL", "ftp://" + secret + "@127.0.0.1:1"},
		"NATS: credentials":     {"NATS_CREDS_FILE", file("creds", secret)},
	}
	for _, binary := range kinds {
		for name, fault := range faults {
			t.Run(binary+" "+name, func(t *testing.T) {
				t.Parallel()
				var environ []string
				for variable, value := range good {
					if variable != strings.TrimSuffix(fault[0], "_FILE") {
						environ = append(environ, variable+"="+value)
					}
				}
				p := start(t, binary, append(environ, fault[0]+"="+fault[1]))
				said := p.await(`(?s)(waiting for Postgres|faults in the environment|level=ERROR msg=ended|cannot parse).*\n`)
				p.kill()
				if strings.Contains(p.tail(), secret) {
					t.Errorf("%s %v: %s", binary, said, p.tail())
				}
			})
		}
	}
}

// A binary that is asked for its configuration prints every variable, and of passwords nothing, however they are written.
func TestConfigurationIsPrintedWithoutSecrets(t *testing.T) {
	t.Parallel()
	const secret = "marked-secret"
	for binary, args := range map[string][]string{"command-api": {"config"}, "query-api": {"config"}, "projector": {"config"}, "webhooks": {"webhooks", "config"}} {
		for name, address := range map[string]string{
			"a URL":          "postgres://bank:" + secret + "@db.example/bank?sslpassword=" + secret,
			"a bad one":      "postgres://bank:a/" + secret + "@db.example/bank",
			"pairs":          "host=db.example user=bank password = 'it\\'s a " + secret + "'",
			"in line breaks": "host=db.example\nuser=bank\npassword=" + secret,
		} {
			t.Run(binary+" "+name, func(t *testing.T) {
				t.Parallel()
				program := binary
				if binary == "webhooks" {
					program = "projector"
				}
				file := filepath.Join(t.TempDir(), "address")
				if err := os.WriteFile(file, []byte(address+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				p := start(t, program, []string{"DATABASE_URL_FILE=" + file, "NATS_URL=nats://" + secret + "@n1.example:4222,tls://u:" + secret + "@n2.example:4222", "AUTH_ISSUER=http://127.0.0.1:1"}, args...)
				code, said := p.exit(), p.said()
				if code != 0 || !strings.Contains(said, "DATABASE_URL=") || !strings.Contains(said, "OPS_ADDR=") || !strings.Contains(said, "xxxxx") || !strings.Contains(said, "db.example") && name != "a bad one" {
					t.Errorf("%d: %s", code, said)
				}
				if strings.Contains(said, secret) {
					t.Errorf("%s", said)
				}
			})
		}
	}
}
