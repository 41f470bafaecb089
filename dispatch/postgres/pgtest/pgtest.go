// Package pgtest gives every test a real, migrated PostgreSQL database of its
// own in about a tenth of a second.
//
// The first caller on a server migrates a template database, named by a hash of
// the migration files; every New clones it. Tests may run in parallel, and so
// may packages: an advisory lock lets one process build the template while the
// others wait.
//
// It starts no server. `make test` and `firstfix-dev test` start one and name it
// in the environment; a test without it fails, it does not skip.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable names the environment variable with the superuser's URL of the test
// server.
const Variable = "FIRSTFIX_TEST_DATABASE_URL"

const (
	appRole   = "firstfix"
	ownerRole = "firstfix_owner"
)

// DB is one test's database. It is dropped when the test ends, with whatever
// connections are still open.
type DB struct {
	Name string

	// URL is the application's: its role neither owns the tables nor bypasses
	// row-level security, and has to say as which group role it acts.
	URL string
	// OwnerURL is the migrations': its role owns database and schema.
	OwnerURL string
	// SuperuserURL sees every row of every tenant, for looking at the truth.
	SuperuserURL string
}

// New clones the migrated template for this test.
func New(tb testing.TB) *DB {
	tb.Helper()
	server := serverURL(tb)
	template, err := preparedTemplate(server)
	if err != nil {
		tb.Fatalf("prepare the template database: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	// Copied file by file: page by page through the log, the default, takes more
	// than twice as long for the 18 MB of the template.
	err = execAsSuperuser(tb.Context(), server, "postgres",
		fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy OWNER %s", name, template, ownerRole))
	if err != nil {
		tb.Fatalf("clone database %s from %s: %v", name, template, err)
	}
	tb.Cleanup(func() {
		// The test's own context is done by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := execAsSuperuser(ctx, server, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop database %s: %v", name, err)
		}
	})
	return &DB{
		Name:         name,
		URL:          urlFor(server, appRole, name),
		OwnerURL:     urlFor(server, ownerRole, name),
		SuperuserURL: urlFor(server, server.User.Username(), name),
	}
}

// SetDomainTime stops the database's domain time at now, as only the owner of a
// development database can. Sessions see it from their next statement.
func (db *DB) SetDomainTime(tb testing.TB, now time.Time) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), db.OwnerURL)
	if err != nil {
		tb.Fatalf("connect to %s as its owner: %v", db.Name, err)
	}
	defer conn.Close(context.WithoutCancel(tb.Context()))
	_, err = conn.Exec(tb.Context(), fmt.Sprintf(
		"CREATE OR REPLACE FUNCTION domain_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT timestamptz '%s' $$",
		now.UTC().Format(time.RFC3339Nano)))
	if err != nil {
		tb.Fatalf("set the domain time of %s to %s: %v", db.Name, now, err)
	}
}

// serverURL reads the test server's address, or fails the test with the way to
// get one.
func serverURL(tb testing.TB) *url.URL {
	tb.Helper()
	text := os.Getenv(Variable)
	if text == "" {
		tb.Fatalf("%s is not set and this test needs a real PostgreSQL: run make test, or firstfix-dev test -- go test ./…", Variable)
	}
	server, err := url.Parse(text)
	if err != nil || server.User.Username() == "" {
		tb.Fatalf("%s is not a URL that names a user, such as postgres://postgres:secret@127.0.0.1:5432/postgres", Variable)
	}
	return server
}

// urlFor is the server's URL for another role and database. All roles of a test
// server share the superuser's password.
func urlFor(server *url.URL, role, database string) string {
	u := *server
	u.Path = "/" + database
	if password, set := server.User.Password(); set {
		u.User = url.UserPassword(role, password)
	} else {
		u.User = url.User(role)
	}
	return u.String()
}

// execAsSuperuser runs statements one by one, since those that make and drop
// databases refuse company.
func execAsSuperuser(ctx context.Context, server *url.URL, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, urlFor(server, server.User.Username(), database))
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

var (
	prepareOnce  sync.Once
	templateName string
	errPrepare   error
)

// preparedTemplate builds the template, or finds it built, once per process.
func preparedTemplate(server *url.URL) (string, error) {
	prepareOnce.Do(func() {
		// Not the test's context: the template outlives the first test.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		templateName, errPrepare = prepareTemplate(ctx, server)
	})
	return templateName, errPrepare
}
