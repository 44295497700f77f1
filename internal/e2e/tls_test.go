package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"passbook/internal/embedded"
)

// guardedPostgres is a server that takes nobody over TCP without TLS, a certificate in the user's name, and a password.
type guardedPostgres struct {
	*embedded.Postgres
	authority *authority
	port      int
}

func newGuardedPostgres(t *testing.T, a *authority) *guardedPostgres {
	t.Helper()
	state := stateDir(t)
	hba := filepath.Join(state, "rules")
	rules := "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n"
	if err := os.WriteFile(hba, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	g := &guardedPostgres{authority: a, port: freePort(t)}
	var err error
	g.Postgres, err = embedded.StartPostgres(t.Context(), embedded.PostgresConfig{StateDir: state, Port: g.port, Settings: map[string]string{"hba_file": hba}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = g.Stop(ctx) // the test may have stopped it
	})
	cert, key := a.issue("postgres-server")
	g.giveAway(t, state, cert, key, a.path("ca.crt"))
	g.exec(t, "ALTER SYSTEM SET ssl_cert_file = '"+cert+"'", "ALTER SYSTEM SET ssl_key_file = '"+key+"'",
		"ALTER SYSTEM SET ssl_ca_file = '"+a.path("ca.crt")+"'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
	return g
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// giveAway lets the server read the files: under root it is the user who owns the data.
func (g *guardedPostgres) giveAway(t *testing.T, state string, files ...string) {
	t.Helper()
	data, err := filepath.Glob(filepath.Join(state, "pg[0-9]*"))
	if err != nil || len(data) == 0 {
		t.Fatalf("no data in %s: %v", state, err)
	}
	info, err := os.Stat(data[0])
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	for _, file := range files {
		if err := os.Chown(file, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

func (g *guardedPostgres) exec(t *testing.T, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), g.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// address is the URL of a user who comes over TCP as the options say.
func (g *guardedPostgres) address(user string, options url.Values) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password(user)), Host: fmt.Sprintf("127.0.0.1:%d", g.port), Path: "/postgres", RawQuery: options.Encode()}
	return u.String()
}

// trusted are the options of somebody whom our authority vouches for.
func (a *authority) trusted(user string) url.Values {
	cert, key := a.issue(user)
	return url.Values{"sslmode": {"verify-full"}, "sslrootcert": {a.path("ca.crt")}, "sslcert": {cert}, "sslkey": {key}}
}

// TestTheBankBehindTLS runs the bank, two command APIs and a clearing house, with mutual TLS to Postgres and to a NATS whose users
// may do their own and nothing else: commands are decided, forwarded, carried and read, a payment settles, and nobody was refused
// anything. No secret is in what the processes said, in their metrics, or in their answers, also when Postgres and NATS are gone.
func TestTheBankBehindTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "the bank's")
	pg := newGuardedPostgres(t, a)
	if code := start(t, "passbook", []string{"DATABASE_URL=" + pg.URL("postgres")}, "migrate").exit(); code != 0 {
		t.Fatalf("migrate: %d", code)
	}
	for _, role := range []string{"passbook_command", "passbook_query", "passbook_projector"} {
		pg.exec(t, "ALTER ROLE "+role+" LOGIN PASSWORD '"+password(role)+"'")
	}
	pg.refuses(t)
	nats := guardedNATS(t, a)
	state := stateDir(t)
	issuer := start(t, "passbook", nil, "issuer", "--state", state, "--addr", "127.0.0.1:0")
	common := []string{
		"HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "MIGRATE=off", "AUTH_ISSUER=http://passbook.local/issuer",
		"AUTH_DISCOVERY_URL=http://" + issuer.await(`listening.*address=(\S+)`)[1] + "/issuer", "PAYMENT_STATUS_EVERY=500ms", "SHUTDOWN_TIMEOUT=3s",
	}
	secretFile := filepath.Join(t.TempDir(), "url") // one of them comes from a file
	if err := os.WriteFile(secretFile, []byte(pg.address("passbook_command", a.trusted("passbook_command"))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	as := func(binary, role string, more ...string) *process {
		return start(t, binary, append(append(more, "DATABASE_URL="+pg.address(role, a.trusted(role))), common...))
	}
	clearing := start(t, "passbook", natsEnv(a, nats, "clearing"), "clearing", "--delay", "50ms")
	clearing.await(`the clearing house is open`)
	projector := as("projector", "passbook_projector", natsEnv(a, nats, "projector")...)
	first := start(t, "command-api", append(append([]string{"DATABASE_URL_FILE=" + secretFile}, common...), natsEnv(a, nats, "command-api")...))
	first.await(`msg="relay publishing"`)
	second := as("command-api", "passbook_command", natsEnv(a, nats, "command-api")...)
	query := as("query-api", "passbook_query")

	c := &tenants{bank: &bank{process: query, state: state, queryURL: "http://" + query.await(`listening.*service=query-api.*address=(\S+)`)[1]}}
	c.teller = output(t, "passbook", "token", "--state", state)
	var payment string
	for _, api := range []*process{first, second} {
		c.commandURL = "http://" + api.await(`listening.*service=command-api.*address=(\S+)`)[1]
		account := c.open("ada", 5_000)
		payment = c.done(c.teller, "/v1/payments", paymentBody(account, 100))["payment_id"].(string)
	}
	projector.await(`deliveries subscribed`)
	for late := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		r := c.send(c.teller, http.MethodGet, "/v1/payments/"+payment, "", nil)
		if r.data["status"] == "settled" {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("the payment does not settle: %d %s", r.status, r.body)
		}
	}
	caughtUp(t, c.queryURL, state)
	pg.encrypted(t)

	said := map[string]string{}
	for name, p := range map[string]*process{"command-api": first, "second command-api": second, "query-api": query, "projector": projector} {
		said["metrics of "+name] = fetch(t, "http://"+p.await(`listening.*service=operations.*address=(\S+)`)[1]+"/metrics")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := pg.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	said["an answer without Postgres"] = c.send(c.teller, http.MethodGet, "/v1/accounts", "", nil).body
	said["a command without Postgres"] = c.send(c.teller, http.MethodPost, "/v1/accounts", `{"owner_id":"x","owner_name":"X","currency":"EUR"}`, nil).body
	for name, p := range map[string]*process{"command-api": first, "second command-api": second, "query-api": query, "projector": projector, "clearing": clearing} {
		p.mu.Lock()
		said["output of "+name] = p.output.String()
		p.mu.Unlock()
		if strings.Contains(said["output of "+name], "ermissions") {
			t.Errorf("%s was refused something:\n%s", name, p.tail())
		}
	}
	for where, text := range said {
		if text == "" || strings.Contains(text, "marked-secret") || strings.Contains(text, "BEGIN PRIVATE KEY") {
			t.Errorf("%s (%d bytes) is empty or has a secret: %s", where, len(text), text)
		}
	}
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// refuses tries to come in without what it takes.
func (g *guardedPostgres) refuses(t *testing.T) {
	t.Helper()
	user, other := "passbook_query", newAuthority(t, "somebody's")
	good, stranger := g.authority.trusted(user), other.trusted(user)
	for name, c := range map[string]struct {
		options url.Values
		good    bool
	}{
		"as it should be":                       {good, true},
		"in the clear":                          {url.Values{"sslmode": {"disable"}}, false},
		"without a certificate":                 {url.Values{"sslmode": {"verify-full"}, "sslrootcert": good["sslrootcert"]}, false},
		"with a certificate in another's name":  {g.authority.trusted("passbook_command"), false},
		"with one of another authority":         {url.Values{"sslmode": {"verify-full"}, "sslrootcert": good["sslrootcert"], "sslcert": stranger["sslcert"], "sslkey": stranger["sslkey"]}, false},
		"to a server that nobody known answers": {url.Values{"sslmode": {"verify-full"}, "sslrootcert": stranger["sslrootcert"], "sslcert": good["sslcert"], "sslkey": good["sslkey"]}, false},
	} {
		conn, err := pgx.Connect(t.Context(), g.address(user, c.options))
		if (err == nil) != c.good {
			t.Errorf("Postgres, %s: %v", name, err)
		}
		if err == nil {
			_ = conn.Close(t.Context())
		}
	}
}

// encrypted wants every connection of the bank to be so, with the certificate of its role.
func (g *guardedPostgres) encrypted(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), g.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var all, good int
	err = conn.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE s.ssl AND s.client_dn = '/CN=' || a.usename)
		FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) WHERE a.application_name LIKE 'passbook %'`).Scan(&all, &good)
	if err != nil || all == 0 || good != all {
		t.Errorf("%d of %d connections are encrypted under a certificate of their user: %v", good, all, err)
	}
	t.Logf("%d connections to Postgres, all of them encrypted under a certificate of their user", all)
}
