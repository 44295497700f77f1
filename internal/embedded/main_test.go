package embedded

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	patient = 60 * time.Second
	// helperEnv makes this test binary a process that runs a server on that directory until it is killed.
	helperEnv = "EMBEDDED_TEST_STATE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		serveForEver(dir)
	}
	os.Exit(m.Run())
}

func serveForEver(dir string) {
	p, err := StartPostgres(context.Background(), PostgresConfig{StateDir: dir, Durable: true})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(p.server.pid())
	<-p.Done()
	os.Exit(0)
}

// stateDir is a fresh one that the server's user can enter whoever runs the tests. testing.T's own is closed to others.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "passbook-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts a server for the length of the test.
func start(t *testing.T, cfg PostgresConfig) *Postgres {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	p, err := StartPostgres(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *Postgres) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// query runs one statement and returns the one value it gives.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	value, err := tryQuery(t, url, sql)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func tryQuery(t *testing.T, url, sql string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	var value string
	err = conn.QueryRow(ctx, sql).Scan(&value)
	return value, err
}

// keep writes a row that a later server must still have.
func keep(t *testing.T, p *Postgres) {
	t.Helper()
	if err := p.exec(t.Context(), "CREATE TABLE kept AS SELECT 'kept' AS text"); err != nil {
		t.Fatal(err)
	}
}

func checkKept(t *testing.T, p *Postgres) {
	t.Helper()
	if got := query(t, p.URL("postgres"), "SELECT text FROM kept"); got != "kept" {
		t.Errorf("found %q, want what was written before", got)
	}
}

// checkUnlocked makes sure that nobody holds the state directory any more.
func checkUnlocked(t *testing.T, dir string) {
	t.Helper()
	if !Unused(dir) {
		t.Error("the state directory is still locked")
	}
}

func awaitDone(t *testing.T, p *Postgres, what string) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patient):
		t.Fatalf("waited in vain for %s", what)
	}
}
