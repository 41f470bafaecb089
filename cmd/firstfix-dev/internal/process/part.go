package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Part is one program of a stack that can be stopped, killed, started again and
// replaced while the rest goes on. Its output is appended to a log.
type Part struct {
	Name       string
	LogPath    string
	StopSignal syscall.Signal // asks it to end, as does the death of the stack
	Patience   time.Duration  // how long it may take to end
	// Ready is asked until it succeeds.
	Ready func(context.Context) error
	// Command makes what to execute, anew for every start.
	Command func() *exec.Cmd

	mu     sync.Mutex
	child  *Child
	wanted bool // false from the moment that somebody stops it on purpose
}

// ErrNotRunning refuses to stop what is not running.
var ErrNotRunning = errors.New("it is not running")

// readyPatience is how long a part may take until it is ready.
const readyPatience = 2 * time.Minute

// Start runs the part and waits until it is ready.
func (p *Part) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil && p.child.Running() {
		return fmt.Errorf("start %s: it is running (pid %d)", p.Name, p.child.PID())
	}
	child, err := p.launch(ctx, p.Command)
	if err != nil {
		return err
	}
	p.child, p.wanted = child, true
	return nil
}

// launch starts a command under the part's name and waits until it is ready.
func (p *Part) launch(ctx context.Context, command func() *exec.Cmd) (*Child, error) {
	log, err := os.OpenFile(p.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.Name, err)
	}
	defer log.Close()
	cmd := command()
	cmd.Stdout, cmd.Stderr = log, log
	child, err := Start(p.Name, cmd, p.StopSignal)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	if err := child.WaitReady(ctx, p.Ready); err != nil {
		err = fmt.Errorf("%w; its log %s ends: %s", err, p.LogPath, LastLines(p.LogPath, 3))
		if stopErr := child.Stop(p.StopSignal, p.Patience); stopErr != nil {
			err = errors.Join(err, stopErr)
		}
		return nil, err
	}
	return child, nil
}

// Stop ends the part as an operator would; one that is not running is refused
// with ErrNotRunning.
func (p *Part) Stop() error {
	return p.end("stop", func(c *Child) error { return c.Stop(p.StopSignal, p.Patience) })
}

// Kill ends the part with SIGKILL, as a power cut would.
func (p *Part) Kill() error { return p.end("kill", (*Child).Kill) }

func (p *Part) end(how string, end func(*Child) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil || !p.child.Running() {
		return fmt.Errorf("%s %s: %w", how, p.Name, ErrNotRunning)
	}
	p.wanted = false
	return end(p.child)
}

// Replace starts another command beside the running one and then stops the
// latter: a deployment without a gap. From then on the part is the new command.
func (p *Part) Replace(ctx context.Context, command func() *exec.Cmd) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, err := p.launch(ctx, command)
	if err != nil {
		return fmt.Errorf("replace %s: %w", p.Name, err)
	}
	old := p.child
	p.Command, p.child, p.wanted = command, next, true
	if old == nil || !old.Running() {
		return nil
	}
	return old.Stop(p.StopSignal, p.Patience)
}

// PID is the number of the running process, 0 where there is none.
func (p *Part) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil || !p.child.Running() {
		return 0
	}
	return p.child.PID()
}

// Died reports how the part ended where nobody wanted it to end, else nil.
func (p *Part) Died() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil || !p.wanted || p.child.Running() {
		return nil
	}
	return fmt.Errorf("%s (pid %d) ended by itself with code %d; its log %s ends: %s",
		p.Name, p.child.PID(), p.child.ExitCode(), p.LogPath, LastLines(p.LogPath, 3))
}
