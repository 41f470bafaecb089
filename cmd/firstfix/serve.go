package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
	"github.com/firstfix/firstfix/dispatch/outbound/blob"
	"github.com/firstfix/firstfix/dispatch/postgres"
	"github.com/firstfix/firstfix/dispatch/workforce"
	firstfixv1 "github.com/firstfix/firstfix/proto/firstfix/v1"
)

type serveCommand struct{}

// Run implements kong's command.
func (serveCommand) Run(ctx context.Context, c *config, log *slog.Logger) error {
	if err := c.validate(needDatabase, needIssuers, needSeal, needEgress, needListeners); err != nil {
		return err
	}
	store, err := postgres.Open(ctx, c.DatabaseURL, 0)
	if err != nil {
		return err
	}
	defer store.Close()
	album, err := blob.Open(ctx, c.BlobURL)
	if err != nil {
		return fmt.Errorf("FIRSTFIX_BLOB_URL: %w", err)
	}
	defer func() { _ = album.Close() }() // nothing is under way any more
	imports := workforce.NewImporter(store, store, log)
	server, err := newServer(c, store, album, imports, log)
	if err != nil {
		return err
	}
	grpcListener, httpListener, err := listen(ctx, c)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", "grpc", grpcListener.Addr().String(), "http", httpListener.Addr().String())
	// Imports go on beside the calls; one that a stop ends is another server's.
	var importing sync.WaitGroup
	defer importing.Wait()
	running, stop := context.WithCancel(ctx)
	defer stop()
	importing.Go(func() { imports.Run(running) })
	return server.Serve(ctx, grpcListener, httpListener)
}

func newServer(c *config, store *postgres.Store, album dispatch.Album, imports *workforce.Importer, log *slog.Logger) (*grpcapi.Server, error) {
	seal, err := dispatch.NewSeal([]byte(c.SealSecret))
	if err != nil {
		return nil, err
	}
	issuers, faults := c.issuers()
	proxies, more := c.proxies()
	egress, yetMore := c.egress()
	if err := errors.Join(slices.Concat(faults, more, yetMore)...); err != nil {
		return nil, err
	}
	return grpcapi.New(grpcapi.Config{
		Store: store, Ping: store.Ping, Seal: seal,
		Issuers:  issuers,
		Services: services(store, seal, egress, album, imports, log),
		OpenAPI:  firstfixv1.OpenAPI,
		Log:      log, Development: c.Development, RateFactor: c.RateFactor,
		Proxies: proxies, Origins: c.CORSOrigins,
	})
}

// services are the use cases behind the handlers.
func services(store *postgres.Store, seal *dispatch.Seal, egress dispatch.Egress, album dispatch.Album, imports *workforce.Importer, log *slog.Logger) grpcapi.Services {
	u := newUseCases(store, seal, egress, log)
	return grpcapi.Services{
		Seal: seal, Booking: u.booking, Planning: u.planning, Fieldwork: u.fieldwork, Referral: u.referral,
		Photos: fieldwork.NewPhotos(store, album), Stock: fieldwork.NewStock(store), Insight: u.insight, Workforce: u.workforce, Imports: imports,
	}
}

func listen(ctx context.Context, c *config) (grpcListener, httpListener net.Listener, err error) {
	var config net.ListenConfig
	if grpcListener, err = config.Listen(ctx, "tcp", c.GRPCAddress); err != nil {
		return nil, nil, fmt.Errorf("listen for gRPC: %w", err)
	}
	if httpListener, err = config.Listen(ctx, "tcp", c.HTTPAddress); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listen for HTTP: %w", err), grpcListener.Close())
	}
	return grpcListener, httpListener, nil
}
