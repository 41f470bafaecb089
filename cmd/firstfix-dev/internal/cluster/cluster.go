package cluster

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
)

// Superuser is the role that initdb makes and that the stack itself uses.
const Superuser = "postgres"

// maxSocketPath is the longest path of a unix socket that the kernel takes,
// less the name of the server's file in it.
const maxSocketPath = 107 - len("/.s.PGSQL.65535.lock")

const (
	startPatience = time.Minute
	stopPatience  = 30 * time.Second
)

// Options says what cluster to run.
type Options struct {
	Dir  string // the stack's directory; exists
	Port int    // free port of the loopback
	// Throwaway trades safety against a crash for speed: fsync is off. Tests
	// and replays use it; data that shall be found again must not.
	Throwaway bool
}

// Cluster is a running private server. All its roles share one password, which
// lives in the stack's directory.
type Cluster struct {
	port     int
	password string
	home     string
	sockets  string // directory of the unix socket, ours to remove
	child    *process.Child
	adopted  int // pid of a server that an earlier, killed stack left behind
}

// Start makes the cluster where there is none yet and runs its server until
// Stop. It returns once the server answers.
func Start(ctx context.Context, in Installation, opts Options, say *progress.Printer) (*Cluster, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the stack's directory: %w", err)
	}
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	home, err := as.home(dir)
	if err != nil {
		return nil, err
	}
	password, err := readOrMakePassword(filepath.Join(dir, "password"))
	if err != nil {
		return nil, err
	}
	c := &Cluster{port: opts.Port, password: password, home: home}
	if c.adopt(ctx) {
		say.Note("PostgreSQL of an earlier start still runs (pid %d, port %d): taking it over", c.adopted, c.port)
		return c, nil
	}
	if _, err := os.Stat(c.data("PG_VERSION")); errors.Is(err, fs.ErrNotExist) {
		if err := say.Step("make a private PostgreSQL cluster in "+home, func() error { return c.initdb(ctx, in, as) }); err != nil {
			return nil, err
		}
	} else if err := c.checkVersion(in); err != nil {
		return nil, err
	}
	if err := c.run(ctx, in, as, opts.Throwaway); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Cluster) data(name string) string { return filepath.Join(c.home, "data", name) }

// LogPath is the file that the server writes to.
func (c *Cluster) LogPath() string { return filepath.Join(c.home, "postgres.log") }

// Port is the server's port on the loopback.
func (c *Cluster) Port() int { return c.port }

// Password is the password of every role of the cluster.
func (c *Cluster) Password() string { return c.password }

// PID is the number of the server's first process.
func (c *Cluster) PID() int {
	if c.child == nil {
		return c.adopted
	}
	return c.child.PID()
}

// Done is closed when the server ends; nil, which never is, for an adopted one.
func (c *Cluster) Done() <-chan struct{} {
	if c.child == nil {
		return nil
	}
	return c.child.Done()
}

// URL is how role reaches database.
func (c *Cluster) URL(role, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(role, c.password),
		Host:     "127.0.0.1:" + strconv.Itoa(c.port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Connect opens one connection as the superuser.
func (c *Cluster) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, c.URL(Superuser, database))
}

// initdb makes the cluster in a directory beside its final place and moves it
// there, so that an interrupted initdb is not mistaken for a cluster.
func (c *Cluster) initdb(ctx context.Context, in Installation, as account) error {
	fresh := filepath.Join(c.home, "data.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear what an interrupted initdb left: %w", err)
	}
	secret := filepath.Join(c.home, "password.new")
	if err := os.WriteFile(secret, []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the superuser's password: %w", err)
	}
	defer os.Remove(secret)
	if err := as.own(secret); err != nil {
		return err
	}
	// Local sockets trust their caller: the socket's directory is closed to
	// others, and psql by hand then needs no password.
	cmd := as.apply(exec.CommandContext(ctx, filepath.Join(in.Bin, "initdb"),
		"--pgdata="+fresh, "--username="+Superuser, "--pwfile="+secret,
		"--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(fresh, filepath.Join(c.home, "data")); err != nil {
		return fmt.Errorf("put the new cluster in its place: %w", err)
	}
	return nil
}

// checkVersion refuses data of another major version before the server does so
// in a log that nobody reads.
func (c *Cluster) checkVersion(in Installation) error {
	text, err := os.ReadFile(c.data("PG_VERSION"))
	if err != nil {
		return fmt.Errorf("read the cluster's version: %w", err)
	}
	if got := strings.TrimSpace(string(text)); got != strconv.Itoa(in.Major) {
		return fmt.Errorf("the cluster in %s was made by PostgreSQL %s, this machine has %d: start with --fresh to make a new one", c.home, got, in.Major)
	}
	return nil
}

// run starts the server itself, not through pg_ctl, which would put it out of
// reach of the parent-death signal.
func (c *Cluster) run(ctx context.Context, in Installation, as account, throwaway bool) error {
	sockets, err := c.socketDir(as)
	if err != nil {
		return err
	}
	c.sockets = sockets
	log, err := os.OpenFile(c.LogPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()
	args := []string{"-D", c.data(""), "-p", strconv.Itoa(c.port), "-k", sockets}
	for _, setting := range settings(throwaway) {
		args = append(args, "-c", setting)
	}
	cmd := as.apply(exec.Command(filepath.Join(in.Bin, "postgres"), args...))
	cmd.Stdout, cmd.Stderr = log, log
	// SIGINT is PostgreSQL's fast shutdown: sessions end, data is safe.
	child, err := process.Start("PostgreSQL", cmd, syscall.SIGINT)
	if err != nil {
		return err
	}
	c.child = child
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := child.WaitReady(ctx, c.ping); err != nil {
		return errors.Join(fmt.Errorf("%w; its log ends: %s", err, lastLines(c.LogPath(), 3)), c.Stop())
	}
	return nil
}

// settings tunes the server for one person's machine.
func settings(throwaway bool) []string {
	common := []string{
		"listen_addresses=127.0.0.1",
		"max_connections=300",
		"shared_buffers=256MB",
		"max_wal_size=2GB",
		"jit=off",
		"timezone=UTC",
		"log_min_duration_statement=1000",
		"log_line_prefix=%m [%p] %q%u@%d ",
	}
	if throwaway {
		return append(common, "fsync=off", "full_page_writes=off", "autovacuum_naptime=10s")
	}
	return append(common, "fsync=on", "synchronous_commit=on")
}

// socketDir keeps the unix socket in the cluster's home where the path is
// short enough, else in a temporary directory.
func (c *Cluster) socketDir(as account) (string, error) {
	dir := filepath.Join(c.home, "run")
	if len(dir) > maxSocketPath {
		short, err := os.MkdirTemp("/tmp", "firstfix-")
		if err != nil {
			return "", fmt.Errorf("make a directory with a short path for the unix socket: %w", err)
		}
		dir = short
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of the unix socket: %w", err)
	}
	return dir, as.own(dir)
}

func (c *Cluster) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := c.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// adopt takes over a live server of this very cluster. The caller holds the
// stack's lock, so such a server has no owner any more. One that is shutting
// down is waited for.
func (c *Cluster) adopt(ctx context.Context) bool {
	pid, port, err := readPIDFile(c.data("postmaster.pid"))
	if err != nil {
		return false
	}
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && cwd != filepath.Clean(c.data("")) {
		// The number belongs to another process by now, as after a restart of a
		// container; the server would refuse to start because of it.
		_ = os.Remove(c.data("postmaster.pid"))
		return false
	}
	running := *c
	running.port = port
	for deadline := time.Now().Add(stopPatience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return false
		}
		if running.ping(ctx) == nil {
			running.adopted = pid
			*c = running
			return true
		}
	}
	return false
}

// readPIDFile reads pid and port from a server's postmaster.pid: its first and
// fourth line.
func readPIDFile(path string) (pid, port int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	var lines []string
	for scan := bufio.NewScanner(file); scan.Scan(); {
		lines = append(lines, strings.TrimSpace(scan.Text()))
	}
	if len(lines) < 4 {
		return 0, 0, fmt.Errorf("%s has %d lines, expected at least 4", path, len(lines))
	}
	pid, pidErr := strconv.Atoi(lines[0])
	port, portErr := strconv.Atoi(lines[3])
	return pid, port, errors.Join(pidErr, portErr)
}

// Stop ends the server with a fast shutdown and waits for it.
func (c *Cluster) Stop() error {
	var err error
	if c.child != nil {
		err = c.child.Stop(syscall.SIGINT, stopPatience)
	} else {
		err = stopAdopted(c.adopted)
	}
	if c.sockets != "" && !strings.HasPrefix(c.sockets, c.home) {
		err = errors.Join(err, os.RemoveAll(c.sockets))
	}
	return err
}

func stopAdopted(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL (pid %d): %w", pid, err)
	}
	for deadline := time.Now().Add(stopPatience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL (pid %d) did not end within %s", pid, stopPatience)
}

// readOrMakePassword keeps one random password per stack directory.
func readOrMakePassword(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(text))) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the database's password: %w", err)
	}
	password := rand.Text()
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the database's password: %w", err)
	}
	return password, nil
}
