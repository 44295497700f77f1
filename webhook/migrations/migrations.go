// Package migrations makes the database schema of webhooks. It stands apart from package webhook so that whoever needs the schema
// of the whole bank need not know webhooks.
package migrations

import (
	"embed"

	"passbook/internal/pgkit"
)

//go:embed *.sql
var files embed.FS

// Set makes the schema webhook and the role that delivers. It needs the roles and tables that the event store's migrations make.
var Set = pgkit.MigrationSet{Name: "webhooks", Table: "webhook_migrations", FS: files}
