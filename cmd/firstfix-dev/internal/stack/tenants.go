package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// SampleTenant is the slug of the tenant that the sample city belongs to.
const SampleTenant = "sample"

// founded are the tenants of a new stack, each with an issuer of its own. The
// second one is there so that the walls between tenants can be tried.
var founded = []struct{ slug, name, currency, timeZone, language string }{
	{SampleTenant, "Sample City Services", "USD", "America/New_York", "en"},
	{"other", "Other Services", "EUR", "Europe/Berlin", "de"},
}

// AdminSubject is the subject of each tenant's first administrator.
const AdminSubject = "admin"

// tenant is what `firstfix tenant create --json` prints.
type tenant struct {
	ID          string `json:"tenant"`
	BookingSite string `json:"booking_site"` // public key of its booking page
}

// foundTenants makes the tenants through bin/firstfix, as an operator would, and
// remembers their ids: the server has to be told them before it starts.
func (s *Stack) foundTenants(ctx context.Context) error {
	path := s.path("tenants.json")
	s.tenants = map[string]tenant{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &s.tenants)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the stack's tenants: %w", err)
	}
	for _, f := range founded {
		if _, ok := s.tenants[f.slug]; ok {
			continue
		}
		printed, err := s.runApp(ctx, "tenant", "create", "--json",
			"--slug="+f.slug, "--name="+f.name, "--currency="+f.currency, "--time-zone="+f.timeZone, "--language="+f.language,
			"--admin-issuer="+s.issuer.URL(f.slug), "--admin-subject="+AdminSubject, "--admin-name=First Administrator")
		if err != nil {
			return fmt.Errorf("found tenant %s: %w", f.slug, err)
		}
		var made tenant
		if err := json.Unmarshal(printed, &made); err != nil {
			return fmt.Errorf("read what firstfix tenant create printed for %s: %w", f.slug, err)
		}
		s.tenants[f.slug] = made
	}
	if text, err = json.MarshalIndent(s.tenants, "", "  "); err != nil {
		return err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("remember the stack's tenants: %w", err)
	}
	return nil
}
