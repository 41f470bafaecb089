// Package migrations holds the schema: numbered SQL files and the embedded file
// system that carries them in the binary. `firstfix migrate` and the tests apply
// them; nothing else changes the schema. How to write one so that old and new
// binaries both work stands in CONTRIBUTING.md.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"log/slog"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver that goose drives
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// FS holds the migration files, named NNNNN_title.sql.
//
//go:embed *.sql
var FS embed.FS

// Up applies every migration that the database at url lacks, in order, under a
// session lock so that several starting servers do it once. The role of url owns
// the schema; the extensions postgis and btree_gist must exist or the role must
// be allowed to create them.
func Up(ctx context.Context, url string, logger *slog.Logger) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("open the migration database: %w", err)
	}
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, FS, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		logger.InfoContext(ctx, "migrated", "file", r.Source.Path, "duration", r.Duration.String())
	}
	if err != nil {
		return fmt.Errorf("apply migrations: %w", err)
	}
	return nil
}
