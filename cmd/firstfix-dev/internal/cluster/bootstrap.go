package cluster

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The roles and database of the application. Owner migrates: it owns database
// and schema and may create roles, since the migrations create the group roles
// firstfix_app and firstfix_relay. App is the login of serve and work; it
// inherits nothing, so that every transaction says as whom it acts.
const (
	Owner    = "firstfix_owner"
	App      = "firstfix"
	Database = "firstfix"
)

// Bootstrap creates what the migrations expect: login roles, the application's
// database owned by Owner, and the extensions, which only a superuser may
// create. It changes nothing where all of it exists.
func (c *Cluster) Bootstrap(ctx context.Context) error {
	if err := c.EnsureRole(ctx, Owner, "LOGIN CREATEROLE"); err != nil {
		return err
	}
	if err := c.EnsureRole(ctx, App, "LOGIN NOINHERIT"); err != nil {
		return err
	}
	return c.EnsureDatabase(ctx, Database, Owner, "postgis", "btree_gist")
}

// GrantAppRoles lets App act as the group roles that the migrations created.
// Which ones exist is the migrations' business: a missing one is left out.
func (c *Cluster) GrantAppRoles(ctx context.Context) error {
	return c.as(ctx, "postgres", func(conn *pgx.Conn) error {
		for _, group := range []string{"firstfix_app", "firstfix_relay"} {
			exists, err := roleExists(ctx, conn, group)
			if err != nil {
				return err
			}
			if !exists {
				continue
			}
			if _, err := conn.Exec(ctx, "GRANT "+group+" TO "+App); err != nil {
				return fmt.Errorf("grant %s to %s: %w", group, App, err)
			}
		}
		return nil
	})
}

// EnsureRole creates role with the options given, or brings an existing one's
// options and password in line.
func (c *Cluster) EnsureRole(ctx context.Context, role, options string) error {
	return c.as(ctx, "postgres", func(conn *pgx.Conn) error {
		exists, err := roleExists(ctx, conn, role)
		if err != nil {
			return err
		}
		verb := "CREATE"
		if exists {
			verb = "ALTER"
		}
		// Utility statements take no parameters; the password is our own
		// hexadecimal text and holds nothing to quote.
		sql := fmt.Sprintf("%s ROLE %s %s PASSWORD '%s'", verb, pgx.Identifier{role}.Sanitize(), options, c.password)
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s role %s: %w", strings.ToLower(verb), role, err)
		}
		return nil
	})
}

func roleExists(ctx context.Context, conn *pgx.Conn, role string) (exists bool, err error) {
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("look for role %s: %w", role, err)
	}
	return exists, nil
}

// EnsureDatabase creates the database and its extensions where missing.
func (c *Cluster) EnsureDatabase(ctx context.Context, database, owner string, extensions ...string) error {
	err := c.as(ctx, "postgres", func(conn *pgx.Conn) error {
		var exists bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists)
		if err != nil || exists {
			return err
		}
		_, err = conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER %s", pgx.Identifier{database}.Sanitize(), pgx.Identifier{owner}.Sanitize()))
		return err
	})
	if err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	return c.as(ctx, database, func(conn *pgx.Conn) error {
		// From PostgreSQL 15 only its owner may create in schema public.
		if _, err := conn.Exec(ctx, "ALTER SCHEMA public OWNER TO "+pgx.Identifier{owner}.Sanitize()); err != nil {
			return fmt.Errorf("give schema public of %s to %s: %w", database, owner, err)
		}
		for _, extension := range extensions {
			if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS "+pgx.Identifier{extension}.Sanitize()); err != nil {
				return fmt.Errorf("create extension %s in %s: %w", extension, database, err)
			}
		}
		return nil
	})
}

// as runs do on a superuser's connection to database.
func (c *Cluster) as(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	conn, err := c.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect to database %s as %s: %w", database, Superuser, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return do(conn)
}
