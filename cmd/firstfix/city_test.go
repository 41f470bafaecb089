package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

// issuer is an OIDC provider in this process.
type issuer struct {
	server *httptest.Server
	key    *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.server.URL, "jwks_uri": i.server.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	})
	i.server = httptest.NewServer(mux)
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) token(t *testing.T, subject string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "k"}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": i.server.URL, "aud": "firstfix", "sub": subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// town is a server with one tenant, and the environment of an administrator's
// commands.
type town struct {
	issuer *issuer
	env    []string
}

func newTown(t *testing.T) town {
	t.Helper()
	db, i := pgtest.New(t), newIssuer(t)
	env := []string{
		"FIRSTFIX_DATABASE_URL=" + db.URL, "FIRSTFIX_MIGRATION_URL=" + db.OwnerURL, "FIRSTFIX_SEAL_SECRET=" + secret,
		"FIRSTFIX_GRPC_ADDRESS=127.0.0.1:0", "FIRSTFIX_HTTP_ADDRESS=127.0.0.1:0", "FIRSTFIX_DEVELOPMENT=true", "FIRSTFIX_RATE_FACTOR=100",
	}
	code, out, errs := command(t, env, "tenant", "create", "--slug", "town", "--name", "Town", "--currency", "USD",
		"--time-zone", "America/New_York", "--language", "en", "--admin-issuer", i.server.URL, "--admin-subject", "ada", "--admin-name", "Ada", "--json")
	var made struct {
		Tenant      string `json:"tenant"`
		BookingSite string `json:"booking_site"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("tenant create: %d, %s, %v", code, errs, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	log, ended := &journal{}, make(chan int, 1)
	issuers := fmt.Sprintf(`FIRSTFIX_ISSUERS=[{"issuer":%q,"audience":"firstfix","tenant":%q}]`, i.server.URL, made.Tenant)
	go func() { ended <- run(ctx, []string{"serve"}, append(env, issuers), io.Discard, log) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("the server ended with %d:\n%s", code, log)
		}
	})
	address := regexp.MustCompile(`"grpc":"([^"]+)"`)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if m := address.FindStringSubmatch(log.String()); m != nil {
			return town{i, append(env, "FIRSTFIX_API_GRPC="+m[1], "FIRSTFIX_TOKEN="+i.token(t, "ada"),
				"FIRSTFIX_SAMPLE_ISSUER="+i.server.URL, "FIRSTFIX_SAMPLE_BOOKING_SITE="+made.BookingSite)}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not serve:\n%s", log)
		}
	}
}

func TestSampleCity(t *testing.T) {
	t.Parallel()
	town := newTown(t)
	var first, second loadedSample
	for i, into := range []*loadedSample{&first, &second} {
		began := time.Now()
		code, out, errs := command(t, town.env, "sample", "--json")
		if code != 0 {
			t.Fatalf("sample: %d, %s", code, errs)
		}
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("sample printed %q: %v", out, err)
		}
		t.Logf("load %d took %s", i+1, time.Since(began).Round(time.Millisecond))
		if i == 0 && !strings.Contains(errs, "customers 800 of 800") {
			t.Errorf("progress is not shown:\n%s", errs)
		}
	}
	if first.Technicians != 40 || first.Customers != 800 || first.Sites != 800 || first.Assets != 400 || first.WorkOrders != 240 || first.Shifts < 600 {
		t.Errorf("made %+v", first.Loaded)
	}
	names := map[string]bool{}
	for _, p := range first.Personas {
		names[p.Name] = p.Subject != "" || p.Token != ""
	}
	for _, name := range []string{"visitor", "customer", "technician", "dispatcher", "sales", "administrator"} {
		if !names[name] {
			t.Errorf("no persona %s in %+v", name, first.Personas)
		}
	}
	if len(first.Commands) != 5 {
		t.Errorf("commands to try: %q", first.Commands)
	}
	first.Personas, second.Personas = nil, nil // a visitor's token is another one each time
	if fmt.Sprint(first.Loaded) != fmt.Sprint(second.Loaded) {
		t.Errorf("the second load says %+v, the first said %+v", second.Loaded, first.Loaded)
	}
}

const someRequests = `id,created_at,type,descriptor,address,zip,latitude,longitude,status,closed_at,sla_due_at,pwd_district
a1,2024-06-01T09:00:00-04:00,Street Lights,Street Light Outages,1 West St,10001,40.5,-70.5,Open,,2024-06-20T09:00:00-04:00,01
a2,2024-06-01T09:10:00-04:00,Trees,Tree Emergencies,"2 West St,
rear",10001,40.6,-70.5,Open,,2024-06-02T09:00:00-04:00,01
a3,2024-06-01T09:20:00-04:00,Trees,Tree Emergencies,3 West St,10001,40.7,-70.5,Closed,2024-06-03T09:00:00-04:00,,01
`

const someMap = `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"ZIP5":"10001"},
"geometry":{"type":"Polygon","coordinates":[[[-71,40],[-70,40],[-70,41],[-71,41],[-71,40]]]}}]}`

func TestImportCommand(t *testing.T) {
	t.Parallel()
	town, dir := newTown(t), t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	territories := write("map.geojson", someMap)
	load := func(file string, more ...string) (int, imported, string) {
		code, out, errs := command(t, town.env, append([]string{"import", "--requests", file, "--territories", territories, "--json"}, more...)...)
		var total imported
		if err := json.Unmarshal([]byte(out), &total); out != "" && err != nil {
			t.Fatalf("import printed %q: %v", out, err)
		}
		return code, total, errs
	}
	bad := write("bad.csv", someRequests+"a4,never,Trees,Tree Emergencies,3 West St,10001,40.7,-70.5,Open,,,01\n")
	code, total, errs := load(bad)
	if code != 1 || len(total.RowErrors) != 1 || total.RowErrors[0].Line != 6 || total.RowErrors[0].Column != "created_at" || !strings.Contains(errs, "nothing was written") {
		t.Errorf("a bad row: %d, %+v, %s", code, total, errs)
	}
	good := write("good.csv", someRequests)
	if code, total, errs := load(good, "--catalogue-only"); code != 0 || total.ServicesCreated != 2 || total.WorkOrdersCreated != 0 {
		t.Errorf("the catalogue alone: %d, %+v, %s", code, total, errs)
	}
	if code, total, errs := load(good); code != 0 || total.WorkOrdersCreated != 3 || total.TerritoriesWritten != 0 {
		t.Errorf("import: %d, %+v, %s", code, total, errs)
	}
	if code, total, errs := load(good); code != 0 || total.WorkOrdersCreated != 0 || total.WorkOrdersUnchanged != 3 {
		t.Errorf("import again: %d, %+v, %s", code, total, errs)
	}
	if code, total, _ := load(bad, "--partial"); code != 0 || len(total.RowErrors) != 1 || total.WorkOrdersUnchanged != 3 {
		t.Errorf("partial: %d, %+v", code, total)
	}
}

// A file too large for one call goes in parts, cut between records.
func TestSplit(t *testing.T) {
	t.Parallel()
	header, _, _ := strings.Cut(someRequests, "\n")
	parts, err := split([]byte(someRequests), len(header)+1+220)
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for _, p := range parts {
		text, ok := strings.CutPrefix(string(p.csv), header+"\n")
		if !ok {
			t.Errorf("a part without header: %q", p.csv)
		}
		if before := strings.Count(rows.String(), "\n"); int64(before) != p.before {
			t.Errorf("a part begins after %d lines, it says %d", before, p.before)
		}
		rows.WriteString(text)
	}
	if header+"\n"+rows.String() != someRequests || len(parts) != 3 {
		t.Errorf("%d parts make %q", len(parts), rows.String())
	}
	if _, err := split([]byte(someRequests), len(header)+20); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a row that no call takes: %v", err)
	}
}
