// Package cluster runs the development stack's private PostgreSQL: it finds or
// installs the server with PostGIS, makes a cluster of its own in the stack's
// directory, starts it as an unprivileged user, and creates the roles,
// databases and extensions that need a superuser.
//
// It never touches a cluster that the operating system's package may have made
// or started, and it does not know the schema: migrations run through
// bin/firstfix.
package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// oldestServer is the oldest major version that the schema works on.
const oldestServer = 15

// extensions are the ones that the application needs, each with the server's
// own contrib package except PostGIS.
var extensions = []string{"postgis", "btree_gist", "btree_gin"}

// Installation is a PostgreSQL server's programs on this machine.
type Installation struct {
	Major   int
	Bin     string   // directory of initdb and postgres
	Missing []string // extensions whose control file is absent
}

// errNoServer says that no usable PostgreSQL was found at all.
var errNoServer = errors.New("no PostgreSQL server found under /usr/lib/postgresql/*/bin or on PATH")

// Find returns the best installation on this machine: one that has all
// extensions before one that has not, and then the newest.
func Find() (Installation, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return Installation{}, fmt.Errorf("look for PostgreSQL: %w", err)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link on PATH leads to the directory that has initdb beside it.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	var found []Installation
	for _, dir := range dirs {
		if in, err := inspect(dir); err == nil && in.Major >= oldestServer {
			found = append(found, in)
		}
	}
	if len(found) == 0 {
		return Installation{}, errNoServer
	}
	return slices.MinFunc(found, func(a, b Installation) int {
		return cmp.Or(cmp.Compare(len(a.Missing), len(b.Missing)), -cmp.Compare(a.Major, b.Major))
	}), nil
}

// inspect asks the programs in dir what they are.
func inspect(dir string) (Installation, error) {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err != nil {
			return Installation{}, err
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	major, err := parseMajor(string(out))
	if err != nil {
		return Installation{}, err
	}
	in := Installation{Major: major, Bin: dir}
	share := shareDir(dir, major)
	for _, extension := range extensions {
		if _, err := os.Stat(filepath.Join(share, "extension", extension+".control")); err != nil {
			in.Missing = append(in.Missing, extension)
		}
	}
	return in, nil
}

// parseMajor reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func parseMajor(version string) (int, error) {
	_, rest, ok := strings.Cut(version, "(PostgreSQL) ")
	digits := strings.FieldsFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if !ok || len(digits) == 0 {
		return 0, fmt.Errorf("read PostgreSQL's version: %q does not look like one", strings.TrimSpace(version))
	}
	return strconv.Atoi(digits[0])
}

// shareDir is where the server looks for extensions. pg_config knows, but
// Debian ships the one beside the server only with the development package.
func shareDir(bin string, major int) string {
	debian := fmt.Sprintf("/usr/share/postgresql/%d", major)
	if strings.HasPrefix(bin, "/usr/lib/postgresql/") {
		return debian
	}
	if out, err := exec.Command(filepath.Join(bin, "pg_config"), "--sharedir").Output(); err == nil {
		return strings.TrimSpace(string(out))
	}
	return debian
}
