package eventstore

import (
	"embed"
	"io/fs"

	"passbook/internal/pgkit"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations makes the log's tables, roles and triggers.
var Migrations = pgkit.MigrationSet{Name: "eventstore", Table: "eventstore_migrations", FS: sub(migrationFiles, "migrations")}

func sub(files embed.FS, dir string) fs.FS {
	root, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return root
}
