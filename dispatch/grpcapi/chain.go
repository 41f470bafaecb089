package grpcapi

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/firstfix/firstfix/dispatch"
)

// chain is what every call passes, unary or stream. The order is that of the
// security rules: who calls, what he may, how often, and only then what he says,
// so that a stranger learns nothing of the rules for a request.
type chain struct {
	auth     *authenticator
	limits   *limits
	proxies  proxies
	log      *slog.Logger
	stopping context.Context //nolint:containedctx // done when the server stops; streams end with it
}

// passage is one call on its way through the chain.
type passage struct {
	chain    *chain
	method   string
	id       uuid.UUID // in the log and in the answer of an internal error
	began    time.Time
	call     dispatch.Call
	admitted bool // the call's principal is known
}

// unary is the interceptor of unary calls.
func (c *chain) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if !strings.HasPrefix(info.FullMethod, ours) {
		return handler(ctx, req)
	}
	p := c.passage(info.FullMethod)
	var answer any
	err := p.run(ctx, func(ctx context.Context) error {
		ctx, leave, err := p.enter(ctx)
		if err != nil {
			return err
		}
		defer leave()
		if ctx, err = p.read(ctx, req); err != nil {
			return err
		}
		answer, err = handler(ctx, req)
		return p.inTime(ctx, conceal(p.call.Principal, err))
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// stream is the interceptor of streams. The request of a server stream passes
// the second half of the chain when the handler receives it.
func (c *chain) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if !strings.HasPrefix(info.FullMethod, ours) {
		return handler(srv, stream)
	}
	p := c.passage(info.FullMethod)
	return p.run(stream.Context(), func(ctx context.Context) error {
		ctx, leave, err := p.enter(ctx)
		if err != nil {
			return err
		}
		defer leave()
		release, err := c.limits.hold(p.call.Principal)
		if err != nil {
			return err
		}
		defer release()
		ctx, end := context.WithCancelCause(ctx)
		defer end(nil)
		defer context.AfterFunc(c.stopping, func() { end(serverStopping()) })()
		watched := &watchedStream{ServerStream: stream, passage: p, ctx: ctx, patience: sendPatience}
		return p.inTime(ctx, conceal(p.call.Principal, handler(srv, watched)))
	})
}

func (c *chain) passage(method string) *passage {
	return &passage{chain: c, method: method, id: uuid.New(), began: time.Now()}
}

// run calls fn, turns a panic into an internal error, the error into a status,
// and writes the one line of the log.
func (p *passage) run(ctx context.Context, fn func(context.Context) error) error {
	err := p.guarded(ctx, fn)
	if err == nil {
		p.report(ctx, status.New(codes.OK, ""), nil)
		return nil
	}
	s := statusOf(err)
	if s.Code() == codes.Internal {
		refused := dispatch.Refuse(dispatch.ReasonInternal, "", "something is wrong with us; the log has it under call %s", p.id)
		s = refusalStatus(refused.With("call", p.id.String()))
	}
	if wait := pushback(s); wait != "" {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", wait)) // the call may be over
	}
	p.report(ctx, s, err)
	return s.Err()
}

func (p *passage) guarded(ctx context.Context, fn func(context.Context) error) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = fmt.Errorf("panic: %v\n%s", thrown, debug.Stack())
		}
	}()
	return fn(ctx)
}

// report writes the line. It names nobody: neither principal nor address nor
// anything of the request.
func (p *passage) report(ctx context.Context, s *status.Status, err error) {
	attrs := []slog.Attr{
		slog.String("method", p.method),
		slog.String("code", s.Code().String()),
		slog.Duration("duration", time.Since(p.began)),
		slog.String("call", p.id.String()),
	}
	if reason := reasonOf(s); reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	if p.admitted && !p.call.Principal.Tenant.IsZero() {
		attrs = append(attrs, slog.String("tenant", p.call.Principal.Tenant.String()), slog.String("role", string(p.call.Principal.Role)))
	}
	level := slog.LevelInfo
	switch s.Code() {
	case codes.Internal, codes.Unavailable, codes.DeadlineExceeded:
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", causes(err)))
	}
	p.chain.log.LogAttrs(ctx, level, "call", attrs...)
}

// causes is the text of an error with what a refusal keeps from clients.
func causes(err error) string {
	if refused, ok := err.(*dispatch.Error); ok && refused.Unwrap() != nil { //nolint:errorlint // only the outermost hides its cause
		return refused.Error() + ": " + refused.Unwrap().Error()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// enter is the half of the chain that needs no request: deadline, who calls,
// what he may, how often. A stream ends with the token that opened it.
func (p *passage) enter(ctx context.Context) (context.Context, context.CancelFunc, error) {
	limit := access[p.method].cap
	if limit == 0 {
		limit = shortCap
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	expiry, err := p.admit(ctx)
	if err != nil {
		err = p.inTime(ctx, err)
		cancel()
		return nil, nil, err
	}
	if expiry.IsZero() {
		return ctx, cancel, nil
	}
	over := dispatch.Refuse(dispatch.ReasonTokenExpired, "", "the token has expired while the call was under way; get a new one")
	ctx, release := context.WithDeadlineCause(ctx, expiry, over)
	return ctx, func() { release(); cancel() }, nil
}

// admit fills the call's principal and gives when his token is over.
func (p *passage) admit(ctx context.Context) (expiry time.Time, err error) {
	c := p.chain
	p.call = dispatch.Call{Method: p.method}
	if !access[p.method].public {
		if p.call.Principal, expiry, err = c.auth.caller(ctx); err != nil {
			return time.Time{}, err
		}
		p.admitted = true
		if err := authorize(p.call.Principal, p.method); err != nil {
			return time.Time{}, err
		}
	}
	return expiry, c.limits.take(p.call.Principal, access[p.method].public, c.proxies.address(ctx))
}

// read is the half that looks at the request: size, shape, idempotency key.
func (p *passage) read(ctx context.Context, message any) (context.Context, error) {
	req, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("the request is a %T, expected a message of the contract", message)
	}
	if err := checkSize(p.method, req); err != nil {
		return nil, err
	}
	if err := checkShape(req); err != nil {
		return nil, err
	}
	var err error
	if p.call.RequestID, p.call.Hash, err = requestKey(req); err != nil {
		return nil, err
	}
	return withCall(ctx, p.call), nil
}

// inTime says of an error that it is the deadline's fault, where it is: what a
// driver returns then is not always the context's error.
func (p *passage) inTime(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || dispatch.ReasonOf(err) != "" {
		return err
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}

func serverStopping() error {
	refused := dispatch.Refuse(dispatch.ReasonServerStopping, "", "this server is being stopped; another one answers")
	refused.RetryAfter = time.Second
	return refused
}

// sendPatience is how long a stream waits for its caller to read.
const sendPatience = 30 * time.Second

// watchedStream is a stream on its way through the chain.
type watchedStream struct {
	grpc.ServerStream
	passage *passage
	ctx     context.Context //nolint:containedctx // grpc's streams carry theirs
	// patience is how long a message waits for its caller to read.
	patience time.Duration
}

// Context is the handler's: with the call, once the request has been read.
func (s *watchedStream) Context() context.Context { return s.ctx }

// RecvMsg receives the request and checks it.
func (s *watchedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	ctx, err := s.passage.read(s.ctx, m)
	if err == nil {
		s.ctx = ctx
	}
	return err
}

// SendMsg sends one message. It gives up on a caller who does not read, and when
// the stream's time is over; the message is then lost with the stream.
func (s *watchedStream) SendMsg(m any) error {
	sent := make(chan error, 1)
	go func() { sent <- s.ServerStream.SendMsg(m) }()
	patience := time.NewTimer(s.patience)
	defer patience.Stop()
	select {
	case err := <-sent:
		return err
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-patience.C:
		return dispatch.Refuse(dispatch.ReasonStreamConsumerTooSlow, "", "the caller has read nothing for %s; resume with the last resume token", s.patience)
	}
}
