package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/control"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/issuer"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
)

// appPatience is how long serve and work may take to finish what they have begun.
const appPatience = 30 * time.Second

// Environment is what bin/firstfix is told, and what a person needs to run it by
// hand against this stack.
func (s *Stack) Environment() map[string]string {
	return map[string]string{
		"FIRSTFIX_DATABASE_URL":     s.servers.Database.URL(cluster.App, cluster.Database),
		"FIRSTFIX_MIGRATION_URL":    s.servers.Database.URL(cluster.Owner, cluster.Database),
		"FIRSTFIX_TEMPORAL_ADDRESS": s.servers.TemporalAddress(),
		"FIRSTFIX_SEAL_SECRET":      s.secret,
		"FIRSTFIX_ISSUERS":          s.issuers,
		"FIRSTFIX_DEVELOPMENT":      "true",
		"FIRSTFIX_GRPC_ADDRESS":     s.address(portGRPC),
		"FIRSTFIX_HTTP_ADDRESS":     s.address(portHTTP),
		"FIRSTFIX_PUBLIC_URL":       s.apiURL(),
		"FIRSTFIX_SMTP_ADDRESS":     s.address(portSMTP),
		"FIRSTFIX_TEXT_WEBHOOK_URL": s.webURL() + "/mailbox/text",
		"FIRSTFIX_EGRESS_ALLOW":     "127.0.0.0/8", // where the CRM is
		"FIRSTFIX_EGRESS_CA":        s.path(crmCertificate),
		"FIRSTFIX_BLOB_URL":         s.blobURL(),
		"FIRSTFIX_API_URL":          s.apiURL(),
		"FIRSTFIX_API_GRPC":         s.address(portGRPC),
		// Domain time may be moved, which no timer hears of; somebody waits for what
		// happens then; and a replay plays everybody from one address.
		"FIRSTFIX_WAKEUP_GRACE": "0s",
		"FIRSTFIX_IDLE_POLL":    "50ms",
		"FIRSTFIX_RATE_FACTOR":  "1000",
	}
}

// blobURL is a folder of the stack's for the bytes of photos.
func (s *Stack) blobURL() string {
	folder := url.URL{Scheme: "file", Path: filepath.ToSlash(s.path("blobs")), RawQuery: "create_dir=true&no_tmp_dir=true"}
	return folder.String()
}

// trustIssuers maps our issuers to tenants, as serve reads it.
func (s *Stack) trustIssuers() error {
	type trusted struct {
		Issuer   string `json:"issuer"`
		Audience string `json:"audience"`
		Tenant   string `json:"tenant"`
	}
	list := []trusted{}
	for _, slug := range slices.Sorted(maps.Keys(s.tenants)) {
		list = append(list, trusted{s.issuer.URL(slug), issuer.Audience, s.tenants[slug].ID})
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write down the issuers: %w", err)
	}
	s.issuers = string(text)
	return nil
}

// appCommand makes commands that run a binary of Firstfix in this stack.
func (s *Stack) appCommand(binary string, args ...string) func() *exec.Cmd {
	var env []string
	for name, value := range s.Environment() {
		env = append(env, name+"="+value)
	}
	return commandWith(binary, args, env)
}

// migrate runs the migrations and then does the two things that need more than
// the migrations' role has: grants on roles, and a clock that can be set.
func (s *Stack) migrate(ctx context.Context) error {
	if _, err := exec.LookPath(s.opts.Binary); err != nil {
		return fmt.Errorf("find the program to run: %w; make build makes it", err)
	}
	err := s.say.Step("migrate the database", func() error {
		_, err := s.runApp(ctx, "migrate")
		return err
	})
	if err != nil {
		return err
	}
	if err := s.servers.Database.GrantAppRoles(ctx); err != nil {
		return err
	}
	owner, err := pgx.Connect(ctx, s.servers.Database.URL(cluster.Owner, cluster.Database))
	if err != nil {
		return fmt.Errorf("connect as the database's owner: %w", err)
	}
	defer owner.Close(context.WithoutCancel(ctx))
	return control.InstallClock(ctx, owner)
}

// startApp runs serve and work at the same time.
func (s *Stack) startApp(ctx context.Context) error {
	var serveErr, workErr error
	var both sync.WaitGroup
	both.Go(func() { serveErr = s.serve.Start(ctx) })
	if s.work != nil {
		both.Go(func() { workErr = s.work.Start(ctx) })
	}
	both.Wait()
	return errors.Join(serveErr, workErr)
}

func (s *Stack) appPart(name string, ready func(context.Context) error) *process.Part {
	return &process.Part{
		Name:       name,
		LogPath:    s.servers.logPath(name),
		StopSignal: syscall.SIGTERM,
		Patience:   appPatience,
		Ready:      ready,
		Command:    s.appCommand(s.opts.Binary, name),
	}
}

// answersHealthy is the probe of serve: the standard health service.
func (s *Stack) answersHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(s.address(portGRPC), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("health of serve is %s", answer.GetStatus())
	}
	return nil
}

// keepsRunning is the probe of work, which listens nowhere: a worker that cannot
// reach its servers ends within the second.
func keepsRunning(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return nil
	}
}

// runApp runs a command of bin/firstfix to its end and returns what it printed.
// Its words on standard error go to a log of the command's name.
func (s *Stack) runApp(ctx context.Context, args ...string) ([]byte, error) {
	return s.runCommand(ctx, s.appCommand(s.opts.Binary, args...)(), args[0])
}

func (s *Stack) runCommand(ctx context.Context, cmd *exec.Cmd, name string) ([]byte, error) {
	logPath := s.servers.logPath(name)
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer log.Close()
	printed, err := process.Output(ctx, name, cmd, log)
	if err != nil {
		return nil, fmt.Errorf("%w; its log %s ends: %s", err, logPath, process.LastLines(logPath, 3))
	}
	return printed, nil
}
