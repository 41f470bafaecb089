package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
)

// Part is one program of the stack that can be stopped, killed, started again
// and replaced while the rest goes on.
type Part struct {
	Name string

	logPath  string
	patience time.Duration // how long it may take to end by itself
	ready    func(context.Context) error

	mu      sync.Mutex
	command command
	child   *process.Child
	wanted  bool // false from the moment that somebody stops it on purpose
}

// command is what to execute.
type command struct {
	path string
	args []string
	env  []string // beside our own environment
}

// errRunning and errNotRunning refuse what makes no sense in a part's state.
var (
	errRunning    = errors.New("is running")
	errNotRunning = errors.New("is not running")
)

// startPatience is how long a part may take until it is ready.
const startPatience = 2 * time.Minute

// Start runs the part and waits until it is ready.
func (p *Part) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil && p.child.Running() {
		return fmt.Errorf("start %s: it %w (pid %d)", p.Name, errRunning, p.child.PID())
	}
	child, err := p.launch(ctx, p.command)
	if err != nil {
		return err
	}
	p.child, p.wanted = child, true
	return nil
}

// launch starts a command under the part's name and waits until it is ready.
func (p *Part) launch(ctx context.Context, c command) (*process.Child, error) {
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = log, log
	child, err := process.Start(p.Name, cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := child.WaitReady(ctx, p.ready); err != nil {
		err = fmt.Errorf("%w; its log is %s", err, p.logPath)
		return nil, errors.Join(err, child.Kill())
	}
	return child, nil
}

// Stop ends the part as an operator would; one that is not running is refused.
func (p *Part) Stop() error {
	return p.end("stop", func(c *process.Child) error { return c.Stop(syscall.SIGTERM, p.patience) })
}

// Kill ends the part with SIGKILL, as a power cut would.
func (p *Part) Kill() error { return p.end("kill", (*process.Child).Kill) }

func (p *Part) end(how string, end func(*process.Child) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil || !p.child.Running() {
		return fmt.Errorf("%s %s: it %w", how, p.Name, errNotRunning)
	}
	p.wanted = false
	return end(p.child)
}

// Replace starts binary with the part's arguments beside the running program
// and then stops the latter: a deployment without a gap.
func (p *Part) Replace(ctx context.Context, binary string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.command
	next.path = binary
	child, err := p.launch(ctx, next)
	if err != nil {
		return fmt.Errorf("replace %s by %s: %w", p.Name, binary, err)
	}
	old := p.child
	p.command, p.child, p.wanted = next, child, true
	if old == nil || !old.Running() {
		return nil
	}
	return old.Stop(syscall.SIGTERM, p.patience)
}

// shutdown is Stop for the end of the stack: what does not run is no fault.
func (p *Part) shutdown() error {
	if err := p.Stop(); err != nil && !errors.Is(err, errNotRunning) {
		return err
	}
	return nil
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

// died reports how the part ended where nobody wanted it to end.
func (p *Part) died() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil || !p.wanted || p.child.Running() {
		return nil
	}
	return fmt.Errorf("%s (pid %d) ended by itself with code %d; its log is %s", p.Name, p.child.PID(), p.child.ExitCode(), p.logPath)
}
