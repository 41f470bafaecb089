package postgres_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

var update = flag.Bool("update", false, "write docs/states.md instead of comparing it")

const statesPage = "../../docs/states.md"

// The machines in Go, the CHECKs of the schema and the page that people read
// hold one list of states each.
func TestStatesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	checks := stateChecks(t)
	for _, m := range dispatch.Machines() {
		want := map[string]bool{}
		for _, row := range m.Rows {
			want[row.State] = true
		}
		if diff := cmp.Diff(want, checks[m.Table]); diff != "" {
			t.Errorf("states of %s: machine (-) and CHECK (+) differ:\n%s", m.Table, diff)
		}
		delete(checks, m.Table)
	}
	// These have states but no life of their own: a worker writes them once.
	for _, table := range []string{"deliveries", "operations"} {
		delete(checks, table)
	}
	if len(checks) > 0 {
		t.Errorf("tables with states and no machine: %v", slices.Sorted(maps.Keys(checks)))
	}

	page := renderStates()
	if *update {
		if err := os.WriteFile(statesPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(statesPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page, string(written)); diff != "" {
		t.Errorf("docs/states.md is not what the machines say; run go test ./dispatch/postgres -run States -update (-want +got):\n%s", diff)
	}
}

// stateChecks reads, from the migrated database, the list that each table's
// CHECK on its column state holds.
func stateChecks(t *testing.T) map[string]map[string]bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `
		SELECT c.conrelid::regclass::text, pg_get_constraintdef(c.oid)
		FROM pg_constraint c
		JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = 'state'
		WHERE c.contype = 'c' AND c.conkey = ARRAY[a.attnum]`)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]bool{}
	var table, definition string
	quoted := regexp.MustCompile(`'([a-z_]+)'::text`)
	_, err = pgx.ForEachRow(rows, []any{&table, &definition}, func() error {
		out[table] = map[string]bool{}
		for _, match := range quoted.FindAllStringSubmatch(definition, -1) {
			out[table][match[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func renderStates() string {
	var b strings.Builder
	b.WriteString(`# States

Generated from dispatch/machines.go by ` + "`go test ./dispatch/postgres -run States -update`" + `; a test
compares this page, the machines and the CHECK constraints of the schema. A state
changes only along an arrow. The first states are those in which entities are made.
`)
	for _, m := range dispatch.Machines() {
		fmt.Fprintf(&b, "\n## %s\n\nTable `%s`.\n\n| state | meaning | may become |\n|---|---|---|\n", strings.ToUpper(m.Entity[:1])+m.Entity[1:], m.Table)
		for _, row := range m.Rows {
			next := strings.Join(row.Next, ", ")
			if next == "" {
				next = "final"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row.State, row.Meaning, next)
		}
		b.WriteString("\n```mermaid\nstateDiagram-v2\n")
		for _, row := range m.Rows {
			if row.Initial {
				fmt.Fprintf(&b, "    [*] --> %s\n", row.State)
			}
			for _, next := range row.Next {
				fmt.Fprintf(&b, "    %s --> %s\n", row.State, next)
			}
			if len(row.Next) == 0 {
				fmt.Fprintf(&b, "    %s --> [*]\n", row.State)
			}
		}
		b.WriteString("```\n")
	}
	return b.String()
}
