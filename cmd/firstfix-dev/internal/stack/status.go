package stack

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/cluster"
)

// Status is where everything of a stack is found.
type Status struct {
	Dir          string            `json:"dir"`
	GRPC         string            `json:"grpc"` // host and port
	HTTP         string            `json:"http"` // URL
	Control      string            `json:"control"`
	Mailbox      string            `json:"mailbox"`
	TextWebhook  string            `json:"text_webhook"`
	CRM          string            `json:"crm"`      // where webhooks may be sent
	CRMPage      string            `json:"crm_page"` // what came
	SMTP         string            `json:"smtp"`
	Temporal     string            `json:"temporal"`
	TemporalPage string            `json:"temporal_page"`
	SuperuserURL string            `json:"superuser_url"`
	Issuers      map[string]string `json:"issuers"`       // by tenant's slug
	Tenants      map[string]string `json:"tenants"`       // ids by slug
	BookingSites map[string]string `json:"booking_sites"` // public keys by slug
	PIDs         map[string]int    `json:"pids"`          // 0: not running
	Environment  map[string]string `json:"environment"`
}

// Status tells it as it is now.
func (s *Stack) Status() Status {
	status := Status{
		Dir:          s.opts.Dir,
		GRPC:         s.address(portGRPC),
		HTTP:         s.apiURL(),
		Control:      s.webURL() + "/control",
		Mailbox:      s.webURL() + "/mailbox",
		TextWebhook:  s.webURL() + "/mailbox/text",
		CRM:          s.crmURL(),
		CRMPage:      s.webURL() + "/crm.json",
		SMTP:         s.address(portSMTP),
		Temporal:     s.servers.TemporalAddress(),
		TemporalPage: s.servers.TemporalPage(),
		SuperuserURL: s.servers.Database.URL(cluster.Superuser, cluster.Database),
		Issuers:      map[string]string{},
		Tenants:      map[string]string{},
		BookingSites: map[string]string{},
		PIDs:         map[string]int{},
		Environment:  s.Environment(),
	}
	for _, f := range founded {
		status.Issuers[f.slug] = s.issuer.URL(f.slug)
	}
	for slug, tenant := range s.tenants {
		status.Tenants[slug] = tenant.ID
		status.BookingSites[slug] = tenant.BookingSite
	}
	for name, part := range s.parts() {
		status.PIDs[name] = part.PID()
	}
	return status
}

// variables are what the commands to try use, and what bin/firstfix needs.
func (s *Stack) variables() (map[string]string, error) {
	status := s.Status()
	variables := maps.Clone(status.Environment)
	variables["API"] = status.HTTP
	variables["GRPC"] = status.GRPC
	variables["CONTROL"] = status.Control
	variables["MAILBOX"] = status.Mailbox
	variables["CRM"] = status.CRM
	variables["CRM_PAGE"] = status.CRMPage
	variables["ISSUER"] = status.Issuers[SampleTenant]
	variables["TENANT"] = status.Tenants[SampleTenant]
	variables["BOOKING_SITE"] = status.BookingSites[SampleTenant]
	personas, err := s.Personas()
	if err != nil {
		return nil, err
	}
	for _, persona := range personas {
		variables[shellName(persona.Name)] = persona.Token
	}
	return variables, nil
}

// WriteVariables writes a file that a shell reads with `. file`, and returns its
// path.
func (s *Stack) WriteVariables() (string, error) {
	variables, err := s.variables()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&text, "export %s='%s'\n", name, strings.ReplaceAll(variables[name], "'", `'\''`))
	}
	path := s.path("env")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return "", fmt.Errorf("write the file of variables: %w", err)
	}
	return path, nil
}

// Describe prints what a person needs after a start.
func (s *Stack) Describe(out io.Writer, variablesPath string) error {
	status := s.Status()
	personas, err := s.Personas()
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\nFirstfix is running. Ctrl-C stops it; the next start finds its data in %s.\n\n", status.Dir)
	for _, line := range [][2]string{
		{"HTTP", status.HTTP},
		{"gRPC", status.GRPC},
		{"Mailbox", status.Mailbox},
		{"CRM", status.CRMPage},
		{"Temporal", status.TemporalPage},
		{"Control", status.Control + "/status"},
	} {
		fmt.Fprintf(&text, "  %-9s %s\n", line[0], line[1])
	}
	if len(personas) > 0 {
		fmt.Fprintf(&text, "\nTokens, good for %.0f days:\n", tokenLife.Hours()/24)
		for _, persona := range personas {
			fmt.Fprintf(&text, "  %-14s %s\n", persona.Name, persona.Token)
		}
	}
	fmt.Fprintf(&text, "\nTo try, in another terminal:\n  . %s\n", variablesPath)
	for _, command := range s.Commands() {
		fmt.Fprintf(&text, "  %s\n", command)
	}
	_, err = fmt.Fprintln(out, text.String())
	return err
}
