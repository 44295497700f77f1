package pgtest_test

import (
	"context"
	"os"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var notes = pgkit.MigrationSet{Name: "notes", Table: "notes_migrations", FS: fstest.MapFS{
	"00001_notes.sql": {Data: []byte(`-- +goose Up
CREATE TABLE notes (text text PRIMARY KEY);
-- +goose StatementBegin
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgtest_reader') THEN CREATE ROLE pgtest_reader LOGIN; END IF;
END $$;
-- +goose StatementEnd
GRANT SELECT ON notes TO pgtest_reader;
`)},
}}

func TestDatabasesAreIsolated(t *testing.T) {
	t.Parallel()
	one, other := pgtest.New(t, notes), pgtest.New(t, notes)
	if _, err := one.Pool(t, "").Exec(t.Context(), "INSERT INTO notes VALUES ('here')"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := other.Pool(t, "").QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("a fresh database has %d rows of another one", n)
	}
}

func TestPoolAndURLCarryTheRole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, notes)
	byURL, err := pgkit.Open(t.Context(), pgkit.Config{URL: db.RoleURL("pgtest_reader")})
	if err != nil {
		t.Fatal(err)
	}
	defer byURL.Close()
	for name, pool := range map[string]*pgxpool.Pool{"pool": db.Pool(t, "pgtest_reader"), "url": byURL} {
		var role string
		if err := pool.QueryRow(t.Context(), "SELECT current_user").Scan(&role); err != nil {
			t.Fatal(err)
		}
		if role != "pgtest_reader" {
			t.Errorf("%s: current_user is %q", name, role)
		}
		_, err := pool.Exec(t.Context(), "INSERT INTO notes VALUES ('no')")
		if !pgkit.InsufficientPrivilege(err) {
			t.Errorf("%s: a reader's insert gave %v", name, err)
		}
	}
}

func TestDatabaseIsDroppedWithConnectionsOpen(t *testing.T) {
	t.Parallel()
	var gone string
	t.Run("inner", func(t *testing.T) {
		db := pgtest.New(t)
		gone = db.Name
		leaked, err := pgkit.Open(context.Background(), pgkit.Config{URL: db.URL})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := leaked.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Release(); leaked.Close() })
	})
	var left int
	pool := pgtest.New(t).Pool(t, "")
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = $1", gone).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("database %s outlived its test", gone)
	}
}
