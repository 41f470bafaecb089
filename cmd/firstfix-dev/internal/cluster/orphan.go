package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
)

// stopOrphan ends a server that still runs on the cluster in home though its
// stack is gone: killed where no parent-death signal exists, or still shutting
// down. Going on with it as it is would mean a port and settings of the past and
// a process that is not our child, so it is ended in order; its data stay.
func stopOrphan(home string, say *progress.Printer) error {
	pidFile := filepath.Join(home, "data", "postmaster.pid")
	pid, err := readPID(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a server of an earlier start: %w", err)
	}
	if !runsIn(pid, filepath.Dir(pidFile)) {
		// The number belongs to nobody or, as after a restart of a container, to
		// another process; the server would refuse to start because of the latter.
		if err := os.Remove(pidFile); err != nil {
			return fmt.Errorf("remove what a dead server left: %w", err)
		}
		return nil
	}
	say.Note("PostgreSQL of an earlier start still runs (pid %d): taking its place", pid)
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop PostgreSQL of an earlier start (pid %d): %w", pid, err)
	}
	for deadline := time.Now().Add(stopPatience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if !runsIn(pid, filepath.Dir(pidFile)) {
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL of an earlier start (pid %d) did not end within %s", pid, stopPatience)
}

// readPID reads the first line of a server's postmaster.pid.
func readPID(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0, fmt.Errorf("%s begins with %q, expected a process id", path, first)
	}
	return pid, nil
}

// runsIn reports whether process pid is a server on the data directory: it runs
// with that as its working directory. Where that cannot be seen, living is
// taken for it.
func runsIn(pid int, data string) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if errors.Is(err, fs.ErrNotExist) {
		_, procErr := os.Stat("/proc/self")
		return procErr != nil // without /proc nothing can be seen; with it, it has just ended
	}
	return err != nil || cwd == data
}

// Remove deletes the cluster that belongs to the stack's directory dir, wherever
// it lives, after ending a server that an earlier stack left on it.
func Remove(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	own := filepath.Join(dir, "postgres")
	if home, err := filepath.EvalSymlinks(own); err == nil {
		if err := stopOrphan(home, progress.New(os.Stderr)); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(remoteHome(dir)), os.RemoveAll(own))
}
