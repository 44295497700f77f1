package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"passbook/internal/certtest"
)

// authority is one whose own certificate, and those that it issues, are in files of a directory.
type authority struct {
	*certtest.Authority

	t   *testing.T
	dir string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{certtest.New(t, name), t, stateDir(t)}
	certtest.Write(t, a.path("ca.crt"), a.PEM())
	return a
}

// issue makes a certificate for localhost, and for a user of that name, and its key, and returns their files.
func (a *authority) issue(name string) (certFile, keyFile string) {
	a.t.Helper()
	certFile, keyFile = a.path(name+".crt"), a.path(name+".key")
	issued := a.Issue(name, time.Now().Add(time.Hour))
	certtest.Write(a.t, certFile, issued.Cert)
	certtest.Write(a.t, keyFile, issued.Key)
	return certFile, keyFile
}

func (a *authority) path(file string) string { return filepath.Join(a.dir, file) }

// guardedNATS is a NATS server with the configuration of deploy/, and TLS in both directions.
func guardedNATS(t *testing.T, a *authority) (address string) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile("../../deploy/nats/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	cert, key := a.issue("nats")
	conf := string(text) + fmt.Sprintf("\nlisten: \"127.0.0.1:-1\"\ntls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }\n", cert, key, a.path("ca.crt"))
	for name, value := range map[string]string{
		"NATS_STORE_DIR": filepath.Join(dir, "jetstream"), "NATS_COMMAND_PASSWORD": password("command-api"), "NATS_PROJECTOR_PASSWORD": password("projector"),
		"NATS_OPERATOR_PASSWORD": password("operator"), "NATS_CLEARING_PASSWORD": password("clearing"),
	} {
		conf = strings.ReplaceAll(conf, "$"+name, `"`+value+`"`) // the environment is the whole process's
	}
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("nats does not start")
	}
	return s.Addr().String()
}

func password(user string) string { return "marked-secret-of-" + user }

// natsEnv is how a binary reaches the guarded NATS.
func natsEnv(a *authority, address, user string) []string {
	cert, key := a.issue(user)
	return []string{
		"NATS_URL=tls://" + user + ":" + password(user) + "@" + address, "NATS_CA_FILE=" + a.path("ca.crt"), "NATS_CERT_FILE=" + cert, "NATS_KEY_FILE=" + key,
	}
}

// attempt is one thing that a user of NATS may or may not do.
type attempt struct {
	user, verb, subject string
	may                 bool
}

var attempts = []attempt{
	{"command-api", "publish", "passbook.events.account.x", true},
	{"command-api", "publish", "$JS.API.STREAM.INFO.PASSBOOK", true},
	{"command-api", "publish", "passbook.decide.x", true},
	{"command-api", "subscribe", "passbook.decide.x", true},
	{"command-api", "subscribe", "passbook.events.>", false},
	{"command-api", "publish", "passbook.clearing.submit", true},
	{"command-api", "subscribe", "passbook.clearing.answers", true},
	{"command-api", "publish", "passbook.clearing.answers", false},
	{"command-api", "subscribe", "passbook.clearing.>", false},
	{"command-api", "publish", "$JS.API.STREAM.DELETE.PASSBOOK", false},
	{"command-api", "publish", "$JS.API.STREAM.PURGE.PASSBOOK", false},
	{"command-api", "publish", "$JS.API.STREAM.CREATE.OTHER", false},
	{"command-api", "publish", "$JS.API.CONSUMER.CREATE.PASSBOOK.x", false},
	{"command-api", "subscribe", "_INBOX.projector.x", false},
	{"command-api", "subscribe", ">", false},
	{"projector", "publish", "$JS.API.CONSUMER.CREATE.PASSBOOK.x", true},
	{"projector", "subscribe", "_INBOX.projector.x", true},
	{"projector", "publish", "passbook.events.account.x", false},
	{"projector", "publish", "passbook.decide.x", false},
	{"projector", "publish", "passbook.clearing.answers", false},
	{"projector", "subscribe", "passbook.decide.>", false},
	{"projector", "subscribe", "passbook.events.>", false},
	{"projector", "subscribe", "_INBOX.command-api.x", false},
	{"projector", "subscribe", "_INBOX.>", false},
	{"projector", "publish", "$JS.API.STREAM.DELETE.PASSBOOK", false},
	{"projector", "publish", "$JS.API.STREAM.CREATE.PASSBOOK", false},
	{"operator", "publish", "$JS.API.STREAM.DELETE.PASSBOOK", true},
	{"operator", "publish", "passbook.events.account.x", false},
	{"clearing", "subscribe", "passbook.clearing.submit", true},
	{"clearing", "publish", "passbook.clearing.answers", true},
	{"clearing", "publish", "passbook.events.account.x", false},
	{"clearing", "publish", "passbook.decide.x", false},
	{"clearing", "publish", "_INBOX.command-api.x", false},
	{"clearing", "subscribe", "passbook.decide.>", false},
	{"clearing", "publish", "$JS.API.STREAM.INFO.PASSBOOK", false},
}

// TestEachUserOfNATSDoesItsOwn tries, as the user of each binary, what is its own and what is not.
func TestEachUserOfNATSDoesItsOwn(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "the bank's")
	address := guardedNATS(t, a)
	for _, try := range attempts {
		err := a.attempt(address, try)
		t.Logf("%-12s %-10s %-40s %v", try.user, try.verb, try.subject, map[bool]string{true: "refused", false: "done"}[err != nil])
		if (err == nil) != try.may {
			t.Errorf("%s may %s %s: %v, got %v", try.user, try.verb, try.subject, try.may, err)
		}
	}
}

// attempt returns the server's refusal, if it refuses.
func (a *authority) attempt(address string, try attempt) error {
	a.t.Helper()
	cert, key := a.issue(try.user)
	conn, err := nats.Connect("tls://"+try.user+":"+password(try.user)+"@"+address, nats.RootCAs(a.path("ca.crt")), nats.ClientCert(cert, key),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	if try.verb == "publish" {
		err = conn.Publish(try.subject, []byte("{}"))
	} else {
		_, err = conn.SubscribeSync(try.subject)
	}
	// A refusal comes before the answer to a ping that was sent later.
	if err := errors.Join(err, conn.Flush()); err != nil {
		return err
	}
	return conn.LastError()
}

// TestNATSWantsCertificates: without one, with one of another authority, in the clear, or with a wrong password nobody comes in, and we
// do not talk to a server that another authority vouches for.
func TestNATSWantsCertificates(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "the bank's"), newAuthority(t, "somebody's")
	address := guardedNATS(t, ours)
	cert, key := ours.issue("projector")
	theirCert, theirKey := theirs.issue("projector")
	login := "projector:" + password("projector") + "@"
	for name, c := range map[string]struct {
		url     string
		options []nats.Option
		good    bool
	}{
		"as it should be":                        {"tls://" + login + address, []nats.Option{nats.RootCAs(ours.path("ca.crt")), nats.ClientCert(cert, key)}, true},
		"no certificate":                         {"tls://" + login + address, []nats.Option{nats.RootCAs(ours.path("ca.crt"))}, false},
		"certificate of another authority":       {"tls://" + login + address, []nats.Option{nats.RootCAs(ours.path("ca.crt")), nats.ClientCert(theirCert, theirKey)}, false},
		"a server that nobody known vouches for": {"tls://" + login + address, []nats.Option{nats.RootCAs(theirs.path("ca.crt")), nats.ClientCert(cert, key)}, false},
		"wrong password":                         {"tls://projector:x@" + address, []nats.Option{nats.RootCAs(ours.path("ca.crt")), nats.ClientCert(cert, key)}, false},
		"a certificate and no password":          {"tls://" + address, []nats.Option{nats.RootCAs(ours.path("ca.crt")), nats.ClientCert(cert, key)}, false},
	} {
		conn, err := nats.Connect(c.url, c.options...)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}
