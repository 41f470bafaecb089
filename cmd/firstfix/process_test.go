package main

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// process is the built binary at work: what is killed here is what ships.
type process struct {
	command *exec.Cmd
	log     *journal
	ended   chan struct{} // closed when it has ended
}

// begin starts a subcommand of the built binary. It ends with the test.
func begin(t *testing.T, env []string, subcommand string) *process {
	t.Helper()
	bin := os.Getenv("FIRSTFIX_BIN")
	if bin == "" {
		t.Fatal("FIRSTFIX_BIN is not set and this test needs the directory of the built binary: run make test")
	}
	log := &journal{}
	p := &process{command: exec.Command(filepath.Join(bin, "firstfix"), subcommand), log: log, ended: make(chan struct{})}
	p.command.Env, p.command.Stdout, p.command.Stderr = env, log, log
	if err := p.command.Start(); err != nil {
		t.Fatalf("start firstfix %s: %v", subcommand, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is what the test asked for
	}()
	t.Cleanup(func() {
		p.kill()
		if text := log.String(); t.Failed() {
			t.Logf("firstfix %s said at last:\n%s", subcommand, text[max(0, len(text)-4000):])
		}
	})
	return p
}

// kill ends a process by SIGKILL, without a word to it, and gives the CPU time
// that it took.
func (p *process) kill() time.Duration {
	_ = p.command.Process.Kill() // it may have ended by itself
	<-p.ended
	return p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
}

// says waits until the process has logged what matches, and gives its group.
func (p *process) says(t *testing.T, pattern string) string {
	t.Helper()
	expected := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if m := expected.FindStringSubmatch(p.log.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-p.ended:
			t.Fatalf("it ended before it said %s:\n%s", pattern, p.log)
		default:
		}
	}
	t.Fatalf("it does not say %s:\n%s", pattern, p.log)
	return ""
}

// processEnv is the environment of every process of a company.
func processEnv(c *company.Company, more ...string) []string {
	return append([]string{"FIRSTFIX_DATABASE_URL=" + c.DB.URL, "FIRSTFIX_SEAL_SECRET=" + secret, "FIRSTFIX_DEVELOPMENT=true"}, more...)
}

// server is a process that serves, and a connection to it.
type server struct {
	*process
	conn *grpc.ClientConn
}

// fleet is servers side by side. A client asks whichever comes next, as behind a
// load balancer that has not yet noticed which of them is dead.
type fleet struct {
	env []string

	mu      sync.Mutex
	servers []server
	turn    int
	cpu     time.Duration

	calls, repeats atomic.Int64
}

func newFleet(t *testing.T, c *company.Company, size int) *fleet {
	t.Helper()
	f := &fleet{env: processEnv(c, "FIRSTFIX_ISSUERS=[]", "FIRSTFIX_GRPC_ADDRESS=127.0.0.1:0", "FIRSTFIX_HTTP_ADDRESS=127.0.0.1:0", "FIRSTFIX_RATE_FACTOR=1000")}
	for range size {
		f.servers = append(f.servers, f.serve(t))
	}
	t.Cleanup(func() {
		for _, s := range f.servers {
			_ = s.conn.Close() // nothing is under way any more
		}
	})
	return f
}

func (f *fleet) serve(t *testing.T) server {
	t.Helper()
	p := begin(t, f.env, "serve")
	conn, err := grpc.NewClient(p.says(t, `"grpc":"([^"]+)"`), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return server{p, conn}
}

// replace kills a server and starts another one in its place. In between the
// dead one goes on being asked.
func (f *fleet) replace(t *testing.T, which int) {
	t.Helper()
	f.mu.Lock()
	old := f.servers[which]
	f.mu.Unlock()
	spent := old.kill()
	fresh := f.serve(t)
	f.mu.Lock()
	f.servers[which], f.cpu = fresh, f.cpu+spent
	f.mu.Unlock()
	_ = old.conn.Close() // its server is gone
}

// spent ends the fleet and gives the CPU time that all its servers took.
func (f *fleet) spent() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.servers {
		f.cpu += s.kill()
	}
	return f.cpu
}

func (f *fleet) next() pb.BookingServiceClient {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	return pb.NewBookingServiceClient(f.servers[f.turn%len(f.servers)].conn)
}

// insist makes a call until its outcome is known: a server that died or a race
// that was lost says nothing about it, so the same request goes out again.
func insist[Q, A any](ctx context.Context, f *fleet, method func(pb.BookingServiceClient, context.Context, Q, ...grpc.CallOption) (A, error), request Q) (A, error) {
	for {
		f.calls.Add(1)
		attempt, stop := context.WithTimeout(ctx, 15*time.Second)
		answer, err := method(f.next(), attempt, request)
		stop()
		switch status.Code(err) {
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
			if ctx.Err() != nil {
				return answer, err
			}
			f.repeats.Add(1)
			time.Sleep(20 * time.Millisecond)
		default:
			return answer, err
		}
	}
}

// gate is the way to a server: while it is shut, whoever connects is cut off.
type gate struct {
	listener net.Listener
	to       string
	open     atomic.Bool
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	g := &gate{listener: listener, to: to}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go g.carry(near)
		}
	}()
	return g
}

func (g *gate) carry(near net.Conn) {
	defer near.Close()
	if !g.open.Load() {
		return
	}
	var dialer net.Dialer
	far, err := dialer.DialContext(context.Background(), "tcp", g.to)
	if err != nil {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, near); _ = far.(*net.TCPConn).CloseWrite() }()
	_, _ = io.Copy(near, far)
}
