package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	"github.com/firstfix/firstfix/dispatch"
)

// Config is what a server needs.
type Config struct {
	Store    dispatch.Store
	Ping     func(context.Context) error // whether the database answers
	Seal     *dispatch.Seal
	Issuers  []Issuer
	Services Services
	OpenAPI  []byte // the document that is served

	Log         *slog.Logger
	Development bool           // reflection
	RateFactor  float64        // multiplies every allowance; 0 means 1
	Proxies     []netip.Prefix // whose X-Forwarded-For is believed
	Origins     []string       // of browsers that may call, e.g. "https://book.example.org"

	// HTTPClient asks the issuers for their keys, Now tells the real time; both
	// have defaults.
	HTTPClient *http.Client
	Now        func() time.Time
}

// Server is the doors of one process: gRPC, and HTTP/JSON in front of the same
// services.
type Server struct {
	chain  *chain
	ping   func(context.Context) error
	log    *slog.Logger
	health *health.Server
	outer  *grpc.Server // for the network
	inner  *grpc.Server // for our own gateway, in this process
	pipe   *bufconn.Listener
	conn   *grpc.ClientConn
	http   *http.Server
	stop   context.CancelFunc // ends the streams
}

// New makes a server. It refuses a method without a row in the table of access.
func New(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.RateFactor == 0 {
		c.RateFactor = 1
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Timeout: fetchTimeout}
	}
	auth := &authenticator{issuers: map[string]*issuer{}, seal: c.Seal, store: c.Store, now: c.Now}
	for _, i := range c.Issuers {
		auth.issuers[i.Issuer] = &issuer{
			name: i.Issuer, audience: i.Audience, tenant: i.Tenant,
			keys: newKeySet(i.Issuer, c.HTTPClient, c.Now, c.Log),
		}
	}
	stopping, stop := context.WithCancel(context.Background())
	s := &Server{
		chain: &chain{
			auth: auth, limits: newLimits(c.RateFactor, c.Now),
			proxies: c.Proxies, log: c.Log, stopping: stopping,
		},
		ping: c.Ping, log: c.Log, health: health.NewServer(), stop: stop,
		pipe: bufconn.Listen(1 << 20),
	}
	s.outer = s.grpcServer(c, outerOptions()...)
	s.inner = s.grpcServer(c, grpc.MaxConcurrentStreams(innerStreams))
	if err := checkAccess(s.outer.GetServiceInfo()); err != nil {
		return nil, err
	}
	var err error
	if s.conn, err = dialPipe(s.pipe); err != nil {
		return nil, err
	}
	if s.http, err = s.httpServer(c); err != nil {
		return nil, err
	}
	return s, nil
}

// The limits of the transport (a hostile peer costs bounded memory and is in
// nobody's way).
const (
	transportLimit  = 4<<20 + 64<<10 // the largest import with its envelope; other methods have largestRequest
	headerLimit     = 16 << 10
	streamsPerConn  = 100
	innerStreams    = 10_000 // of the gateway's one connection; HTTP connections are what is limited
	handshakeTime   = 10 * time.Second
	connectionAge   = 30 * time.Minute
	connectionGrace = time.Minute
	connectionIdle  = 5 * time.Minute
)

func outerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxConcurrentStreams(streamsPerConn),
		grpc.MaxHeaderListSize(headerLimit),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: connectionIdle, MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionGrace,
			Time: time.Minute, Timeout: 20 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 20 * time.Second, PermitWithoutStream: true}),
	}
}

// grpcServer makes a server with all services behind the chain.
func (s *Server) grpcServer(c Config, options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options,
		grpc.MaxRecvMsgSize(transportLimit),
		grpc.StatsHandler(otelgrpc.NewServerHandler()),
		grpc.UnaryInterceptor(s.chain.unary),
		grpc.StreamInterceptor(s.chain.stream),
		grpc.WaitForHandlers(true),
	)...)
	services := c.Services
	services.Seal, services.Now = c.Seal, c.Now
	Register(server, services)
	grpc_health_v1.RegisterHealthServer(server, s.health)
	if c.Development {
		reflection.Register(server)
	}
	return server
}

// stopPatience is how long calls under way may take to end when the server
// stops. It is longer than most calls and shorter than what an orchestrator
// waits before it kills.
const stopPatience = 20 * time.Second

// Serve answers on both listeners until ctx is done, then stops: no new calls,
// streams end with SERVER_STOPPING, other calls under way have stopPatience.
func (s *Server) Serve(ctx context.Context, grpcListener, httpListener net.Listener) error {
	ended := make(chan error, 3)
	go func() { ended <- s.inner.Serve(s.pipe) }()
	go func() { ended <- s.outer.Serve(limitConnections(grpcListener, s.chain.proxies)) }()
	go func() { ended <- s.http.Serve(limitConnections(httpListener, s.chain.proxies)) }()
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	go s.watchDatabase(watching)
	select {
	case <-ctx.Done():
		return s.shutdown()
	case err := <-ended:
		return errors.Join(fmt.Errorf("serve: %w", err), s.shutdown())
	}
}

func (s *Server) shutdown() error {
	s.health.Shutdown()
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.outer.GracefulStop()
	}()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop HTTP: %w", err), s.http.Close())
	}
	select {
	case <-drained:
	case <-ctx.Done():
		s.outer.Stop()
		err = errors.Join(err, fmt.Errorf("stop gRPC: calls were still under way after %s", stopPatience))
	}
	s.inner.Stop()
	return errors.Join(err, s.conn.Close())
}

// watchDatabase keeps the health service's answer current. Readiness fails only
// while PostgreSQL is away: without Temporal, routing or an issuer an instance
// still serves, and one such outage must not take all of them out of rotation.
func (s *Server) watchDatabase(ctx context.Context) {
	const every = 5 * time.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		state := grpc_health_v1.HealthCheckResponse_SERVING
		if err := s.ready(ctx); err != nil {
			state = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		if ctx.Err() != nil {
			return
		}
		s.health.SetServingStatus("", state)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ready reports whether the database answers, soon.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return s.ping(ctx)
}
