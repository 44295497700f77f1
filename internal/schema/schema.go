// Package schema names the migrations of the whole bank, in the order in which they are applied.
package schema

import (
	"passbook/eventstore"
	"passbook/internal/pgkit"
	"passbook/readmodel"
)

// Sets returns the log's migrations, then the read models', which grant their roles what the log's made.
func Sets() []pgkit.MigrationSet {
	return []pgkit.MigrationSet{eventstore.Migrations, readmodel.Migrations}
}
