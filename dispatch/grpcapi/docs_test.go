package grpcapi

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of docs/")

// section compares what stands between a marker and its end in a document with
// want, or writes it there.
func section(t *testing.T, path, marker, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "<!-- "+marker+":")
	if !ok {
		t.Fatalf("%s has no marker %s", path, marker)
	}
	head, rest, _ := strings.Cut(rest, "-->\n")
	got, after, _ := strings.Cut(rest, "<!-- end -->")
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not current: go test ./dispatch/grpcapi -run %s -update", path, t.Name())
	}
	fresh := fmt.Sprintf("%s<!-- %s:%s-->\n%s<!-- end -->%s", before, marker, head, want, after)
	if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
		t.Fatal(err)
	}
}
