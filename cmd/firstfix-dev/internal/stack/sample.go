package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// tokenLife is how long the printed tokens are good.
const tokenLife = 7 * 24 * time.Hour

// sample is what `firstfix sample --json` tells of the city that it loaded, or
// found loaded.
type sample struct {
	// Personas are one member per role. A visitor, who is nobody to the issuer,
	// comes with a token instead of a subject.
	Personas []struct {
		Name    string `json:"name"`
		Subject string `json:"subject"`
		Token   string `json:"token"`
	} `json:"personas"`
	// Commands are worth trying; they name tokens and addresses as $TECHNICIAN
	// and $API.
	Commands []string `json:"commands"`
}

// loadSample fills the stack with the sample city. A stack without it is still
// of use, so a failure is told and passed over.
func (s *Stack) loadSample(ctx context.Context) sample {
	var loaded sample
	err := s.say.Step("load the sample city", func() error {
		admin, err := s.issuer.Token(SampleTenant, AdminSubject, time.Hour)
		if err != nil {
			return err
		}
		cmd := s.appCommand(s.opts.Binary, "sample", "--json")()
		cmd.Env = append(cmd.Env,
			"FIRSTFIX_TOKEN="+admin,
			"FIRSTFIX_SAMPLE_TENANT="+s.tenants[SampleTenant].ID,
			"FIRSTFIX_SAMPLE_BOOKING_SITE="+s.tenants[SampleTenant].BookingSite,
			"FIRSTFIX_SAMPLE_ISSUER="+s.issuer.URL(SampleTenant),
		)
		printed, err := s.runCommand(ctx, cmd, "sample")
		if err != nil {
			return err
		}
		if err := json.Unmarshal(printed, &loaded); err != nil {
			return fmt.Errorf("read what firstfix sample printed: %w", err)
		}
		return nil
	})
	if err != nil {
		s.say.Note("going on without the sample city: %v", err)
	}
	return loaded
}

// Persona is somebody to try Firstfix as.
type Persona struct {
	Name  string `json:"name"`
	Token string `json:"token"`
}

// Personas returns the sample's personas with a ready token each; without a
// sample only the first administrator, who can make everybody else.
func (s *Stack) Personas() ([]Persona, error) {
	if len(s.sample.Personas) == 0 {
		token, err := s.issuer.Token(SampleTenant, AdminSubject, tokenLife)
		return []Persona{{"administrator", token}}, err
	}
	var ready []Persona
	for _, p := range s.sample.Personas {
		token := p.Token
		if token == "" {
			var err error
			if token, err = s.issuer.Token(SampleTenant, p.Subject, tokenLife); err != nil {
				return nil, fmt.Errorf("token of the sample's %s: %w", p.Name, err)
			}
		}
		ready = append(ready, Persona{p.Name, token})
	}
	return ready, nil
}

// Commands are five or so to try in another terminal, after reading the file of
// variables.
func (s *Stack) Commands() []string {
	if len(s.sample.Commands) > 0 {
		return s.sample.Commands
	}
	return []string{
		`curl -s $API/v1/technicians -H "Authorization: Bearer $ADMINISTRATOR"`,
		`curl -s -X POST $ISSUER/token -d '{"subject": "somebody"}'`,
		"curl -s $MAILBOX.json",
		"curl -s $CONTROL/drained",
		`psql "$FIRSTFIX_MIGRATION_URL" -c '\dt'`,
	}
}

// shellName makes a persona's name a variable's: field lead → FIELD_LEAD.
func shellName(persona string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(persona))
}
