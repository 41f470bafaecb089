// Package issuer is the development stack's identity provider: an OpenID
// Connect issuer per tenant, told apart by path, with discovery, keys and a
// token endpoint that hands a token for any subject to whoever asks on this
// machine. Firstfix verifies its tokens exactly as it verifies those of a real
// provider.
//
// It has no users, no login and no refresh: production points FIRSTFIX_ISSUERS
// at a provider that does.
package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// Audience is the audience of every token.
const Audience = "firstfix"

const (
	defaultTTL = 12 * time.Hour
	longestTTL = 30 * 24 * time.Hour
	// longestRequest bounds the body of a token request.
	longestRequest = 1 << 16
)

// slugPattern is the form of a tenant's slug, as the schema checks it.
var slugPattern = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// Issuer mints tokens under the URLs baseURL/issuer/{tenant-slug}.
type Issuer struct {
	baseURL string
	key     jose.JSONWebKey
	signer  jose.Signer
}

// New loads the signing key at keyPath, or makes one there, and returns an
// issuer that is reached at baseURL.
func New(baseURL, keyPath string) (*Issuer, error) {
	key, err := readOrMakeKey(keyPath)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType("at+jwt"), // RFC 9068: an access token, not an ID token
	)
	if err != nil {
		return nil, fmt.Errorf("make the token signer: %w", err)
	}
	return &Issuer{baseURL: strings.TrimSuffix(baseURL, "/"), key: key, signer: signer}, nil
}

// URL is the issuer of a tenant: the claim iss of its tokens.
func (i *Issuer) URL(slug string) string { return i.baseURL + "/issuer/" + slug }

// Token mints an access token for subject at the tenant's issuer.
func (i *Issuer) Token(slug, subject string, ttl time.Duration) (string, error) {
	switch {
	case !slugPattern.MatchString(slug):
		return "", fmt.Errorf("tenant %q: a slug of lower-case letters, digits and hyphens is expected", slug)
	case subject == "":
		return "", errors.New("subject is empty: the token has to be somebody's")
	case ttl <= 0 || ttl > longestTTL:
		return "", fmt.Errorf("ttl %s: expected more than 0 and at most %s", ttl, longestTTL)
	}
	now := time.Now()
	claims := struct {
		jwt.Claims
		ClientID string `json:"client_id"`
	}{
		Claims: jwt.Claims{
			Issuer:   i.URL(slug),
			Subject:  subject,
			Audience: jwt.Audience{Audience},
			IssuedAt: jwt.NewNumericDate(now),
			Expiry:   jwt.NewNumericDate(now.Add(ttl)),
			ID:       uuid.NewString(),
		},
		ClientID: "firstfix-dev",
	}
	token, err := jwt.Signed(i.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a token for %s: %w", subject, err)
	}
	return token, nil
}

// Register adds the issuer's endpoints to mux.
func (i *Issuer) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /issuer/{slug}/.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /issuer/{slug}/jwks", i.keys)
	mux.HandleFunc("POST /issuer/{slug}/token", i.token)
}

func (i *Issuer) discovery(w http.ResponseWriter, r *http.Request) {
	self := i.URL(r.PathValue("slug"))
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                self,
		"jwks_uri":                              self + "/jwks",
		"token_endpoint":                        self + "/token",
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []jose.SignatureAlgorithm{jose.ES256},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.key.Public()}})
}

// token answers {"subject": "…", "ttl": "1h"} with a token. The lifetime is in
// Go's notation and may be left out.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Subject string `json:"subject"`
		TTL     string `json:"ttl"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		refuse(w, fmt.Errorf(`read the request: %w; expected {"subject": "…", "ttl": "1h"}`, err))
		return
	}
	ttl := defaultTTL
	if request.TTL != "" {
		parsed, err := time.ParseDuration(request.TTL)
		if err != nil {
			refuse(w, fmt.Errorf("ttl %q: a duration such as 90s, 15m or 12h is expected", request.TTL))
			return
		}
		ttl = parsed
	}
	token, err := i.Token(r.PathValue("slug"), request.Subject, ttl)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token,
		"token_type":   "Bearer",
		"expires_in":   int(ttl.Seconds()),
	})
}

// refuse answers in the form of RFC 6749, section 5.2.
func refuse(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusBadRequest, map[string]string{
		"error":             "invalid_request",
		"error_description": err.Error(),
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}
