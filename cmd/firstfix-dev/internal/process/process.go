// Package process starts the programs that the development stack is made of
// and stops them again.
//
// It promises one thing that os/exec does not: no child outlives the stack.
// A child is told by the kernel when its parent dies (on Linux), sits in a
// process group of its own, so that Ctrl-C in a terminal reaches only the
// stack, which then stops the parts in order, and is killed when it does not
// stop in time. It knows nothing of what the programs do.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// killPatience is how long a child may take to disappear after SIGKILL; only
// a process stuck in the kernel takes longer.
const killPatience = 5 * time.Second

// Child is one started program.
type Child struct {
	Name string

	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// Start runs cmd and returns as soon as it is running. The kernel sends
// onParentDeath to the child when the stack dies without stopping it.
func Start(name string, cmd *exec.Cmd, onParentDeath syscall.Signal) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	return start(name, cmd, onParentDeath)
}

// StartForeground is Start for a program that shares the stack's terminal and
// therefore its process group: Ctrl-C reaches it directly.
func StartForeground(name string, cmd *exec.Cmd, onParentDeath syscall.Signal) (*Child, error) {
	return start(name, cmd, onParentDeath)
}

func start(name string, cmd *exec.Cmd, onParentDeath syscall.Signal) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(cmd.SysProcAttr, onParentDeath)

	child := &Child{Name: name, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel's "parent" is the thread that forked, not the process:
		// the thread has to live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			child.err = cmd.Wait()
			close(child.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return child, nil
}

// PID is the operating system's number of the child.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Running reports whether the child has not ended yet.
func (c *Child) Running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// Err says how the child ended: nil for exit code 0. It is only meaningful
// after Done.
func (c *Child) Err() error { return c.err }

// ExitCode is the child's exit code, or 128 + signal as a shell reports it. It
// is only meaningful after Done.
func (c *Child) ExitCode() int {
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return c.cmd.ProcessState.ExitCode()
}

// Signal sends sig to the child; a child that has ended is not an error.
func (c *Child) Signal(sig syscall.Signal) error {
	if !c.Running() {
		return nil
	}
	if err := c.cmd.Process.Signal(sig); err != nil && c.Running() {
		return fmt.Errorf("signal %s to %s: %w", sig, c.Name, err)
	}
	return nil
}

// Stop asks the child to end with sig, waits up to patience, then kills it.
// Having to kill is reported as an error, since it means that the child lost
// its chance to end cleanly.
func (c *Child) Stop(sig syscall.Signal, patience time.Duration) error {
	if err := c.Signal(sig); err != nil {
		return err
	}
	if c.waitFor(patience) {
		return nil
	}
	if err := c.Kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s did not end within %s of %s and was killed", c.Name, patience, sig)
}

// Kill ends the child with SIGKILL, and then the processes that it had started,
// and waits until all are gone: a database server's sessions would otherwise
// hold its memory for a moment and keep it from starting again.
func (c *Child) Kill() error {
	children := childrenOf(c.PID())
	if err := c.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	if !c.waitFor(killPatience) {
		return fmt.Errorf("%s (pid %d) is still there %s after SIGKILL", c.Name, c.PID(), killPatience)
	}
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // most have noticed by themselves and are gone
	}
	deadline := time.Now().Add(killPatience)
	for _, pid := range children {
		for Alive(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("%s's own child (pid %d) is still there %s after SIGKILL", c.Name, pid, killPatience)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

func (c *Child) waitFor(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}

// Output runs cmd to its end and returns what it wrote to standard output;
// standard error goes to stderr. When ctx is done first, cmd is asked to stop.
func Output(ctx context.Context, name string, cmd *exec.Cmd, stderr io.Writer) ([]byte, error) {
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, stderr
	child, err := Start(name, cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("%s: %w", name, ctx.Err()), child.Stop(syscall.SIGTERM, 10*time.Second))
	}
	if child.Err() != nil {
		return nil, fmt.Errorf("%s: %w", name, child.Err())
	}
	return printed.Bytes(), nil
}

// LastLines is the end of a log as one line of text, for an error.
func LastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// errEnded is the cause reported when a child ends while somebody waits for
// it to become ready.
var errEnded = errors.New("ended before it was ready")

// WaitReady calls probe every 50 ms until it succeeds, the child ends, or ctx
// is done; the error then names the probe's last complaint.
func (c *Child) WaitReady(ctx context.Context, probe func(context.Context) error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := probe(ctx)
		if err == nil && c.Running() {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s %w: %w", c.Name, errEnded, errors.Join(c.err, err))
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (last answer: %w)", c.Name, ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
