package pgkit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// ErrSchemaBehind means that migrations are known to this binary which the database does not have yet.
var ErrSchemaBehind = errors.New("database schema is behind this binary: run `passbook migrate` with a database user that may change the schema")

// MigrationSet is the numbered, forward-only history of one part of the schema.
type MigrationSet struct {
	// Name is for people: it stands in errors and logs.
	Name string
	// Table records which migrations were applied; each set has its own, so that numbers never collide.
	Table string
	// FS holds NNNNN_name.sql files at its root, in goose's format.
	FS fs.FS
}

// How long one migrator waits for another: it asks once a second, because a session that waits inside
// the server would hold a snapshot, and the migration it waits for may need that snapshot gone.
const (
	lockAskSeconds = 1
	lockAsksMax    = 300
)

// Migrate applies what is missing, set by set in the order given, each migration in its own transaction. Any number of
// processes may call it at once: one applies, the others wait and find the work done. When nothing is missing it only
// reads. When something is missing and the user may not add it, the error is ErrSchemaBehind. A database that is
// ahead of this binary is left as it is, so that an older instance can run beside a newer one during a roll-out.
func Migrate(ctx context.Context, databaseURL string, log *slog.Logger, sets ...MigrationSet) error {
	pc, err := parseURL(databaseURL)
	if err != nil {
		return err
	}
	conn := pc.ConnConfig
	conn.RuntimeParams["timezone"] = "UTC"
	conn.RuntimeParams["application_name"] = "passbook migrate"
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = DefaultConnectTimeout
	}
	db := stdlib.OpenDB(*conn)
	defer func() { _ = db.Close() }()
	for _, set := range sets {
		if err := set.migrate(ctx, db, log); err != nil {
			return fmt.Errorf("migrate %s: %w", set.Name, err)
		}
	}
	return nil
}

// Current returns nil when the database has every migration of the sets and ErrSchemaBehind, naming the set, when it does
// not. It only reads, and any role may call it.
func Current(ctx context.Context, pool *pgxpool.Pool, sets ...MigrationSet) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	for _, set := range sets {
		current, err := set.current(ctx, db)
		if err != nil {
			return fmt.Errorf("check schema of %s: %w", set.Name, err)
		}
		if !current {
			return fmt.Errorf("%s: %w", set.Name, ErrSchemaBehind)
		}
	}
	return nil
}

func (set MigrationSet) migrate(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	current, err := set.current(ctx, db)
	if err != nil || current {
		return err
	}
	if err := mayCreate(ctx, db); err != nil {
		return err
	}
	provider, err := set.provider(db)
	if err != nil {
		return err
	}
	start := time.Now()
	applied, err := provider.Up(ctx)
	if InsufficientPrivilege(err) {
		return errors.Join(ErrSchemaBehind, err)
	}
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "schema migrated", "set", set.Name, "applied", len(applied), "took", time.Since(start))
	return nil
}

// mayCreate asks before goose would try and, taking the refusal for a race with another process, try again for seconds.
func mayCreate(ctx context.Context, db *sql.DB) error {
	var may bool
	err := db.QueryRowContext(ctx, "SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), true)").Scan(&may)
	if err == nil && !may {
		return ErrSchemaBehind
	}
	return err
}

// current compares what the binary knows with what the table records. goose's own check is not used for it because that
// one creates the table when it is missing, which a reading role may not do.
func (set MigrationSet) current(ctx context.Context, db *sql.DB) (bool, error) {
	provider, err := set.provider(db)
	if err != nil {
		return false, err
	}
	store, err := set.store()
	if err != nil {
		return false, err
	}
	exists, err := store.TableExists(ctx, db)
	if err != nil || !exists {
		return false, err
	}
	applied, err := store.ListMigrations(ctx, db)
	if err != nil {
		return false, err
	}
	return containsAll(applied, provider.ListSources()), nil
}

func containsAll(applied []*database.ListMigrationsResult, known []*goose.Source) bool {
	have := make(map[int64]bool, len(applied))
	for _, m := range applied {
		have[m.Version] = m.IsApplied
	}
	for _, m := range known {
		if !have[m.Version] {
			return false
		}
	}
	return true
}

func (set MigrationSet) provider(db *sql.DB) (*goose.Provider, error) {
	store, err := set.store()
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockAskSeconds, lockAsksMax))
	if err != nil {
		return nil, fmt.Errorf("make the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectCustom, db, set.FS,
		goose.WithStore(store),
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// versionTable is goose's Postgres store with a version table that every role may read: a binary whose role
// cannot change the schema must still be able to tell that it is behind.
type versionTable struct {
	database.Store
}

func (set MigrationSet) store() (versionTable, error) {
	store, err := database.NewStore(database.DialectPostgres, set.Table)
	if err != nil {
		return versionTable{}, fmt.Errorf("name the version table: %w", err)
	}
	return versionTable{store}, nil
}

func (v versionTable) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	if err := v.Store.CreateVersionTable(ctx, db); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "GRANT SELECT ON "+pgx.Identifier{v.Tablename()}.Sanitize()+" TO PUBLIC")
	return err
}

// TableExists is asked by goose before it creates the table.
func (v versionTable) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	var exists bool
	err := db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", v.Tablename()).Scan(&exists)
	return exists, err
}
