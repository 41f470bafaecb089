package main

import (
	"context"
	"log/slog"

	"github.com/firstfix/firstfix/migrations"
)

type migrateCommand struct{}

// Run implements kong's command.
func (migrateCommand) Run(ctx context.Context, c *config, log *slog.Logger) error {
	if err := c.validate(needMigration); err != nil {
		return err
	}
	return migrations.Up(ctx, c.MigrationURL, log)
}
