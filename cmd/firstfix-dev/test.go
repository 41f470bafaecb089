package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/ports"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/stack"
)

// testCommand runs a command, as a rule go test, with servers of its own that
// disappear with it.
type testCommand struct {
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// Run implements kong's command.
func (t *testCommand) Run(ctx context.Context, say *progress.Printer) (err error) {
	args := t.Command
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return errors.New("a command to run is expected after --, such as: firstfix-dev test -- go test ./pkg")
	}
	dir, err := temporaryDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, discardDir(dir)) }()
	assigned, err := ports.Assign(filepath.Join(dir, "ports.json"), stack.AnyPort(stack.ServerPorts()))
	if err != nil {
		return err
	}
	servers, err := stack.StartServers(ctx, dir, assigned, true, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Discard()) }()
	return runForeground(ctx, args, []string{
		"FIRSTFIX_TEST_DATABASE_URL=" + servers.Database.URL(cluster.Superuser, "postgres"),
		"FIRSTFIX_TEMPORAL_ADDRESS=" + servers.TemporalAddress(),
	})
}

// runForeground runs the command on our terminal and returns its exit code as
// an error. A signal to us is passed on; the command decides how to end.
func runForeground(ctx context.Context, args, env []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	child, err := process.StartForeground(args[0], cmd, syscall.SIGTERM)
	if err != nil {
		return err
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		if err := child.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		<-child.Done()
	}
	if code := child.ExitCode(); code != 0 {
		return exitCode(code)
	}
	return nil
}
