// Package stack puts the development stack together: PostgreSQL and Temporal,
// and on top of them bin/firstfix serve and work with an issuer of tokens, a
// mailbox and a control endpoint. It starts the parts in order, watches them,
// and stops them in the reverse order.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/ports"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
)

// The names of the ports that the stack assigns.
const (
	portPostgres         = "postgres"
	portTemporal         = "temporal"
	portTemporalHTTP     = "temporal-http"
	portTemporalHistory  = "temporal-history"
	portTemporalMatching = "temporal-matching"
	portTemporalWorker   = "temporal-worker"
	portTemporalPage     = "temporal-page"
)

// temporalRole owns Temporal's databases.
const temporalRole = "temporal"

// Servers are what Firstfix needs from others: PostgreSQL and Temporal.
type Servers struct {
	Database *cluster.Cluster
	Temporal *process.Part

	dir   string
	ports map[string]int
	say   *progress.Printer
}

// ServerPorts are the ports that Servers need, each with the one that a person
// would expect.
func ServerPorts() map[string]ports.Wish {
	return map[string]ports.Wish{
		portPostgres:         {Preferred: 54329}, // not 5432: a server of the machine's own may start there
		portTemporal:         {Preferred: 7233},
		portTemporalHTTP:     {Preferred: 7243},
		portTemporalHistory:  {},
		portTemporalMatching: {},
		portTemporalWorker:   {},
		portTemporalPage:     {Preferred: 8233},
	}
}

// AnyPort drops the preferences: a throwaway stack takes what is free and leaves
// the known ports to the one that a person looks at.
func AnyPort(wishes map[string]ports.Wish) map[string]ports.Wish {
	free := make(map[string]ports.Wish, len(wishes))
	for name, wish := range wishes {
		free[name] = ports.Wish{Keep: wish.Keep}
	}
	return free
}

// StartServers runs PostgreSQL and Temporal with their data in dir, which has
// to exist, and returns when both are ready.
func StartServers(ctx context.Context, dir string, assigned map[string]int, throwaway bool, say *progress.Printer) (*Servers, error) {
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of the logs: %w", err)
	}
	in, err := cluster.Ensure(ctx, say)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	s := &Servers{dir: dir, ports: assigned, say: say}
	s.Database, err = cluster.Open(ctx, in, cluster.Options{Dir: dir, Port: assigned[portPostgres], Throwaway: throwaway}, say)
	if err != nil {
		return nil, err
	}
	say.Note("PostgreSQL is ready on port %d", s.Database.Port())
	if err := s.startTemporal(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	say.Note("Temporal is ready on port %d; servers up after %.1f s", assigned[portTemporal], time.Since(begin).Seconds())
	return s, nil
}

func (s *Servers) startTemporal(ctx context.Context) error {
	if err := s.Database.EnsureRole(ctx, temporalRole, "LOGIN"); err != nil {
		return err
	}
	if err := s.Database.EnsureDatabase(ctx, "temporal", temporalRole); err != nil {
		return err
	}
	if err := s.Database.EnsureDatabase(ctx, "temporal_visibility", temporalRole, "btree_gin"); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program to run Temporal: %w", err)
	}
	port := func(name string) string { return strconv.Itoa(s.ports[name]) }
	args := []string{
		"temporal",
		"--frontend-port=" + port(portTemporal),
		"--frontend-http-port=" + port(portTemporalHTTP),
		"--history-port=" + port(portTemporalHistory),
		"--matching-port=" + port(portTemporalMatching),
		"--worker-port=" + port(portTemporalWorker),
		"--page-port=" + port(portTemporalPage),
	}
	// In the environment, not the arguments, which all users can read.
	env := []string{"FIRSTFIX_DEV_TEMPORAL_DATABASE_URL=" + s.Database.URL(temporalRole, "")}
	s.Temporal = &process.Part{
		Name:       "Temporal",
		LogPath:    s.logPath("temporal"),
		StopSignal: syscall.SIGTERM,
		Patience:   20 * time.Second,
		Ready:      answersOK("http://" + ports.Address(s.ports[portTemporalHTTP]) + "/api/v1/namespaces/default"),
		Command:    commandWith(self, args, env),
	}
	return s.Temporal.Start(ctx)
}

// TemporalAddress is Temporal's gRPC address.
func (s *Servers) TemporalAddress() string { return ports.Address(s.ports[portTemporal]) }

// TemporalPage is Temporal's web page.
func (s *Servers) TemporalPage() string { return "http://" + ports.Address(s.ports[portTemporalPage]) }

func (s *Servers) logPath(name string) string { return filepath.Join(s.dir, "logs", name+".log") }

// commandWith makes commands that run a program with our environment and more.
func commandWith(path string, args, env []string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(path, args...)
		cmd.Env = append(os.Environ(), env...)
		return cmd
	}
}

// Close ends Temporal and then PostgreSQL.
func (s *Servers) Close() error {
	return errors.Join(stopIfRunning(s.Temporal), s.Database.Close())
}

// Discard ends both at once without a thought for Temporal's data.
func (s *Servers) Discard() error {
	var temporalErr, databaseErr error
	var both sync.WaitGroup
	both.Go(func() { temporalErr = orNotRunning(s.Temporal.Kill()) })
	both.Go(func() { databaseErr = s.Database.Close() })
	both.Wait()
	return errors.Join(temporalErr, databaseErr)
}

// stopIfRunning stops a part at the end of the stack: one that was never started
// or has been stopped before is no fault.
func stopIfRunning(part *process.Part) error {
	if part == nil {
		return nil
	}
	return orNotRunning(part.Stop())
}

func orNotRunning(err error) error {
	if errors.Is(err, process.ErrNotRunning) {
		return nil
	}
	return err
}

// answersOK is a probe that asks for url and wants status 200.
func answersOK(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", url, response.Status)
		}
		return nil
	}
}
