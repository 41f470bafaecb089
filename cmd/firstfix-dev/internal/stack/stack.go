package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/crm"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/issuer"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/mailbox"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/ports"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/progress"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/secret"
)

const (
	portGRPC = "grpc"
	portHTTP = "http"
	portWeb  = "web" // issuer, mailbox and control
	portSMTP = "smtp"
	portCRM  = "crm"
)

// Options says what stack to run.
type Options struct {
	Dir       string // holds everything that a restart finds again
	Binary    string // bin/firstfix
	Throwaway bool   // trades safety against a crash for speed
	AnyPort   bool   // leaves the usual ports to others
	// ServersOnly leaves out all that bin/firstfix does, to run it by hand or in
	// a debugger.
	ServersOnly bool
	Work        bool // runs the workers too; without them bookings go on and nothing else does
	Sample      bool // loads the sample city
}

// Stack is everything, running.
type Stack struct {
	opts    Options
	say     *progress.Printer
	ports   map[string]int
	secret  string
	servers *Servers
	issuer  *issuer.Issuer
	mailbox *mailbox.Mailbox
	crm     *crm.CRM
	tenants map[string]tenant // by slug
	issuers string            // whom serve trusts, as JSON
	web     *web
	serve   *process.Part
	work    *process.Part
	sample  sample
	lock    *os.File
}

// Start runs the stack and returns when all of it is ready.
func Start(ctx context.Context, opts Options, say *progress.Printer) (_ *Stack, err error) {
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, fmt.Errorf("find the stack's directory: %w", err)
	}
	s := &Stack{opts: opts, say: say, mailbox: &mailbox.Mailbox{}}
	if s.lock, err = lockDir(opts.Dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	if s.ports, err = ports.Assign(s.path("ports.json"), s.wishes()); err != nil {
		return err
	}
	if s.secret, err = secret.ReadOrMake(s.path("secret")); err != nil {
		return err
	}
	if s.issuer, err = issuer.New(s.webURL(), s.path("issuer-key.json")); err != nil {
		return err
	}
	if s.crm, err = crm.New(s.path(crmCertificate)); err != nil {
		return err
	}
	if s.servers, err = StartServers(ctx, s.opts.Dir, s.ports, s.opts.Throwaway, s.say); err != nil {
		return err
	}
	if err := s.servers.Database.Bootstrap(ctx); err != nil {
		return err
	}
	if s.opts.ServersOnly {
		if err := s.trustIssuers(); err != nil {
			return err
		}
		s.web, err = s.startWeb(ctx)
		return err
	}
	return s.startFirstfix(ctx)
}

// startFirstfix does all that takes bin/firstfix, on servers that run.
func (s *Stack) startFirstfix(ctx context.Context) (err error) {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.foundTenants(ctx); err != nil {
		return err
	}
	if err := s.trustIssuers(); err != nil {
		return err
	}
	s.serve = s.appPart(partServe, s.answersHealthy)
	if s.opts.Work {
		s.work = s.appPart(partWork, keepsRunning)
	}
	// Before serve, which asks its issuers for their keys.
	if s.web, err = s.startWeb(ctx); err != nil {
		return err
	}
	if err := s.startApp(ctx); err != nil {
		return err
	}
	if s.opts.Sample {
		s.sample = s.loadSample(ctx)
	}
	return nil
}

func (s *Stack) wishes() map[string]ports.Wish {
	wishes := ServerPorts()
	wishes[portGRPC] = ports.Wish{Preferred: 8080}
	wishes[portHTTP] = ports.Wish{Preferred: 8081}
	wishes[portWeb] = ports.Wish{Preferred: 8090, Keep: true} // members' rows name their issuer
	wishes[portSMTP] = ports.Wish{Preferred: 1025}
	wishes[portCRM] = ports.Wish{Preferred: 8443, Keep: true} // endpoints name it
	if s.opts.AnyPort {
		return AnyPort(wishes)
	}
	return wishes
}

func (s *Stack) path(name string) string    { return filepath.Join(s.opts.Dir, name) }
func (s *Stack) address(port string) string { return ports.Address(s.ports[port]) }
func (s *Stack) webURL() string             { return "http://" + s.address(portWeb) }
func (s *Stack) crmURL() string             { return "https://" + s.address(portCRM) + "/" }
func (s *Stack) apiURL() string             { return "http://" + s.address(portHTTP) }

// crmCertificate is the file of the authority that webhooks of this stack trust.
const crmCertificate = "crm.pem"

// The names of the parts, in status and control.
const (
	partPostgres = "postgres"
	partTemporal = "temporal"
	partServe    = "serve"
	partWork     = "work"
)

// parts are those that this stack has.
func (s *Stack) parts() map[string]*process.Part {
	parts := map[string]*process.Part{
		partPostgres: s.servers.Database.Server(),
		partTemporal: s.servers.Temporal,
	}
	if s.serve != nil {
		parts[partServe] = s.serve
	}
	if s.work != nil {
		parts[partWork] = s.work
	}
	return parts
}

// Wait blocks until ctx is done, or a part ends that nobody stopped: an error,
// since the rest is of no use without it.
func (s *Stack) Wait(ctx context.Context) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.web.failed:
			return err
		case <-ticker.C:
			for _, part := range s.parts() {
				if err := part.Died(); err != nil {
					return err
				}
			}
		}
	}
}

// Close ends all parts, in the reverse order of their start: first those that
// take requests, last the database.
func (s *Stack) Close() error {
	errs := []error{stopIfRunning(s.serve), stopIfRunning(s.work)}
	if s.web != nil {
		errs = append(errs, s.web.close())
	}
	if s.servers != nil {
		if s.opts.Throwaway {
			errs = append(errs, s.servers.Discard())
		} else {
			errs = append(errs, s.servers.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// lockDir makes dir where it is missing and takes it for this process alone. The
// kernel gives it back when the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	// Not for others: it holds passwords and keys. The database's own user gets
	// through by execute permission alone.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make the stack's directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the stack's lock: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another stack runs in %s: stop it, or choose another directory with --dir: %w", dir, err), lock.Close())
	}
	return lock, nil
}

// Erase removes all data of a stack that is not running, but not its directory
// nor the ports that it remembers.
func Erase(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := cluster.Remove(dir); err != nil {
		return fmt.Errorf("erase the stack's data: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("erase the stack's data: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == "lock" || entry.Name() == "ports.json" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("erase the stack's data: %w", err)
		}
	}
	return nil
}
