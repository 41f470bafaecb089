package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
)

// defaultServer is the major version to install where there is none: the one
// of Debian 12.
const defaultServer = 15

// Ensure returns an installation with every extension. Where packages are
// missing it installs them with apt if it may (root, apt-get present), keeping
// apt's words in a log; otherwise the error names the packages and the command
// in one line.
func Ensure(ctx context.Context, say *progress.Printer) (Installation, error) {
	in, err := Find()
	if err == nil && len(in.Missing) == 0 {
		return in, nil
	}
	if err != nil && !errors.Is(err, errNoServer) {
		return Installation{}, err
	}
	packages := packagesFor(in)
	command := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	apt, lookErr := exec.LookPath("apt-get")
	if lookErr != nil || os.Geteuid() != 0 {
		return Installation{}, fmt.Errorf("PostgreSQL %d or newer with PostGIS is needed; as root: %s", oldestServer, command)
	}
	log, err := os.CreateTemp("", "firstfix-apt-*.log")
	if err != nil {
		return Installation{}, fmt.Errorf("open a log for apt: %w", err)
	}
	defer log.Close()
	title := fmt.Sprintf("install %s with apt (about a minute; its words in %s)", strings.Join(packages, " and "), log.Name())
	err = say.Step(title, func() error { return aptInstall(ctx, apt, packages, log) })
	if err != nil {
		return Installation{}, fmt.Errorf("install PostgreSQL with PostGIS (try by hand: %s): %w", command, err)
	}
	in, err = Find()
	if err != nil {
		return Installation{}, err
	}
	if len(in.Missing) > 0 {
		return Installation{}, fmt.Errorf("PostgreSQL %d in %s still lacks %s after: %s", in.Major, in.Bin, strings.Join(in.Missing, ", "), command)
	}
	return in, nil
}

// packagesFor names Debian's packages that complete in, the zero value being a
// machine without any server.
func packagesFor(in Installation) []string {
	major := in.Major
	if major == 0 {
		major = defaultServer
	}
	return []string{fmt.Sprintf("postgresql-%d", major), fmt.Sprintf("postgresql-%d-postgis-3", major)}
}

// aptInstall runs apt without questions. The lock's timeout waits for another
// apt, such as the machine's own updates after it was started.
func aptInstall(ctx context.Context, apt string, packages []string, log *os.File) error {
	for _, args := range [][]string{
		{"update"},
		append([]string{"install", "-y", "--no-install-recommends"}, packages...),
	} {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", args[0], err, process.LastLines(log.Name(), 3))
		}
	}
	return nil
}
