package readmodel

import (
	"embed"
	"io/fs"

	"passbook/internal/pgkit"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations makes the schema readmodel with its tables and grants. It needs the roles that the event store's migrations make.
var Migrations = pgkit.MigrationSet{Name: "readmodel", Table: "readmodel_migrations", FS: sub(migrationFiles, "migrations")}

func sub(files embed.FS, dir string) fs.FS {
	root, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return root
}
