package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres"
	"github.com/firstfix/firstfix/dispatch/workforce"
)

type tenantCommands struct {
	Create tenantCreateCommand `cmd:"" help:"Make a tenant with its first administrator; prints its id and the key of its booking page."`
}

type tenantCreateCommand struct {
	Slug         string `required:"" placeholder:"WORD" help:"Short name, unique in this installation: lower case letters, digits and dashes."`
	Name         string `required:"" help:"The company's name."`
	Currency     string `required:"" placeholder:"CODE" help:"ISO 4217, e.g. EUR."`
	TimeZone     string `required:"" placeholder:"ZONE" help:"IANA zone, e.g. Europe/Berlin."`
	Language     string `required:"" placeholder:"TAG" help:"BCP 47, e.g. de: of messages to customers who chose none."`
	AdminIssuer  string `required:"" placeholder:"URL" help:"Claim iss of the first administrator's tokens."`
	AdminSubject string `required:"" placeholder:"SUB" help:"Claim sub of the first administrator's tokens."`
	AdminName    string `required:"" help:"The first administrator's name."`
	AsJSON       bool   `name:"json" help:"Print JSON."`
}

// Run implements kong's command.
func (t tenantCreateCommand) Run(ctx context.Context, c *config, s *streams) error {
	if err := c.validate(needDatabase, needSeal); err != nil {
		return err
	}
	seal, err := dispatch.NewSeal([]byte(c.SealSecret))
	if err != nil {
		return err
	}
	store, err := postgres.Open(ctx, c.DatabaseURL, 1)
	if err != nil {
		return err
	}
	defer store.Close()
	tenant, err := workforce.New(store).FoundTenant(ctx,
		dispatch.Tenant{Slug: t.Slug, DisplayName: t.Name, Currency: t.Currency, TimeZone: t.TimeZone, Language: t.Language},
		dispatch.Member{Issuer: t.AdminIssuer, Subject: t.AdminSubject, DisplayName: t.AdminName})
	if err != nil {
		return err
	}
	key, err := seal.Token(dispatch.PurposeBookingSite, dispatch.BookingSite{Tenant: tenant.ID})
	if err != nil {
		return err
	}
	return t.print(s, tenant, key)
}

func (t tenantCreateCommand) print(s *streams, tenant dispatch.Tenant, key string) error {
	if t.AsJSON {
		return json.NewEncoder(s.Out).Encode(map[string]string{
			"tenant": tenant.ID.String(), "slug": tenant.Slug, "booking_site": key,
		})
	}
	_, err := fmt.Fprintf(s.Out, "tenant        %s\nbooking site  %s\n", tenant.ID, key)
	return err
}
