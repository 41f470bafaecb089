package cluster

import (
	"context"
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
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/secret"
)

// Superuser is the role that initdb makes and that the stack itself uses.
const Superuser = "postgres"

// maxSocketPath is the longest path of a unix socket that the kernel takes,
// less the name of the server's file in it.
const maxSocketPath = 107 - len("/.s.PGSQL.65535.lock")

const stopPatience = 30 * time.Second

// Options says what cluster to run.
type Options struct {
	Dir  string // the stack's directory; exists
	Port int    // free port of the loopback
	// Throwaway trades safety against a crash for speed: fsync is off. Tests
	// and replays use it; data that shall be found again must not.
	Throwaway bool
}

// Cluster is a private server. All its roles share one password, which lives in
// the stack's directory.
type Cluster struct {
	port     int
	password string
	home     string
	sockets  string // directory of the unix socket
	server   *process.Part
}

// Open makes the cluster where there is none yet and starts its server. It
// returns once the server answers. The caller holds the lock on the directory.
func Open(ctx context.Context, in Installation, opts Options, say *progress.Printer) (*Cluster, error) {
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
	password, err := secret.ReadOrMake(filepath.Join(dir, "password"))
	if err != nil {
		return nil, err
	}
	c := &Cluster{port: opts.Port, password: password, home: home}
	if err := stopOrphan(home, say); err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.data("PG_VERSION")); errors.Is(err, fs.ErrNotExist) {
		if err := say.Step("make a private PostgreSQL cluster in "+home, func() error { return c.initdb(ctx, in, as) }); err != nil {
			return nil, err
		}
	} else if err := c.checkVersion(in); err != nil {
		return nil, err
	}
	if c.sockets, err = c.socketDir(as); err != nil {
		return nil, err
	}
	c.server = c.part(in, as, opts.Throwaway)
	if err := c.server.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) data(name string) string { return filepath.Join(c.home, "data", name) }

// Port is the server's port on the loopback.
func (c *Cluster) Port() int { return c.port }

// Password is the password of every role of the cluster.
func (c *Cluster) Password() string { return c.password }

// Server is the server's process, to be stopped, killed and started again.
func (c *Cluster) Server() *process.Part { return c.server }

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
	pwfile := filepath.Join(c.home, "password.new")
	if err := os.WriteFile(pwfile, []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the superuser's password: %w", err)
	}
	defer os.Remove(pwfile)
	if err := as.own(pwfile); err != nil {
		return err
	}
	// Local sockets trust their caller: the socket's directory is closed to
	// others, and psql by hand then needs no password.
	cmd := as.apply(exec.CommandContext(ctx, filepath.Join(in.Bin, "initdb"),
		"--pgdata="+fresh, "--username="+Superuser, "--pwfile="+pwfile,
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

// part is the server itself, not pg_ctl, which would put it out of reach of the
// parent-death signal.
func (c *Cluster) part(in Installation, as account, throwaway bool) *process.Part {
	args := []string{"-D", c.data(""), "-p", strconv.Itoa(c.port), "-k", c.sockets}
	for _, setting := range settings(throwaway) {
		args = append(args, "-c", setting)
	}
	return &process.Part{
		Name:       "PostgreSQL",
		LogPath:    filepath.Join(c.home, "postgres.log"),
		StopSignal: syscall.SIGINT, // PostgreSQL's fast shutdown: sessions end, data are safe
		Patience:   stopPatience,
		Ready:      c.ping,
		Command:    func() *exec.Cmd { return as.apply(exec.Command(filepath.Join(in.Bin, "postgres"), args...)) },
	}
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

// Close ends the server with a fast shutdown and waits for it. One that is not
// running any more is no fault.
func (c *Cluster) Close() error {
	err := c.server.Stop()
	if errors.Is(err, process.ErrNotRunning) {
		err = nil
	}
	if !strings.HasPrefix(c.sockets, c.home) {
		err = errors.Join(err, os.RemoveAll(c.sockets))
	}
	return err
}
