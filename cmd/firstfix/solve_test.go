package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// solveFile runs the solve command on a text and returns its exit code and what
// it printed.
func solveFile(t *testing.T, text string, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "problem")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), append(append([]string{"solve"}, flags...), path), nil, &out, &errs)
	return code, out.String(), errs.String()
}

const twoCustomers = "two\n\nVEHICLE\nNUMBER CAPACITY\n2 10\n\nCUSTOMER\nCUST X Y DEMAND READY DUE SERVICE\n\n" +
	"0 0 0 0 0 100 0\n1 3 4 5 0 50 10\n2 1 1 5 0 50 10\n"

func TestSolveSolomon(t *testing.T) {
	code, stdout, stderr := solveFile(t, twoCustomers, "--format", "solomon", "--iterations", "200")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var got map[string]float64
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("prints %q: %v", stdout, err)
	}
	if got["distance"] != 10 || got["vehicles"] != 1 || got["unassigned"] != 0 || got["threads"] != 1 {
		t.Errorf("prints %v; want distance 10 in one vehicle", got)
	}
}

func TestSolveWrongFileExitsWithTwo(t *testing.T) {
	for name, c := range map[string]struct{ format, text, want string }{
		"solomon":  {"solomon", strings.Replace(twoCustomers, "3 4 5", "3 four 5", 1), `line 11: "four" is not a whole number`},
		"firstfix": {"firstfix", `{"jobs":[{"id":"a","location":"nowhere"}]}`, `$.jobs[0].location: is "nowhere"`},
		"vroom":    {"vroom", `{"vehicles":[]}`, "$.vehicles: has no vehicle"},
	} {
		code, stdout, stderr := solveFile(t, c.text, "--format", c.format)
		if code != 2 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, prints %q and %q; want exit 2 and %q", name, code, stdout, stderr, c.want)
		}
	}
}

func TestSolveDraws(t *testing.T) {
	const problem = `{"name":"one","locations":[{"id":"home","lon":-71.06,"lat":42.36},{"id":"site","lon":-71.05,"lat":42.37}],
		"travel":[{"id":"van","kind":"great-circle","metres_per_second":8}],
		"technicians":[{"id":"ada","per_kilometre":100}],
		"shifts":[{"id":"monday","technician":"ada","begin":"home","end":"home","to":30000}],
		"jobs":[{"id":"lamp","location":"site","service":600}]}`
	dir := t.TempDir()
	svg, geo := filepath.Join(dir, "plan.svg"), filepath.Join(dir, "plan.geojson")
	code, stdout, stderr := solveFile(t, problem, "--iterations", "50", "--svg", svg, "--out", geo)
	if code != 0 || !strings.Contains(stdout, `"job":"lamp"`) {
		t.Fatalf("exit %d, prints %q, %s", code, stdout, stderr)
	}
	for path, want := range map[string]string{svg: "<polyline", geo: `"LineString"`} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s holds %.80q, %v; want %s in it", path, text, err, want)
		}
	}
}
