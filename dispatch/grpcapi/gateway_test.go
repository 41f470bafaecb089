package grpcapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
)

// answer is what HTTP/JSON said.
type answer struct {
	*http.Response
	body   []byte
	Code   int
	Detail []map[string]any
}

// detail gives the detail of a kind, e.g. "ErrorInfo".
func (a answer) detail(kind string) map[string]any {
	for _, d := range a.Detail {
		if strings.HasSuffix(d["@type"].(string), "google.rpc."+kind) {
			return d
		}
	}
	return nil
}

func (a answer) reason() any { return a.detail("ErrorInfo")["reason"] }

// ask sends one HTTP request; header is pairs of key and value.
func (d *doors) ask(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.web+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{Response: response}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	var status struct {
		Code    int
		Details []map[string]any
	}
	if json.Unmarshal(a.body, &status) == nil {
		a.Code, a.Detail = status.Code, status.Details
	}
	return a
}

// The gateway's calls pass the same chain, and its refusals carry the same
// details.
func TestGateway(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	bearer := "Bearer " + d.token(t, d.tenants[0], admin)
	visitor, err := d.seal.VisitorToken(dispatch.VisitorGrant{Tenant: d.tenants[0].id, Visitor: uuid.New(), ExpiresAt: d.clock.now().Add(hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, method, path, body, token string
		status                          int
		reason                          any
	}{
		{"no token", "GET", "/v1/members", "", "", 401, "TOKEN_MISSING"},
		{"bad token", "GET", "/v1/members", "", "Bearer a.b.c", 401, "TOKEN_INVALID"},
		{"wrong role", "GET", "/v1/members", "", "Bearer " + visitor, 403, "ACCESS_DENIED"},
		{"wrong shape", "POST", "/v1/holds", `{}`, "Bearer " + visitor, 400, "INVALID_REQUEST"},
		{"wrong JSON", "POST", "/v1/holds", `{`, "Bearer " + visitor, 400, "INVALID_REQUEST"},
		{"misspelt field", "POST", "/v1/holds", `{"slotTokken":"a"}`, "Bearer " + visitor, 400, "INVALID_REQUEST"},
		{"money as a float (Q08)", "POST", "/v1/referrals?requestId=" + uuid.NewString(), `{"estimate":{"currencyCode":"USD","units":0.30000000000000004}}`, bearer, 400, "INVALID_REQUEST"},
		{"number as a float", "GET", "/v1/members?page_size=1.5", "", bearer, 400, "INVALID_REQUEST"},
		{"invalid UTF-8", "POST", "/v1/holds", "{\"slotToken\":\"\xff\"}", "Bearer " + visitor, 400, "INVALID_REQUEST"},
		{"no such path", "GET", "/v1/nonsense", "", bearer, 404, "METHOD_NOT_AVAILABLE"},
		{"no such verb", "DELETE", "/v1/members", "", bearer, 405, "METHOD_NOT_AVAILABLE"},
		{"verb by header is not taken", "POST", "/v1/services/a", "", bearer, 405, "METHOD_NOT_AVAILABLE"},
	} {
		a := d.ask(t, c.method, c.path, c.body, "Authorization", c.token, "Content-Type", "application/json", "X-HTTP-Method-Override", "GET")
		if a.StatusCode != c.status || a.reason() != c.reason || a.detail("ErrorInfo")["domain"] != "firstfix.dev" {
			t.Errorf("%s: %s with %v: %s", c.what, a.Status, a.reason(), a.body)
		}
		for header, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: header %s is %q, expected %q", c.what, header, got, want)
			}
		}
	}
	a := d.ask(t, "POST", "/v1/holds", `{}`, "Authorization", "Bearer "+visitor)
	violations, _ := a.detail("BadRequest")["fieldViolations"].([]any)
	if len(violations) < 2 {
		t.Errorf("not all faults were named: %s", a.body)
	}
	if got := d.ask(t, "GET", "/v1/members", "", "Authorization", bearer); got.StatusCode != http.StatusOK && got.reason() != "METHOD_NOT_AVAILABLE" {
		t.Errorf("a good call: %s %s", got.Status, got.body)
	}
	// What the chain trusts of the gateway cannot be sent from outside.
	a = d.ask(t, "GET", "/v1/members", "", "Authorization", "", "Grpc-Metadata-Authorization", bearer)
	if a.reason() != "TOKEN_MISSING" {
		t.Errorf("metadata came through a header: %s", a.body)
	}
}

// Every address of the contract leads to its method: somebody without a token is told
// that he has none, and not that there is no such method.
func TestEveryMethodHasItsAddress(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	segment := regexp.MustCompile(`\{[a-z_.]+(=([^}]*))?\}`)
	n := 0
	contract(func(m protoreflect.MethodDescriptor) {
		rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
		verb, path := httpAddress(rule)
		path = strings.ReplaceAll(segment.ReplaceAllString(path, "$2"), "*", "x")
		n++
		body := ""
		if rule.GetBody() != "" {
			body = "{}"
		}
		if a := d.ask(t, verb, path, body); a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusMethodNotAllowed {
			t.Errorf("%s %s of %s: %s, %v", verb, path, m.FullName(), a.Status, a.reason())
		}
	})
	if n < 100 {
		t.Errorf("only %d methods were tried", n)
	}
}

func httpAddress(rule *annotations.HttpRule) (verb, path string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

func TestGatewayLimitsBodies(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	large := strings.Repeat("x", 3<<20)
	a := d.ask(t, "POST", "/v1/holds", `{"slotToken":"`+large+`"}`)
	if a.StatusCode != http.StatusRequestEntityTooLarge || a.reason() != "REQUEST_TOO_LARGE" {
		t.Errorf("3 MiB: %s %.200s", a.Status, a.body)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.web+"/v1/holds", io.MultiReader(strings.NewReader(`{"slotToken":"`), strings.NewReader(large)))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request) // chunked: the length is not told
	if err == nil {
		defer response.Body.Close()
		if response.StatusCode < 400 {
			t.Errorf("3 MiB in chunks: %s", response.Status)
		}
	}
	// An import may be larger; what it lacks here is a token.
	if a := d.ask(t, "POST", "/v1/workOrders:import", `{"requestsCsv":"`+strings.Repeat("YWFh", 1<<20)+`"}`); a.reason() != "TOKEN_MISSING" {
		t.Errorf("an import of 4 MiB: %s %.200s", a.Status, a.body)
	}
}

func TestGatewayPagesAndHealth(t *testing.T) {
	t.Parallel()
	var away error
	d := open(t, func(c *grpcapi.Config) {
		c.Origins = []string{"https://book.example.org"}
		ping := c.Ping
		c.Ping = func(ctx context.Context) error { return errors.Join(away, ping(ctx)) }
	})
	if a := d.ask(t, "GET", "/healthz", ""); a.StatusCode != http.StatusOK {
		t.Errorf("healthz: %s", a.Status)
	}
	if a := d.ask(t, "GET", "/readyz", ""); a.StatusCode != http.StatusOK {
		t.Errorf("readyz: %s", a.Status)
	}
	for _, path := range []string{"/openapi.yaml", "/openapi.json"} {
		if a := d.ask(t, "GET", path, ""); a.StatusCode != http.StatusOK || !bytes.Contains(a.body, []byte(`"/v1/holds"`)) {
			t.Errorf("%s: %s %.100s", path, a.Status, a.body)
		}
	}
	preflight := func(origin string) string {
		a := d.ask(t, "OPTIONS", "/v1/holds", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("credentials are allowed to %s", origin)
		}
		return a.Header.Get("Access-Control-Allow-Origin")
	}
	if got := preflight("https://book.example.org"); got != "https://book.example.org" {
		t.Errorf("our page may call from %q", got)
	}
	for _, origin := range []string{"https://evil.example.org", "https://book.example.org.evil.example", "null", "http://book.example.org"} {
		if got := preflight(origin); got != "" {
			t.Errorf("%s may call as %q", origin, got)
		}
	}
}
