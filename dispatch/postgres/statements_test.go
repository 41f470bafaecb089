package postgres

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

// statement is a constant of this package that holds SQL.
type statement struct {
	name string
	sql  string
	at   token.Position
}

// statementsOf reads every constant …SQL of the package's sources, put together
// as the compiler does.
func statementsOf(t *testing.T) []statement {
	t.Helper()
	files := token.NewFileSet()
	packages, err := parser.ParseDir(files, ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // one package, no build tags
	if err != nil {
		t.Fatal(err)
	}
	var sources []*ast.File
	for _, file := range packages["postgres"].Files {
		sources = append(sources, file)
	}
	// Only constants are looked at, so that what other packages define may stay
	// unknown.
	config := types.Config{Importer: importer.Default(), Error: func(error) {}}
	checked, _ := config.Check("postgres", files, sources, nil) // what is unknown elsewhere is no fault here
	var out []statement
	for _, name := range checked.Scope().Names() {
		c, ok := checked.Scope().Lookup(name).(*types.Const)
		if !ok || !strings.HasSuffix(name, "SQL") || c.Val().Kind() != constant.String {
			continue
		}
		out = append(out, statement{name: name, sql: constant.StringVal(c.Val()), at: files.Position(c.Pos())})
	}
	return out
}

var namedArgument = regexp.MustCompile(`@([a-z_]+)\b`)

// positional turns named arguments into numbers, as pgx does when it sends them.
func (s statement) positional(t *testing.T) string {
	t.Helper()
	args := pgx.NamedArgs{}
	for _, match := range namedArgument.FindAllStringSubmatch(s.sql, -1) {
		args[match[1]] = nil
	}
	sql, _, err := args.RewriteQuery(t.Context(), nil, s.sql, nil)
	if err != nil {
		t.Fatalf("%s: %s: %v", s.at, s.name, err)
	}
	return sql
}

// Every statement is understood by the migrated schema, and allowed to the role
// that runs it.
func TestEveryStatementIsPrepared(t *testing.T) {
	t.Parallel()
	statements := statementsOf(t)
	if len(statements) < 100 {
		t.Fatalf("found %d statements, which cannot be all", len(statements))
	}
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if !explainable.MatchString(s.sql) {
			continue
		}
		// Of the two roles, one runs it.
		if asApp := s.explain(t, conn, "firstfix_app"); asApp != nil {
			if asRelay := s.explain(t, conn, "firstfix_relay"); asRelay != nil {
				t.Errorf("%s: %s: as the app %v, as the relay %v", s.at, s.name, asApp, asRelay)
			}
		}
	}
}

var explainable = regexp.MustCompile(`(?i)^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b`)

// explain plans a statement as a role, for whatever arguments, without running
// it: planning looks up what it names, and whether the role may have it.
func (s statement) explain(t *testing.T, conn *pgx.Conn, role string) error {
	t.Helper()
	for _, sql := range []string{
		"SET ROLE " + role,
		"DEALLOCATE ALL",
		"PREPARE s AS " + s.positional(t),
		"EXPLAIN EXECUTE s" + s.nulls(),
	} {
		if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// nulls are as many arguments as the statement has.
func (s statement) nulls() string {
	seen := map[string]bool{}
	for _, match := range namedArgument.FindAllStringSubmatch(s.sql, -1) {
		seen[match[1]] = true
	}
	if len(seen) == 0 {
		return ""
	}
	return "(" + strings.TrimSuffix(strings.Repeat("NULL, ", len(seen)), ", ") + ")"
}
