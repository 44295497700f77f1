// Package migrations makes the database schema of the process. It stands apart from package process so that whoever needs the schema
// of the whole bank need not know the process.
package migrations

import (
	"embed"

	"passbook/internal/pgkit"
)

//go:embed *.sql
var files embed.FS

// Set makes the schema process, and the index by which the process follows the log. It needs the roles and tables that the event
// store's migrations make.
var Set = pgkit.MigrationSet{Name: "process", Table: "process_migrations", FS: files}
