// Package pgtest gives each test a Postgres database of its own, with the schema it asks for, in a few milliseconds.
//
// The server is private to the test process: started when the first test wants it, without fsync, in a temporary directory
// that Run removes. When PASSBOOK_TEST_DATABASE_URL is set, that server is used instead; its user must be allowed
// to create databases and roles. A server that cannot be had fails the test: it is never skipped.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
)

// EnvURL names the variable that points the tests at a server that is already running.
const EnvURL = "PASSBOOK_TEST_DATABASE_URL"

const (
	startLimit = 2 * time.Minute // also covers fetching the programs
	stepLimit  = time.Minute
)

// process is the one server of this test process.
var process server

// Run is for TestMain: `os.Exit(pgtest.Run(m))`. It runs the tests (m is a *testing.M, or what runs one), then stops the server and removes its directory,
// whatever the tests' result. Without it the server still ends with the process, and its directory is removed by the
// next test process that starts one.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	if err := process.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

// DB is one test's database.
type DB struct {
	// URL is the superuser's connection string.
	URL string
	// Name is the database's name.
	Name string

	server *server
}

var databases atomic.Int64

// New returns a fresh database that has the sets applied, cloned from a template that is migrated once per process and
// combination of sets. It is dropped when the test ends, connections or not.
func New(t testing.TB, sets ...pgkit.MigrationSet) *DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), startLimit)
	defer cancel()
	if err := process.start(ctx); err != nil {
		t.Fatalf("pgtest: no Postgres to test with: %v", err)
	}
	name := fmt.Sprintf("test_%d_%s_%d", os.Getpid(), process.nonce, databases.Add(1))
	if err := process.clone(ctx, name, sets); err != nil {
		t.Fatalf("pgtest: make a database: %v", err)
	}
	t.Cleanup(func() { process.drop(t, name) })
	return &DB{URL: process.databaseURL(name), Name: name, server: &process}
}

// Pool opens a pool under a role ("" is the superuser) and closes it when the test ends.
func (db *DB) Pool(t testing.TB, role string) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stepLimit)
	defer cancel()
	pool, err := pgkit.Open(ctx, pgkit.Config{URL: db.URL, Role: role, ApplicationName: t.Name()})
	if err != nil {
		t.Fatalf("pgtest: open a pool as %q: %v", role, err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// RoleURL is a connection string under which the server itself sees the role: on the private server by logging in as the
// role, on an outside one, where roles have no password, by assuming it from the first statement on.
func (db *DB) RoleURL(role string) string {
	u, err := url.Parse(db.URL)
	if err != nil {
		panic("pgtest: the URL was parsed before: " + err.Error())
	}
	if db.server.private != nil {
		u.User = url.User(role)
		return u.String()
	}
	query := u.Query()
	query.Set("options", "-crole="+role)
	u.RawQuery = query.Encode()
	return u.String()
}

// drop ends what is still connected: a test that leaks a connection must not fail the next one.
func (s *server) drop(t testing.TB, name string) {
	ctx, cancel := cleanUpContext()
	defer cancel()
	err := s.admin(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
		return err
	})
	if err != nil {
		t.Errorf("pgtest: drop database %s: %v", name, err)
	}
}

// cleanUpContext is for what happens after the test, whose own context is done by then.
func cleanUpContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), stepLimit)
}
