package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/control"
	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/process"
)

// web is what the stack itself serves: issuer, mailbox and control over HTTP, the
// mail server, and the CRM.
type web struct {
	server   *http.Server
	stop     context.CancelFunc // of mail server and CRM
	database *pgxpool.Pool
	failed   chan error // receives why one of the servers ended by itself
	done     sync.WaitGroup
}

// startWeb listens and serves. It comes before serve, which discovers its
// issuers when it starts.
func (s *Stack) startWeb(ctx context.Context) (*web, error) {
	config, err := pgxpool.ParseConfig(s.servers.Database.URL(cluster.Superuser, cluster.Database))
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect control to the database: %w", err)
	}
	pages, err := net.Listen("tcp", s.address(portWeb))
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("listen for issuer, mailbox and control: %w", err)
	}
	mails, err := net.Listen("tcp", s.address(portSMTP))
	if err != nil {
		pool.Close()
		return nil, errors.Join(fmt.Errorf("listen for mail: %w", err), pages.Close())
	}
	leads, err := net.Listen("tcp", s.address(portCRM))
	if err != nil {
		pool.Close()
		return nil, errors.Join(fmt.Errorf("listen for the CRM: %w", err), pages.Close(), mails.Close())
	}
	mux := http.NewServeMux()
	s.issuer.Register(mux)
	s.mailbox.Register(mux)
	s.crm.Register(mux)
	(&control.Control{Parts: s.controlled(), Status: func() any { return s.Status() }, Database: pool}).Register(mux)

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &web{
		server:   &http.Server{Handler: loopbackOnly(mux), ReadHeaderTimeout: 10 * time.Second},
		stop:     stop,
		database: pool,
		failed:   make(chan error, 3),
	}
	go func() {
		if err := w.server.Serve(pages); !errors.Is(err, http.ErrServerClosed) {
			w.failed <- fmt.Errorf("serve issuer, mailbox and control: %w", err)
		}
	}()
	w.serve(func() error { return s.mailbox.ServeSMTP(running, mails) })
	w.serve(func() error { return s.crm.Serve(running, leads) })
	return w, nil
}

// serve runs a server until it is stopped.
func (w *web) serve(run func() error) {
	w.done.Go(func() {
		if err := run(); err != nil {
			w.failed <- err
		}
	})
}

func (w *web) close() error {
	w.stop()
	w.done.Wait()
	err := w.server.Close()
	w.database.Close()
	return err
}

// loopbackOnly keeps web pages of others out: a browser on this machine can be
// made to send requests here, and some of them start programs or mint tokens.
// Cross-origin writes are refused, and so are names other than our own, which
// stops a page whose name suddenly leads to this machine.
func loopbackOnly(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != "localhost" && net.ParseIP(host) == nil {
			http.Error(w, "this server answers to 127.0.0.1 and localhost only", http.StatusMisdirectedRequest)
			return
		}
		sameOrigin.ServeHTTP(w, r)
	})
}

// controlled are the parts that control may touch, by the names it knows.
func (s *Stack) controlled() map[string]control.Part {
	parts := map[string]control.Part{}
	for name, part := range s.parts() {
		parts[name] = part
	}
	if s.work != nil {
		parts[partWork] = workPart{s.work, s}
	}
	return parts
}

// workPart is the worker, which listens nowhere and can therefore run twice.
type workPart struct {
	*process.Part
	stack *Stack
}

// Replace puts a worker of another version into the running one's place.
func (w workPart) Replace(ctx context.Context, binary string) error {
	if _, err := exec.LookPath(binary); err != nil {
		return fmt.Errorf("replace the worker: %w", err)
	}
	return w.Part.Replace(ctx, w.stack.appCommand(binary, partWork))
}
