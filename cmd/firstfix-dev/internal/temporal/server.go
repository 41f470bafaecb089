// Package temporal runs a Temporal server with its web page inside a Go
// program, on the stack's own PostgreSQL.
//
// It is meant to be a process of its own (firstfix-dev temporal), so that it can
// be stopped, killed and started again while everything else goes on. Its cold
// compile costs minutes; nothing but that command imports it.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

// historyShards is few, since every shard costs queue readers, and fixed: it
// cannot change once a database has been made.
const historyShards = 4

const loopback = "127.0.0.1"

// Options says where the server keeps its data and where it listens.
type Options struct {
	// DatabaseURL names server, user and password; its path is ignored. The
	// databases are named by the constants below and have to exist.
	DatabaseURL string
	Ports       Ports
}

// Ports are the ports of the loopback that the server's parts listen on.
type Ports struct {
	Frontend, FrontendHTTP, History, Matching, Worker, Page int
}

// The databases of the server. The second needs the extension btree_gin.
const (
	Database           = "temporal"
	VisibilityDatabase = "temporal_visibility"
)

// Namespace is the one namespace that is registered; the SDK's own default.
const Namespace = "default"

// Run brings the schemas up to date, starts all services and the web page, and
// blocks until ctx is done. It is ready once its HTTP port shows the namespace.
func Run(ctx context.Context, opts Options) error {
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Stdout: true, Level: "warn"}))
	stores, err := newStores(opts.DatabaseURL)
	if err != nil {
		return err
	}
	if err := stores.migrate(logger); err != nil {
		return err
	}
	server, err := newServer(opts.Ports, stores, logger)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the Temporal server: %w", err)
	}
	if err := registerNamespace(ctx, opts.Ports.address()); err != nil {
		return errors.Join(err, server.Stop())
	}
	page := newPage(opts.Ports)
	go page.Start() //nolint:errcheck // it ends the process itself when it cannot listen
	<-ctx.Done()
	page.Stop()
	return server.Stop()
}

func (p Ports) address() string { return net.JoinHostPort(loopback, strconv.Itoa(p.Frontend)) }

func newServer(ports Ports, stores stores, logger log.Logger) (temporal.Server, error) {
	cfg := &config.Config{
		Persistence:         stores.persistence(),
		Services:            ports.services(),
		ClusterMetadata:     clusterMetadata(ports),
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchival{State: config.ArchivalDisabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: config.ArchivalDisabled},
		}},
		PublicClient: config.PublicClient{HostPort: ports.address()},
	}
	cfg.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}
	server, err := temporal.NewServer(
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithConfig(cfg),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithDynamicConfigClient(dynamicSettings()),
		// The hosts are known: a ring of gossip would only cost time after a
		// kill, until the dead entries of its last life have expired.
		temporal.WithStaticHosts(ports.hosts()),
	)
	if err != nil {
		return nil, fmt.Errorf("make the Temporal server: %w", err)
	}
	return server, nil
}

// dynamicSettings are what production sets too, and what one machine allows.
func dynamicSettings() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// One tenant's backlog must not hold up another's.
		dynamicconfig.MatchingEnableFairness.Key(): true,
		// A replay and the tests start thousands of workflows in a burst.
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key(): 10_000,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():           10_000,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():          10_000,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():          10_000,
		// One partition per task queue: more are for many machines.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// Every test that runs workers is an installation, and every build that
		// somebody tries a version.
		dynamicconfig.MatchingMaxDeployments.Key():          10_000,
		dynamicconfig.MatchingMaxVersionsInDeployment.Key(): 1_000,
		dynamicconfig.MatchingMaxVersionsInTaskQueue.Key():  2_000,
	}
}

func (p Ports) services() map[string]config.Service {
	service := func(port, http int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, HTTPPort: http, BindOnLocalHost: true}}
	}
	return map[string]config.Service{
		string(primitives.FrontendService): service(p.Frontend, p.FrontendHTTP),
		string(primitives.HistoryService):  service(p.History, 0),
		string(primitives.MatchingService): service(p.Matching, 0),
		string(primitives.WorkerService):   service(p.Worker, 0),
	}
}

func (p Ports) hosts() map[primitives.ServiceName]static.Hosts {
	host := func(port int) static.Hosts {
		return static.SingleLocalHost(net.JoinHostPort(loopback, strconv.Itoa(port)))
	}
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: host(p.Frontend),
		primitives.HistoryService:  host(p.History),
		primitives.MatchingService: host(p.Matching),
		primitives.WorkerService:   host(p.Worker),
	}
}

func clusterMetadata(ports Ports) *cluster.Config {
	const name = "active"
	return &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        name,
		CurrentClusterName:       name,
		ClusterInformation: map[string]cluster.ClusterInformation{
			name: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: ports.address()},
		},
	}
}

// newPage makes the web page. It has no news to fetch and nobody to log in.
func newPage(ports Ports) *uiserver.Server {
	return uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: ports.address(),
		Host:                loopback,
		Port:                ports.Page,
		EnableUI:            true,
		DefaultNamespace:    Namespace,
		DisableNewsFetch:    true,
		HideLogs:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true},
	}))
}
