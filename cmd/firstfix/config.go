package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
)

// config is everything that an installation is told from outside. Subcommands
// share it, so that server, workers and tools of one installation are started
// with the same environment; each validates the part that it needs.
type config struct {
	DatabaseURL     string   `env:"FIRSTFIX_DATABASE_URL" placeholder:"URL" help:"PostgreSQL as the application's role: neither owner nor superuser."`
	MigrationURL    string   `env:"FIRSTFIX_MIGRATION_URL" placeholder:"URL" help:"PostgreSQL as the owner of the schema."`
	TemporalAddress string   `env:"FIRSTFIX_TEMPORAL_ADDRESS" placeholder:"HOST:PORT" help:"Temporal's frontend."`
	Issuers         string   `env:"FIRSTFIX_ISSUERS" placeholder:"JSON" help:"Who may issue access tokens: a list of {issuer, audience, tenant}, one issuer per tenant."`
	SealSecret      string   `env:"FIRSTFIX_SEAL_SECRET" placeholder:"TEXT" help:"Secret that seals our own tokens, the same for all processes; at least 32 characters of randomness."`
	GRPCAddress     string   `name:"grpc-address" env:"FIRSTFIX_GRPC_ADDRESS" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where gRPC is served (${default})."`
	HTTPAddress     string   `name:"http-address" env:"FIRSTFIX_HTTP_ADDRESS" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where HTTP/JSON is served (${default})."`
	SMTPAddress     string   `name:"smtp-address" env:"FIRSTFIX_SMTP_ADDRESS" placeholder:"HOST:PORT" help:"Mail server; or smtp://user:secret@host:port, smtps://…. Without it no mail is sent."`
	TextWebhookURL  string   `env:"FIRSTFIX_TEXT_WEBHOOK_URL" placeholder:"URL" help:"Webhook that takes text messages. Without it none is sent."`
	CORSOrigins     []string `name:"cors-origins" env:"FIRSTFIX_CORS_ORIGINS" placeholder:"ORIGIN,…" help:"Origins of web pages that may call, e.g. https://book.example.org."`
	TrustedProxies  []string `env:"FIRSTFIX_TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Networks of load balancers whose X-Forwarded-For is believed."`
	PublicURL       string   `name:"public-url" env:"FIRSTFIX_PUBLIC_URL" placeholder:"URL" help:"Where customers reach us: links in messages begin with it; without it there are none."`
	EgressAllow     []string `env:"FIRSTFIX_EGRESS_ALLOW" placeholder:"CIDR,…" help:"Networks that webhooks of tenants may reach although they are not public."`
	EgressCA        string   `name:"egress-ca" env:"FIRSTFIX_EGRESS_CA" placeholder:"FILE" help:"Certificates (PEM) of authorities that webhooks of tenants may have beside the public ones."`
	BlobURL         string   `name:"blob-url" env:"FIRSTFIX_BLOB_URL" placeholder:"URL" help:"Object storage for photos, the same for all servers: s3://bucket?region=…, or file:///path on a shared disk. Without it none are taken."`
	RateFactor      float64  `env:"FIRSTFIX_RATE_FACTOR" default:"1" help:"Multiplies every rate limit (${default})."`
	Development     bool     `env:"FIRSTFIX_DEVELOPMENT" help:"Development stack: gRPC reflection, issuers over plain HTTP from this machine."`
}

// need is a part of the configuration.
type need func(*config) []error

// validate checks the parts that a subcommand needs and names every fault at
// once, not the first.
func (c *config) validate(needs ...need) error {
	var faults []error
	for _, n := range needs {
		faults = append(faults, n(c)...)
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("the configuration has %d faults:\n%w", len(faults), errors.Join(faults...))
}

func fault(variable, format string, args ...any) []error {
	return []error{fmt.Errorf("  %s: %s", variable, fmt.Sprintf(format, args...))}
}

// needDatabase is the application's way to PostgreSQL.
func needDatabase(c *config) []error {
	return checkDatabaseURL("FIRSTFIX_DATABASE_URL", c.DatabaseURL)
}

// needMigration is the owner's way to PostgreSQL.
func needMigration(c *config) []error {
	return checkDatabaseURL("FIRSTFIX_MIGRATION_URL", c.MigrationURL)
}

func checkDatabaseURL(variable, text string) []error {
	if text == "" {
		return fault(variable, "is not set, expected e.g. postgres://firstfix@db.example.org/firstfix")
	}
	// The text may hold a password and is not repeated.
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return fault(variable, "is not a URL of PostgreSQL, expected e.g. postgres://firstfix@db.example.org/firstfix")
	}
	return nil
}

// needTemporal is the way to Temporal.
func needTemporal(c *config) []error {
	return checkAddress("FIRSTFIX_TEMPORAL_ADDRESS", c.TemporalAddress)
}

// needSeal is the secret of our own tokens.
func needSeal(c *config) []error {
	if len(c.SealSecret) < 32 {
		return fault("FIRSTFIX_SEAL_SECRET", "has %d characters, expected at least 32, e.g. of openssl rand -base64 32", len(c.SealSecret))
	}
	return nil
}

// needListeners is where we serve and for whom.
func needListeners(c *config) []error {
	faults := checkAddress("FIRSTFIX_GRPC_ADDRESS", c.GRPCAddress)
	faults = append(faults, checkAddress("FIRSTFIX_HTTP_ADDRESS", c.HTTPAddress)...)
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "") {
			faults = append(faults, fault("FIRSTFIX_CORS_ORIGINS", "%q is not an origin, expected e.g. https://book.example.org", origin)...)
		}
	}
	if _, bad := c.proxies(); bad != nil {
		faults = append(faults, bad...)
	}
	if !(c.RateFactor > 0 && c.RateFactor <= 1e6) {
		faults = append(faults, fault("FIRSTFIX_RATE_FACTOR", "%g is not within 0 (exclusive) and 1,000,000", c.RateFactor)...)
	}
	return faults
}

func checkAddress(variable, address string) []error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fault(variable, "%q is not an address, expected host:port", address)
	}
	return nil
}

// proxies reads FIRSTFIX_TRUSTED_PROXIES.
func (c *config) proxies() (networks []netip.Prefix, faults []error) {
	return parseNetworks("FIRSTFIX_TRUSTED_PROXIES", c.TrustedProxies)
}

// parseNetworks reads the list of a variable.
func parseNetworks(variable string, texts []string) (networks []netip.Prefix, faults []error) {
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			faults = append(faults, fault(variable, "%q is not a network, expected e.g. 10.0.0.0/8", text)...)
			continue
		}
		networks = append(networks, network)
	}
	return networks, faults
}

// egress is where webhooks of tenants may go.
func (c *config) egress() (out dispatch.Egress, faults []error) {
	out.Allowed, faults = parseNetworks("FIRSTFIX_EGRESS_ALLOW", c.EgressAllow)
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		out.Self = []string{strings.ToLower(u.Hostname())}
	}
	return out, faults
}

// egressRoots are the authorities of FIRSTFIX_EGRESS_CA beside those of the system,
// nil for none.
func (c *config) egressRoots() (*x509.CertPool, []error) {
	if c.EgressCA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.EgressCA)
	if err != nil {
		return nil, fault("FIRSTFIX_EGRESS_CA", "cannot be read: %v", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fault("FIRSTFIX_EGRESS_CA", "the system's certificates cannot be read: %v", err)
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fault("FIRSTFIX_EGRESS_CA", "%s holds no certificate in PEM", c.EgressCA)
	}
	return roots, nil
}

// needEgress is where webhooks may go.
func needEgress(c *config) []error {
	_, faults := c.egress()
	_, more := c.egressRoots()
	return append(faults, more...)
}

// needIssuers is who may issue tokens.
func needIssuers(c *config) []error {
	_, faults := c.issuers()
	return faults
}

// issuers reads FIRSTFIX_ISSUERS. A tenant has one issuer, so that a subject is
// one person within it.
func (c *config) issuers() (list []grpcapi.Issuer, faults []error) {
	const variable = "FIRSTFIX_ISSUERS"
	if c.Issuers == "" {
		return nil, fault(variable, `is not set, expected e.g. [{"issuer":"https://id.example.org","audience":"firstfix","tenant":"…"}]; [] for none`)
	}
	if err := json.Unmarshal([]byte(c.Issuers), &list); err != nil {
		return nil, fault(variable, "cannot be read: %v", err)
	}
	issuers, tenants := map[string]bool{}, map[string]bool{}
	for i, one := range list {
		u, err := url.Parse(one.Issuer)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || !c.Development)):
			faults = append(faults, fault(variable, "issuer %d: %q is not an https URL", i+1, one.Issuer)...)
		case issuers[one.Issuer]:
			faults = append(faults, fault(variable, "issuer %d: %q is there twice", i+1, one.Issuer)...)
		}
		if one.Audience == "" {
			faults = append(faults, fault(variable, "issuer %d: the audience is missing", i+1)...)
		}
		switch {
		case one.Tenant.IsZero():
			faults = append(faults, fault(variable, "issuer %d: the tenant is missing, expected the id that firstfix tenant create printed", i+1)...)
		case tenants[one.Tenant.String()]:
			faults = append(faults, fault(variable, "issuer %d: tenant %s has another issuer", i+1, one.Tenant)...)
		}
		issuers[one.Issuer], tenants[one.Tenant.String()] = true, true
	}
	return list, faults
}
