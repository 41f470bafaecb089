// Package devstack starts a development stack for a program that plays in it, and
// steers it: cmd/internal/replay and cmd/firstfix-lab do. The stack itself is
// cmd/firstfix-dev.
package devstack

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Stack is a development stack of our own, thrown away at the end.
type Stack struct {
	cmd    *exec.Cmd
	ended  chan error
	Status Status
}

// stopTime is how long the stack may take to stop and to remove itself.
const stopTime = time.Minute

// Start runs firstfix-dev, which lies in the directory bin beside firstfix, with a
// tenant and without data, and waits until it is ready. What it has to say goes to
// log; env and more are variables and flags for it.
func Start(ctx context.Context, bin string, log io.Writer, env []string, more ...string) (*Stack, error) {
	program := filepath.Join(bin, "firstfix-dev")
	if _, err := exec.LookPath(program); err != nil {
		return nil, fmt.Errorf("start a stack of our own: %w; make build makes it", err)
	}
	// Not ended by ctx: it has to stop its own programs, in order.
	args := append([]string{"run", "--ephemeral", "--no-sample", "--json", "--binary=" + filepath.Join(bin, "firstfix")}, more...)
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // beside our own program; see above
	cmd.Stderr = log
	cmd.Env = append(os.Environ(), env...)
	StopWithParent(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s := &Stack{cmd: cmd, ended: make(chan error, 1)}
	ready := make(chan error, 1)
	go s.run(out, ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the development stack did not get ready: %w", err), s.Stop())
	}
	return s, nil
}

// run starts the program, reads the one line that says that it is ready, and
// waits for its end. For the kernel a parent is the thread that forked, so this
// one lives as long as its child.
func (s *Stack) run(out io.Reader, ready chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := s.cmd.Start(); err != nil {
		ready <- err
		s.ended <- nil
		return
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.Status)
	}
	ready <- err
	_, _ = io.Copy(io.Discard, lines)
	s.ended <- s.cmd.Wait()
}

// Stop ends the stack, which removes what it made.
func (s *Stack) Stop() error {
	if s.cmd.Process == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the development stack: %w", err)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("the development stack ended: %w", err)
		}
		return nil
	case <-time.After(stopTime):
		return errors.Join(errors.New("the development stack does not stop; it is killed, and may leave files"), s.cmd.Process.Kill())
	}
}

// StopWithParent lets a program that is started next have its SIGTERM when we die
// without ending it, and no Ctrl-C of ours: that is ours to pass on.
func StopWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stopWithParent(cmd.SysProcAttr)
}
