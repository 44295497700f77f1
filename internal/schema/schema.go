// Package schema names the migrations of the whole bank, in the order in which they are applied.
package schema

import (
	"passbook/eventstore"
	"passbook/internal/actions"
	"passbook/internal/denials"
	"passbook/internal/pgkit"
	"passbook/process/migrations"
	"passbook/readmodel"
	webhooks "passbook/webhook/migrations"
)

// Sets returns the log's migrations, then those that grant its roles what they make.
func Sets() []pgkit.MigrationSet {
	return []pgkit.MigrationSet{eventstore.Migrations, readmodel.Migrations, actions.Migrations, migrations.Set, denials.Migrations, webhooks.Set}
}
