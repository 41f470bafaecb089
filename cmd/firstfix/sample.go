package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/firstfix/firstfix/cmd/internal/sample"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// sampleCommand loads the generated city through the public API.
type sampleCommand struct {
	apiClient
	Issuer      string `env:"FIRSTFIX_SAMPLE_ISSUER" required:"" placeholder:"URL" help:"Issuer of the personas' tokens."`
	BookingSite string `env:"FIRSTFIX_SAMPLE_BOOKING_SITE" placeholder:"KEY" help:"Key of the tenant's booking page, as firstfix tenant create printed it: for a visitor's token."`
	Seed        uint64 `default:"1" help:"Seed of the city (${default})."`
	AsJSON      bool   `name:"json" help:"Print JSON."`
}

// loadedSample is what the development stack reads.
type loadedSample struct {
	sample.Loaded
	Commands []string `json:"commands"`
}

// Run implements kong's command.
func (c *sampleCommand) Run(ctx context.Context, s *streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	now, city := time.Now(), sample.NewCity(c.Seed)
	loaded, err := sample.Loader{Conn: conn, Today: now, Issuer: c.Issuer, Step: newMeter(s.Err).step}.Load(ctx, city)
	if err != nil {
		return fmt.Errorf("load the sample city: %w", err)
	}
	out := loadedSample{Loaded: loaded, Commands: sample.Commands(city, now)}
	if c.BookingSite != "" {
		visitor, err := pb.NewBookingServiceClient(conn).CreateVisitorToken(ctx, &pb.CreateVisitorTokenRequest{BookingSite: c.BookingSite})
		if err != nil {
			return fmt.Errorf("get a visitor's token: %w", said(err))
		}
		out.Personas = append([]sample.Persona{{Name: "visitor", Token: visitor.GetAccessToken()}}, out.Personas...)
	}
	return c.print(s, out)
}

func (c *sampleCommand) print(s *streams, out loadedSample) error {
	if c.AsJSON {
		encoder := json.NewEncoder(s.Out)
		encoder.SetEscapeHTML(false) // the commands are to be read
		return encoder.Encode(out)
	}
	_, err := fmt.Fprintf(s.Out, "%d technicians with %d shifts, %d customers, %d sites, %d assets, %d work orders\n",
		out.Technicians, out.Shifts, out.Customers, out.Sites, out.Assets, out.WorkOrders)
	for _, p := range out.Personas {
		if err == nil && p.Subject != "" {
			_, err = fmt.Fprintf(s.Out, "%-14s %s\n", p.Name, p.Subject)
		}
	}
	return err
}
