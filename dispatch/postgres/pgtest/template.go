package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/migrations"
)

// templateLock is the key of the advisory lock under which roles and templates
// are made. It is taken in database postgres, since such locks belong to one
// database and roles to the whole server.
const templateLock = 0x46495253_54464958 // "FIRSTFIX"

// prepareTemplate makes sure that the template of these migrations exists and
// returns its name.
func prepareTemplate(ctx context.Context, server *url.URL) (string, error) {
	name, err := nameTemplate(migrations.FS)
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, urlFor(server, server.User.Username(), "postgres"))
	if err != nil {
		return "", fmt.Errorf("connect to the server in %s: %w", Variable, err)
	}
	// The lock goes with the session.
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(templateLock)); err != nil {
		return "", fmt.Errorf("wait for other packages to build the template: %w", err)
	}
	exists, err := templateExists(ctx, conn, name)
	if err != nil || exists {
		return name, err
	}
	if err := buildTemplate(ctx, conn, server, name); err != nil {
		return "", fmt.Errorf("build template %s: %w", name, err)
	}
	return name, nil
}

func templateExists(ctx context.Context, conn *pgx.Conn, name string) (exists bool, err error) {
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("look for template %s: %w", name, err)
	}
	return exists, nil
}

// buildTemplate migrates a database under a provisional name and gives it the
// template's name at the end, so that an interrupted build is not taken for a
// template.
func buildTemplate(ctx context.Context, conn *pgx.Conn, server *url.URL, name string) error {
	provisional := name + "_new"
	steps := []string{
		loginRole(server, ownerRole, "LOGIN CREATEROLE"),
		loginRole(server, appRole, "LOGIN NOINHERIT"),
		"DROP DATABASE IF EXISTS " + provisional + " WITH (FORCE)",
		"CREATE DATABASE " + provisional + " OWNER " + ownerRole,
	}
	for _, step := range steps {
		if _, err := conn.Exec(ctx, step); err != nil {
			return err
		}
	}
	err := execAsSuperuser(ctx, server, provisional,
		"CREATE EXTENSION postgis", "CREATE EXTENSION btree_gist",
		"ALTER SCHEMA public OWNER TO "+ownerRole)
	if err != nil {
		return fmt.Errorf("create extensions: %w", err)
	}
	if err := migrations.Up(ctx, urlFor(server, ownerRole, provisional), slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	for _, step := range []string{
		"GRANT firstfix_app, firstfix_relay TO " + appRole,
		// Nobody may connect: a template in use cannot be cloned.
		"ALTER DATABASE " + provisional + " WITH ALLOW_CONNECTIONS false",
		"ALTER DATABASE " + provisional + " RENAME TO " + name,
	} {
		if _, err := conn.Exec(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// loginRole creates a role where it is missing and sets its password to the
// superuser's.
func loginRole(server *url.URL, role, options string) string {
	password, _ := server.User.Password()
	return fmt.Sprintf(`DO $do$ BEGIN
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') THEN
			CREATE ROLE %[1]s;
		END IF;
		EXECUTE format('ALTER ROLE %[1]s %[2]s PASSWORD %%L', $password$%[3]s$password$);
	END $do$`, role, options, password)
}

// nameTemplate hashes names and contents of the migrations, so that a change to
// any of them makes a new template and no test sees an old schema.
func nameTemplate(files fs.FS) (string, error) {
	paths, err := fs.Glob(files, "*.sql")
	if err != nil {
		return "", fmt.Errorf("list the migrations: %w", err)
	}
	hash := sha256.New()
	for _, path := range paths {
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return "", fmt.Errorf("read migration %s: %w", path, err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
	}
	return "firstfix_template_" + hex.EncodeToString(hash.Sum(nil)[:8]), nil
}
