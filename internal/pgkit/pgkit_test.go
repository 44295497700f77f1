package pgkit_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var quiet = slog.New(slog.DiscardHandler)

// The role belongs to the cluster, which tests share.
const (
	role       = "pgkit_limited"
	createRole = `-- +goose Up
-- +goose StatementBegin
DO $$ BEGIN CREATE ROLE pgkit_limited LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
-- +goose StatementEnd
`
)

// set makes a migration set of files numbered from 1.
func set(texts ...string) pgkit.MigrationSet {
	files := fstest.MapFS{}
	for i, text := range texts {
		files["0000"+string(rune('1'+i))+"_step.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
	}
	return pgkit.MigrationSet{Name: "notes", Table: "notes_migrations", FS: files}
}

var roles = pgkit.MigrationSet{Name: "roles", Table: "roles_migrations", FS: fstest.MapFS{
	"00001_roles.sql": {Data: []byte(createRole)},
}}

func open(t *testing.T, cfg pgkit.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgkit.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func value[T any](t *testing.T, pool *pgxpool.Pool, sql string) T {
	t.Helper()
	var v T
	if err := pool.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOpenSetsTheSession(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, roles)
	pool := open(t, pgkit.Config{
		URL: db.URL, Role: role, ApplicationName: "the test",
		StatementTimeout: 90 * time.Second, LockTimeout: 3 * time.Second, IdleInTransaction: 2 * time.Second,
	})
	for _, c := range []struct{ sql, want string }{
		{"SELECT current_user::text", role},
		{"SELECT current_setting('application_name')", "the test"},
		{"SELECT current_setting('timezone')", "UTC"},
		{"SELECT current_setting('statement_timeout')", "90s"},
		{"SELECT current_setting('lock_timeout')", "3s"},
		{"SELECT current_setting('idle_in_transaction_session_timeout')", "2s"},
	} {
		if got := value[string](t, pool, c.sql); got != c.want {
			t.Errorf("%s = %q, want %q", c.sql, got, c.want)
		}
	}
	if _, err := pool.Exec(t.Context(), "CREATE TABLE mine ()"); !pgkit.InsufficientPrivilege(err) {
		t.Errorf("a superuser's URL under a role may create tables: %v", err)
	}
}

// The server's end of it: over a Unix socket, which the tests use, the server shows these settings as 0.
func TestTheServerIsAskedToWatchTheNetwork(t *testing.T) {
	t.Parallel()
	got, err := pgkit.Config{URL: "postgres://db"}.SessionParams()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3", "tcp_user_timeout": "20000",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestTheRoleIsThereAgainAfterAReset(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, roles)
	conn, err := open(t, pgkit.Config{URL: db.URL, Role: role}).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	var user string
	if _, err := conn.Exec(t.Context(), "RESET ROLE"); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT current_user::text").Scan(&user); err != nil {
		t.Fatal(err)
	}
	if user != role {
		t.Errorf("RESET ROLE made us %s", user)
	}
}

func TestTimesAreReadInUTC(t *testing.T) {
	t.Parallel()
	pool := open(t, pgkit.Config{URL: pgtest.New(t).URL})
	if got := value[time.Time](t, pool, "SELECT '2024-01-02T03:04:05+02'::timestamptz"); got.Location() != time.UTC {
		t.Errorf("got %s", got)
	}
}

func TestPoolSize(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t).URL
	for name, c := range map[string]struct {
		cfg  pgkit.Config
		want int32
	}{
		"default":             {pgkit.Config{URL: url}, pgkit.DefaultMaxConns},
		"from the URL":        {pgkit.Config{URL: url + "&pool_max_conns=3"}, 3},
		"asked for":           {pgkit.Config{URL: url, MaxConns: 2}, 2},
		"asked for, over URL": {pgkit.Config{URL: url + "&pool_max_conns=3", MaxConns: 2}, 2},
	} {
		if got := open(t, c.cfg).Config().MaxConns; got != c.want {
			t.Errorf("%s: %d connections, want %d", name, got, c.want)
		}
	}
}

func TestOpenThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	url := pgtest.New(t).URL
	before := goleak.IgnoreCurrent()
	calledOff, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx       context.Context
		cfg       pgkit.Config
		retryable bool
	}{
		"no URL":        {t.Context(), pgkit.Config{}, false},
		"broken URL":    {t.Context(), pgkit.Config{URL: "postgres://%"}, false},
		"nobody there":  {t.Context(), pgkit.Config{URL: "postgres://x@127.0.0.1:1/x"}, true},
		"unknown role":  {t.Context(), pgkit.Config{URL: url, Role: "nobody_we_know"}, false},
		"already ended": {calledOff, pgkit.Config{URL: url}, false},
	} {
		pool, err := pgkit.Open(c.ctx, c.cfg)
		if err == nil {
			pool.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if got := pgkit.IsRetryable(err); got != c.retryable {
			t.Errorf("%s: retryable is %v for %v", name, got, err)
		}
	}
	goleak.VerifyNone(t, before)
}

func TestMigrateAppliesWhatIsMissing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	pool := db.Pool(t, "")
	migrate(t, db, set("CREATE TABLE one ();"))
	later := set("CREATE TABLE one ();", "CREATE TABLE two ();")
	if err := pgkit.Current(t.Context(), pool, later); !errors.Is(err, pgkit.ErrSchemaBehind) {
		t.Errorf("behind by one migration: %v", err)
	}
	migrate(t, db, later)
	migrate(t, db, later) // nothing to do
	if err := pgkit.Current(t.Context(), pool, later); err != nil {
		t.Errorf("migrated: %v", err)
	}
	if err := pgkit.Current(t.Context(), pool, set("CREATE TABLE one ();")); err != nil {
		t.Errorf("an older binary on a newer schema: %v", err)
	}
	if n := value[int](t, pool, "SELECT count(*) FROM pg_tables WHERE tablename IN ('one', 'two')"); n != 2 {
		t.Errorf("%d tables, want 2", n)
	}
}

func migrate(t *testing.T, db *pgtest.DB, sets ...pgkit.MigrationSet) {
	t.Helper()
	if err := pgkit.Migrate(t.Context(), db.URL, quiet, sets...); err != nil {
		t.Fatal(err)
	}
}

func TestSetsAreCountedApart(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	other := set("CREATE TABLE theirs ();")
	other.Name, other.Table = "others", "others_migrations"
	migrate(t, db, set("CREATE TABLE ours ();"), other)
	if n := value[int](t, db.Pool(t, ""), "SELECT count(*) FROM pg_tables WHERE tablename IN ('ours', 'theirs')"); n != 2 {
		t.Errorf("%d tables, want 2", n)
	}
}

func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	migrate(t, db, set("CREATE TABLE before ();"))
	// Slow enough for all to find it missing.
	later := set("CREATE TABLE before ();", "SELECT pg_sleep(0.5); CREATE TABLE once (); INSERT INTO once DEFAULT VALUES;")
	const processes = 6
	results := make(chan error, processes)
	for range processes {
		go func() { results <- pgkit.Migrate(t.Context(), db.URL, quiet, later) }()
	}
	for range processes {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := value[int](t, db.Pool(t, ""), "SELECT count(*) FROM once"); n != 1 {
		t.Errorf("the migration ran %d times", n)
	}
}

func TestAMigrationThatFailsIsUndoneAndNamed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	err := pgkit.Migrate(t.Context(), db.URL, quiet, set("CREATE TABLE half (); SELECT 1/0;"))
	if pgkit.SQLState(err) != "22012" {
		t.Errorf("got %v, want division_by_zero", err)
	}
	if n := value[int](t, db.Pool(t, ""), "SELECT count(*) FROM pg_tables WHERE tablename = 'half'"); n != 0 {
		t.Error("half of the migration stands")
	}
}

// A binary whose role cannot change the schema still learns that it must be changed, and by which command.
func TestALimitedRole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, roles)
	limited := db.Pool(t, role)
	notes := set("CREATE TABLE notes ();")
	if err := pgkit.Current(t.Context(), limited, notes); !errors.Is(err, pgkit.ErrSchemaBehind) {
		t.Errorf("Current before: %v", err)
	}
	if err := pgkit.Migrate(t.Context(), db.RoleURL(role), quiet, notes); !errors.Is(err, pgkit.ErrSchemaBehind) {
		t.Errorf("Migrate before: %v", err)
	}
	migrate(t, db, notes)
	if err := pgkit.Current(t.Context(), limited, notes); err != nil {
		t.Errorf("Current after: %v", err)
	}
	if err := pgkit.Migrate(t.Context(), db.RoleURL(role), quiet, notes); err != nil {
		t.Errorf("Migrate after, with nothing to do: %v", err)
	}
}
