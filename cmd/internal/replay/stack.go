package replay

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

// devStack is a development stack of our own, thrown away at the end.
type devStack struct {
	cmd    *exec.Cmd
	ended  chan error
	status stackStatus
}

// stopTime is how long the stack may take to stop and to remove itself.
const stopTime = time.Minute

// startStack runs firstfix-dev, which lies beside our own program, and waits
// until it is ready. What it has to say goes to log.
func startStack(ctx context.Context, log io.Writer) (*devStack, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find our own program, to look for firstfix-dev beside it: %w", err)
	}
	program := filepath.Join(filepath.Dir(self), "firstfix-dev")
	if _, err := exec.LookPath(program); err != nil {
		return nil, fmt.Errorf("start a stack of our own: %w; make build makes it, or give --server and --control", err)
	}
	// Not ended by ctx: it has to stop its own programs, in order.
	cmd := exec.Command(program, "run", "--ephemeral", "--no-sample", "--json", "--binary="+self) //nolint:gosec,noctx // beside our own program; see above
	cmd.Stderr = log
	// The worker looks for work more often than anybody else would want: a replay
	// waits for it thousands of times.
	cmd.Env = append(os.Environ(), "FIRSTFIX_IDLE_POLL=20ms")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to pass on
	stopWithParent(cmd.SysProcAttr)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s := &devStack{cmd: cmd, ended: make(chan error, 1)}
	ready := make(chan error, 1)
	go s.run(out, ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the development stack did not get ready: %w", err), s.stop())
	}
	return s, nil
}

// run starts the program, reads the one line that says that it is ready, and
// waits for its end. For the kernel a parent is the thread that forked, so this
// one lives as long as its child.
func (s *devStack) run(out io.Reader, ready chan<- error) {
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
		err = json.Unmarshal(line, &s.status)
	}
	ready <- err
	_, _ = io.Copy(io.Discard, lines)
	s.ended <- s.cmd.Wait()
}

// stop ends the stack, which removes what it made.
func (s *devStack) stop() error {
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
