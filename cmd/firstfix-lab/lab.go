package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
)

// lab is a stack of its own with two servers and two workers, all of which can be
// killed.
type lab struct {
	options

	log     io.Writer
	dir     string // for files of the attack, removed at the end
	random  *rand.Rand
	stack   *devstack.Stack
	control *devstack.Control

	servers []*program
	workers []*program
	conns   []*grpc.ClientConn
	turn    atomic.Uint64

	requests, acked, unknown atomic.Int64
	// impatient is how many of the tries of a call give up before the answer comes, and
	// deaf how many of the answers to a change are lost on the way, so that it is asked
	// for again.
	impatient, deaf float64
	gaveUp, lost    atomic.Int64
	differing       atomic.Int64 // answers to a repeat that were not those to the first try
	mu              sync.Mutex
	took            []time.Duration
}

// open starts PostgreSQL, Temporal, an issuer and a server; the second server and
// the workers are begun by the attack, which says what they may reach.
func open(ctx context.Context, o options, log io.Writer) (*lab, error) {
	dir, err := os.MkdirTemp("", "firstfix-lab-")
	if err != nil {
		return nil, err
	}
	l := &lab{options: o, log: log, dir: dir, random: rand.New(rand.NewPCG(o.Seed, 8))} //nolint:gosec // a schedule that can be repeated
	if l.stack, err = devstack.Start(ctx, o.Bin, log, nil, "--no-work"); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	l.control = devstack.NewControl(l.stack.Status.Control)
	if err := l.dial(l.stack.Status.GRPC); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) close() error {
	for _, conn := range l.conns {
		_ = conn.Close() // nothing is under way any more
	}
	for _, p := range append(l.servers, l.workers...) {
		p.kill()
	}
	return errors.Join(l.stack.Stop(), os.RemoveAll(l.dir))
}

func (l *lab) dial(address string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	l.conns = append(l.conns, conn)
	return nil
}

// begin starts the second server and the two workers, with more variables than the
// stack's.
func (l *lab) begin(ctx context.Context, env map[string]string) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	web, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	variables := os.Environ()
	for name, value := range l.stack.Status.Environment {
		variables = append(variables, name+"="+value)
	}
	for name, value := range env {
		variables = append(variables, name+"="+value)
	}
	serve := append(variables[:len(variables):len(variables)], "FIRSTFIX_GRPC_ADDRESS="+address, "FIRSTFIX_HTTP_ADDRESS="+web)
	l.servers = []*program{{path: filepath.Join(l.Bin, "firstfix"), args: []string{"serve"}, env: serve, log: l.log}}
	for range 2 {
		l.workers = append(l.workers, &program{path: filepath.Join(l.Bin, "firstfix"), args: []string{"work"}, env: variables, log: l.log})
	}
	for _, p := range append(l.servers, l.workers...) {
		if err := p.start(); err != nil {
			return err
		}
	}
	return l.dial(address)
}

// freeAddress is one on the loopback that nobody listens on just now.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// program is a program of ours that can be killed and started again.
type program struct {
	path string
	args []string
	env  []string
	log  io.Writer

	mu      sync.Mutex
	running *exec.Cmd
}

func (p *program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, p.log, p.log
	devstack.StopWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start firstfix %s: %w", p.args[0], err)
	}
	p.running = cmd
	return nil
}

// kill ends it by SIGKILL, if it runs.
func (p *program) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		return
	}
	_ = p.running.Process.Kill() // it may have ended by itself
	_ = p.running.Wait()         // how it ended is what was asked for
	p.running = nil
}

// as makes calls those of whoever holds the token.
func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// answerWithin is how long one try of a call may take, and patience that of one that
// gives up: in the middle of the work, as often as not.
const (
	answerWithin = 10 * time.Second
	throttled    = 300 * time.Millisecond // until a call that was one too many goes out again
	patience     = 200 * time.Millisecond
)

// waits is how long the next try of a call waits for its answer.
func (l *lab) waits() time.Duration {
	if rand.Float64() >= l.impatient { //nolint:gosec // chance
		return answerWithin
	}
	l.gaveUp.Add(1)
	return time.Millisecond + rand.N(patience) //nolint:gosec // chance
}

// loses says whether the answer to a request is lost: to a change that can be asked for
// again.
func (l *lab) loses(request any) bool {
	_, change := request.(interface{ GetRequestId() string })
	if !change || rand.Float64() >= l.deaf { //nolint:gosec // chance
		return false
	}
	l.lost.Add(1)
	return true
}

// insist makes a call until its outcome is known: a server that died says nothing about
// it, so the same request goes out again, to whichever server comes next.
func insist[Q any, A proto.Message](ctx context.Context, l *lab, call func(context.Context, grpc.ClientConnInterface, Q) (A, error), request Q) (A, error) {
	begun := time.Now()
	var first proto.Message // an answer that was lost
	for {
		l.requests.Add(1)
		attempt, stop := context.WithTimeout(ctx, l.waits())
		answer, err := call(attempt, l.conns[l.turn.Add(1)%uint64(len(l.conns))], request)
		stop()
		switch status.Code(err) { //nolint:exhaustive // the rest is known
		case codes.OK:
			if first != nil && !proto.Equal(first, answer) {
				l.differing.Add(1)
			}
			if first == nil && l.loses(request) {
				first = answer
				continue
			}
			l.acked.Add(1)
			l.mu.Lock()
			l.took = append(l.took, time.Since(begun))
			l.mu.Unlock()
			return answer, nil
		case codes.ResourceExhausted: // too many at once: nothing happened
			if err := devstack.Sleep(ctx, throttled); err != nil {
				return answer, err
			}
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
			if ctx.Err() != nil {
				return answer, err
			}
			l.unknown.Add(1)
			if err := devstack.Sleep(ctx, 50*time.Millisecond); err != nil {
				return answer, err
			}
		default:
			return answer, err
		}
		if isStale(err) {
			return answer, err
		}
	}
}

// isStale reports whether a call was refused because it was decided on what is not true
// any more: to repeat it does not help.
func isStale(err error) bool {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == "ETAG_MISMATCH" {
			return true
		}
	}
	return false
}

// fault is something that is done to the stack.
type fault struct {
	name string
	do   func(context.Context) error
}

// away is how long what was killed is away.
const away = time.Second

// faults are those that every attack may use: each brings back what it killed.
func (l *lab) faults() []fault {
	kill := func(p *program) func(context.Context) error {
		return func(ctx context.Context) error {
			p.kill()
			return errors.Join(devstack.Sleep(ctx, away), p.start())
		}
	}
	part := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := l.control.Act(ctx, "kill", name, ""); err != nil {
				return err
			}
			return errors.Join(devstack.Sleep(ctx, away), l.control.Act(context.WithoutCancel(ctx), "start", name, ""))
		}
	}
	return []fault{
		{"worker_killed", kill(l.workers[0])},
		{"worker_killed", kill(l.workers[1])},
		{"postgres_killed", part("postgres")},
		{"server_killed", kill(l.servers[0])},
		{"server_killed", part("serve")},
	}
}

// harassed runs an attack's calls while faults are injected.
func (l *lab) harassed(ctx context.Context, every time.Duration, count map[string]int, calls func(context.Context) error) error {
	harassing, calm := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- l.harass(harassing, every, count) }()
	err := calls(ctx)
	calm()
	return errors.Join(err, <-done)
}

// harass injects faults one after another until ctx ends, and counts them.
func (l *lab) harass(ctx context.Context, every time.Duration, count map[string]int) error {
	all := l.faults()
	order := l.random.Perm(len(all))
	for i := 0; ; i++ {
		if err := devstack.Sleep(ctx, every); err != nil {
			return nil //nolint:nilerr // that is the end
		}
		f := all[order[i%len(order)]]
		// What was begun is finished, so that everything is back at the end.
		if err := f.do(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		count[f.name]++
	}
}
