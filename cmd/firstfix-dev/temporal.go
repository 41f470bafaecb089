package main

import (
	"context"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/temporal"
)

// temporalCommand is the process of the embedded Temporal server. The stack
// starts it; by hand it serves to look at a stack's data without the rest.
type temporalCommand struct {
	DatabaseURL      string `env:"FIRSTFIX_DEV_TEMPORAL_DATABASE_URL" required:"" help:"PostgreSQL with the databases temporal and temporal_visibility."`
	FrontendPort     int    `default:"7233" help:"Port of gRPC."`
	FrontendHTTPPort int    `default:"7243" help:"Port of HTTP."`
	HistoryPort      int    `default:"7234" help:"Port between the services."`
	MatchingPort     int    `default:"7235" help:"Port between the services."`
	WorkerPort       int    `default:"7239" help:"Port between the services."`
	PagePort         int    `default:"8233" help:"Port of the web page."`
}

// Run implements kong's command.
func (t *temporalCommand) Run(ctx context.Context) error {
	return temporal.Run(ctx, temporal.Options{
		DatabaseURL: t.DatabaseURL,
		Ports: temporal.Ports{
			Frontend:     t.FrontendPort,
			FrontendHTTP: t.FrontendHTTPPort,
			History:      t.HistoryPort,
			Matching:     t.MatchingPort,
			Worker:       t.WorkerPort,
			Page:         t.PagePort,
		},
	})
}
