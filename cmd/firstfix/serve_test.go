package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

const secret = "a secret of more than thirty-two characters"

// journal is what a subcommand writes while it runs.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// command runs a subcommand and gives its exit code and what it wrote.
func command(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, env, &out, &errs)
	return code, out.String(), errs.String()
}

func TestEveryFaultOfTheConfigurationAtOnce(t *testing.T) {
	code, _, stderr := command(t, []string{
		"FIRSTFIX_DATABASE_URL=mysql://user:geheim@host/db",
		`FIRSTFIX_ISSUERS=[{"issuer":"http://id.example.org","tenant":"0190c3a4-5b6c-7d8e-9f00-112233445566"},{"issuer":"https://b.example.org","audience":"x"}]`,
		"FIRSTFIX_SEAL_SECRET=short", "FIRSTFIX_GRPC_ADDRESS=nowhere", "FIRSTFIX_CORS_ORIGINS=https://a.example.org/path,b",
		"FIRSTFIX_TRUSTED_PROXIES=10.0.0.1", "FIRSTFIX_RATE_FACTOR=0",
	}, "serve")
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"FIRSTFIX_DATABASE_URL: is not a URL of PostgreSQL",
		`FIRSTFIX_ISSUERS: issuer 1: "http://id.example.org" is not an https URL`,
		"FIRSTFIX_ISSUERS: issuer 1: the audience is missing",
		"FIRSTFIX_ISSUERS: issuer 2: the tenant is missing",
		"FIRSTFIX_SEAL_SECRET: has 5 characters",
		`FIRSTFIX_GRPC_ADDRESS: "nowhere"`,
		`FIRSTFIX_CORS_ORIGINS: "https://a.example.org/path"`, `FIRSTFIX_CORS_ORIGINS: "b"`,
		`FIRSTFIX_TRUSTED_PROXIES: "10.0.0.1"`,
		"FIRSTFIX_RATE_FACTOR: 0",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("lacks %q:\n%s", want, stderr)
		}
	}
	if strings.Contains(stderr, "geheim") {
		t.Errorf("a password was printed:\n%s", stderr)
	}
}

func TestIssuers(t *testing.T) {
	const one = `{"issuer":"https://a.example.org","audience":"f","tenant":"0190c3a4-5b6c-7d8e-9f00-112233445566"}`
	for what, c := range map[string]struct {
		text        string
		development bool
		faults      int
	}{
		"good":                    {"[" + one + "]", false, 0},
		"none":                    {"[]", false, 0},
		"twice":                   {"[" + one + "," + one + "]", false, 2},
		"not JSON":                {"{", false, 1},
		"tenant of another form":  {strings.ReplaceAll("["+one+"]", "0190c3a4-5b6c-7d8e-9f00-112233445566", "seven"), false, 1},
		"http":                    {strings.ReplaceAll("["+one+"]", "https", "http"), false, 1},
		"http of the development": {strings.ReplaceAll("["+one+"]", "https", "http"), true, 0},
	} {
		config := config{Issuers: c.text, Development: c.development}
		if _, faults := config.issuers(); len(faults) != c.faults {
			t.Errorf("%s: %v, expected %d faults", what, faults, c.faults)
		}
	}
}

func TestCommandLine(t *testing.T) {
	if code, out, _ := command(t, nil, "version"); code != 0 || !strings.HasPrefix(out, "firstfix ") {
		t.Errorf("version: %d, %q", code, out)
	}
	if code, _, errs := command(t, nil, "nonsense"); code != 2 || !strings.Contains(errs, "--help") {
		t.Errorf("nonsense: %d, %q", code, errs)
	}
	if code, _, errs := command(t, nil, "migrate"); code != 1 || !strings.Contains(errs, "FIRSTFIX_MIGRATION_URL: is not set") {
		t.Errorf("migrate without a URL: %d, %q", code, errs)
	}
}

// What an operator does on the first day: migrate, make a tenant, serve; then a
// visitor's first call; then stop.
func TestFirstDay(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	env := []string{
		"FIRSTFIX_DATABASE_URL=" + db.URL, "FIRSTFIX_MIGRATION_URL=" + db.OwnerURL, "FIRSTFIX_SEAL_SECRET=" + secret,
		"FIRSTFIX_GRPC_ADDRESS=127.0.0.1:0", "FIRSTFIX_HTTP_ADDRESS=127.0.0.1:0",
	}
	if code, _, errs := command(t, env, "migrate"); code != 0 {
		t.Fatalf("migrate: %d, %s", code, errs)
	}
	create := func(slug, zone string) (int, string, string) {
		return command(t, env, "tenant", "create", "--slug", slug, "--name", "Acme", "--currency", "EUR", "--time-zone", zone,
			"--language", "de", "--admin-issuer", "https://id.example.org", "--admin-subject", "ada", "--admin-name", "Ada", "--json")
	}
	if code, _, errs := create("Acme Corp", "Local"); code != 1 || !strings.Contains(errs, "slug") || !strings.Contains(errs, "time_zone") {
		t.Errorf("a tenant with faults: %d, %s", code, errs)
	}
	code, out, errs := create("acme", "Europe/Berlin")
	if code != 0 {
		t.Fatalf("tenant create: %d, %s", code, errs)
	}
	var made struct {
		Tenant      string `json:"tenant"`
		BookingSite string `json:"booking_site"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Tenant == "" {
		t.Fatalf("tenant create printed %q: %v", out, err)
	}
	seal, err := dispatch.NewSeal([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	var site dispatch.BookingSite
	if err := seal.Open(dispatch.PurposeBookingSite, made.BookingSite, &site); err != nil || site.Tenant.String() != made.Tenant {
		t.Errorf("the key of the booking page is of %v, %v", site, err)
	}
	if code, _, errs := create("acme", "Europe/Berlin"); code != 1 || !strings.Contains(errs, "RESOURCE_EXISTS") {
		t.Errorf("the same slug again: %d, %s", code, errs)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log := &journal{}
	ended := make(chan int, 1)
	issuers := fmt.Sprintf(`FIRSTFIX_ISSUERS=[{"issuer":"https://id.example.org","audience":"firstfix","tenant":%q}]`, made.Tenant)
	go func() { ended <- run(ctx, []string{"serve"}, append(env, issuers), io.Discard, log) }()
	address := regexp.MustCompile(`"http":"([^"]+)"`)
	var base string
	for deadline := time.Now().Add(20 * time.Second); base == ""; time.Sleep(10 * time.Millisecond) {
		if m := address.FindStringSubmatch(log.String()); m != nil {
			base = "http://" + m[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not serve:\n%s", log)
		}
	}
	for path, want := range map[string]int{"/readyz": 200, "/openapi.yaml": 200, "/v1/services": 401} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s, expected %d", path, response.Status, want)
		}
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("the server ended with %d:\n%s", code, log)
		}
	case <-time.After(30 * time.Second):
		t.Error("the server did not stop")
	}
}
