package stack_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is the directory of firstfix and firstfix-dev as users get them.
var bin string

// TestMain finds the binaries where make test has built them, or builds them.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		bin = os.Getenv("FIRSTFIX_BIN")
		if bin == "" {
			dir, err := os.MkdirTemp("", "firstfix-bin-")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			bin = dir
			for program, from := range map[string][2]string{
				"firstfix":     {"../../../..", "./cmd/firstfix"},
				"firstfix-dev": {"../..", "."},
			} {
				build := exec.Command("go", "-C", from[0], "build", "-buildvcs=false", "-o", filepath.Join(bin, program), from[1])
				if out, err := build.CombinedOutput(); err != nil {
					fmt.Fprintf(os.Stderr, "build %s: %v\n%s", program, err, out)
					return 1
				}
			}
		}
		return m.Run()
	}())
}
