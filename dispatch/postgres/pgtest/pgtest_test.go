package pgtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			conn := connect(t, pgtest.New(t).OwnerURL)
			if _, err := conn.Exec(t.Context(), "CREATE TABLE mine (n int)"); err != nil {
				t.Fatalf("create a table that another test's database must not have: %v", err)
			}
		})
	}
}

func TestAppRoleIsHeldByRowLevelSecurity(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn := connect(t, db.URL)
	var superuser, bypass, inherits bool
	err := conn.QueryRow(t.Context(), "SELECT rolsuper, rolbypassrls, rolinherit FROM pg_roles WHERE rolname = current_user").Scan(&superuser, &bypass, &inherits)
	if err != nil {
		t.Fatalf("read the role: %v", err)
	}
	if superuser || bypass || inherits {
		t.Errorf("application's role: superuser %t, bypassrls %t, inherit %t; expected none", superuser, bypass, inherits)
	}
	if _, err := conn.Exec(t.Context(), "SELECT count(*) FROM tenants"); err == nil {
		t.Error("the login role read tenants without saying as whom it acts")
	}
	for _, group := range []string{"firstfix_app", "firstfix_relay"} {
		if _, err := conn.Exec(t.Context(), "SET ROLE "+group); err != nil {
			t.Errorf("set role %s: %v", group, err)
		}
	}
}

func TestSetDomainTime(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	want := time.Date(2011, 11, 6, 5, 59, 59, 500_000_000, time.UTC)
	db.SetDomainTime(t, want)
	var got time.Time
	conn := connect(t, db.URL)
	if err := conn.QueryRow(t.Context(), "SELECT domain_now()").Scan(&got); err != nil {
		t.Fatalf("read domain time: %v", err)
	}
	if !got.Equal(want) {
		t.Errorf("domain_now() = %s, expected %s", got, want)
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	var db *pgtest.DB
	t.Run("use one", func(t *testing.T) {
		db = pgtest.New(t)
		conn, err := pgx.Connect(t.Context(), db.URL)
		if err != nil {
			t.Fatalf("connect: %v", err)
		}
		_ = conn // left open: a leaked connection must not keep the database
	})
	conn := connect(t, pgtest.New(t).SuperuserURL)
	var left int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = $1", db.Name).Scan(&left); err != nil {
		t.Fatalf("list databases: %v", err)
	}
	if left != 0 {
		t.Errorf("database %s is still there after its test", db.Name)
	}
}

// TestWithoutServerFails runs this test binary again without the variable: a
// test without its server has to fail and say what to do.
func TestWithoutServerFails(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSetDomainTime$")
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, pgtest.Variable+"=") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("passed without a server:\n%s", out)
	}
	if !strings.Contains(string(out), "run make test") {
		t.Errorf("the failure does not say what to run:\n%s", out)
	}
}
