package main

import (
	"context"

	"passbook/internal/config"
	"passbook/internal/pgkit"
	"passbook/internal/schema"
	"passbook/internal/service"
)

type migrateCommand struct{}

// Run needs a database user that may create roles and schemas. Any number may run at once.
func (migrateCommand) Run(ctx context.Context, t terminal) error {
	cfg, err := config.LoadMigrator(t.environ)
	if err != nil {
		return err
	}
	log := service.NewLogger(t.stderr, cfg.Log, "migrate")
	if err := pgkit.Migrate(ctx, string(cfg.DatabaseURL), log, schema.Sets()...); err != nil {
		return err
	}
	log.Info("the schema is up to date")
	return nil
}
