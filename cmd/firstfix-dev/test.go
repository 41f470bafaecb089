package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
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
		return errors.New("test: a command is expected after --, such as: firstfix-dev test -- go test ./...")
	}
	dir, err := os.MkdirTemp("", "firstfix-test-")
	if err != nil {
		return fmt.Errorf("make a directory for the throwaway stack: %w", err)
	}
	defer func() { err = errors.Join(err, cluster.Remove(dir), os.RemoveAll(dir)) }()
	// The server's own user has to get through.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	database, err := startDatabase(ctx, dir, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Stop()) }()
	return runForeground(ctx, args, []string{
		"FIRSTFIX_TEST_DATABASE_URL=" + database.URL(cluster.Superuser, "postgres"),
	})
}

func startDatabase(ctx context.Context, dir string, say *progress.Printer) (*cluster.Cluster, error) {
	in, err := cluster.Ensure(ctx, say)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return cluster.Start(ctx, in, cluster.Options{Dir: dir, Port: port, Throwaway: true}, say)
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

// freePort asks the kernel for a port of the loopback that nobody uses.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
