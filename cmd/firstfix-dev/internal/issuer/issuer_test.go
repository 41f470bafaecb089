package issuer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/issuer"
)

// serve runs an issuer whose base URL is its own address.
func serve(t *testing.T, keyPath string) *issuer.Issuer {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i, err := issuer.New(server.URL, keyPath)
	if err != nil {
		t.Fatalf("make the issuer: %v", err)
	}
	i.Register(mux)
	return i
}

func verifier(t *testing.T, i *issuer.Issuer, slug string) *oidc.IDTokenVerifier {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), i.URL(slug))
	if err != nil {
		t.Fatalf("discover %s: %v", i.URL(slug), err)
	}
	return provider.Verifier(&oidc.Config{ClientID: issuer.Audience, SupportedSigningAlgs: []string{oidc.ES256}})
}

func requestToken(t *testing.T, i *issuer.Issuer, slug, body string) (status int, answer map[string]any) {
	t.Helper()
	response, err := http.Post(i.URL(slug)+"/token", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatalf("ask for a token: %v", err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return response.StatusCode, answer
}

func TestTokenIsVerifiedThroughDiscovery(t *testing.T) {
	t.Parallel()
	i := serve(t, filepath.Join(t.TempDir(), "key.json"))
	status, answer := requestToken(t, i, "sample", `{"subject": "dispatcher-1", "ttl": "1h"}`)
	if status != http.StatusOK {
		t.Fatalf("status %d: %v", status, answer)
	}
	raw := answer["access_token"].(string)
	token, err := verifier(t, i, "sample").Verify(t.Context(), raw)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if token.Subject != "dispatcher-1" {
		t.Errorf("subject %q, expected dispatcher-1", token.Subject)
	}
	if left := time.Until(token.Expiry); left < 59*time.Minute || left > time.Hour {
		t.Errorf("expires in %s, expected about an hour", left)
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if typ := signed.Signatures[0].Header.ExtraHeaders["typ"]; typ != "at+jwt" {
		t.Errorf("typ %v, expected at+jwt", typ)
	}
}

func TestIssuersOfTenantsAreApart(t *testing.T) {
	t.Parallel()
	i := serve(t, filepath.Join(t.TempDir(), "key.json"))
	token, err := i.Token("sample", "somebody", time.Minute)
	if err != nil {
		t.Fatalf("mint: %v", err)
	}
	if _, err := verifier(t, i, "other").Verify(t.Context(), token); err == nil {
		t.Error("a token of one tenant's issuer passed for another's")
	}
}

func TestKeySurvivesRestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.json")
	first, err := issuer.New("http://127.0.0.1:1", path)
	if err != nil {
		t.Fatalf("make the issuer: %v", err)
	}
	second := serve(t, path)
	firstToken, err := first.Token("sample", "somebody", time.Minute)
	if err != nil {
		t.Fatalf("mint: %v", err)
	}
	keys := oidc.NewRemoteKeySet(t.Context(), second.URL("sample")+"/jwks")
	if _, err := keys.VerifySignature(t.Context(), firstToken); err != nil {
		t.Errorf("a token from before the restart is no longer good: %v", err)
	}
}

func TestBadTokenRequests(t *testing.T) {
	t.Parallel()
	i := serve(t, filepath.Join(t.TempDir(), "key.json"))
	for name, test := range map[string]struct{ slug, body, says string }{
		"no subject":    {"sample", `{"ttl": "1h"}`, "subject is empty"},
		"unknown field": {"sample", `{"subject": "a", "role": "administrator"}`, "role"},
		"not json":      {"sample", `subject=a`, "expected"},
		"bad ttl":       {"sample", `{"subject": "a", "ttl": "3 days"}`, "90s, 15m or 12h"},
		"negative ttl":  {"sample", `{"subject": "a", "ttl": "-1h"}`, "more than 0"},
		"endless ttl":   {"sample", `{"subject": "a", "ttl": "9000h"}`, "at most"},
		"bad slug":      {"Sample!", `{"subject": "a"}`, "slug"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer := requestToken(t, i, test.slug, test.body)
			description, _ := answer["error_description"].(string)
			if status != http.StatusBadRequest || !strings.Contains(description, test.says) {
				t.Errorf("status %d, %q; expected 400 and words about %q", status, description, test.says)
			}
		})
	}
}
