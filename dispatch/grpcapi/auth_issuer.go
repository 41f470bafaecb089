package grpcapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/firstfix/firstfix/dispatch"
)

// Issuer is one configured provider of access tokens. A provider speaks for one
// tenant.
type Issuer struct {
	Issuer   string            `json:"issuer"`   // the claim iss, exactly; discovery lies below it
	Audience string            `json:"audience"` // one of the claim aud
	Tenant   dispatch.TenantID `json:"tenant"`
}

const (
	// leeway is how far the clocks of issuers may be off.
	leeway = time.Minute
	// longestLife bounds how far ahead a token may expire: one that lives longer
	// cannot be revoked in a useful time.
	longestLife = 31 * 24 * time.Hour
)

// signatureAlgorithms are those we accept, whatever a token or a key set says.
var signatureAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256}

// issuer verifies the tokens of one provider.
type issuer struct {
	name     string
	audience string
	tenant   dispatch.TenantID
	keys     *keySet
}

// verify checks everything about a token but whose it is, and gives its subject
// and when it is over.
func (i *issuer) verify(ctx context.Context, token string, now time.Time) (subject string, expiry time.Time, err error) {
	if err := checkHeader(token); err != nil {
		return "", time.Time{}, err
	}
	parsed, err := jwt.ParseSigned(token, signatureAlgorithms)
	if err != nil {
		return "", time.Time{}, invalidToken(err)
	}
	key, err := i.keys.find(ctx, parsed.Headers[0].KeyID)
	if err != nil {
		return "", time.Time{}, err
	}
	var claims jwt.Claims
	var all map[string]json.RawMessage
	if err := parsed.Claims(key, &claims, &all); err != nil {
		return "", time.Time{}, invalidToken(err)
	}
	if err := i.checkClaims(claims, all, now); err != nil {
		return "", time.Time{}, err
	}
	return claims.Subject, claims.Expiry.Time().Add(leeway), nil
}

func (i *issuer) checkClaims(claims jwt.Claims, all map[string]json.RawMessage, now time.Time) error {
	for _, name := range []string{"exp", "nbf", "iat"} {
		if text, ok := all[name]; ok && !wholeSeconds.Match(text) {
			return invalidToken(fmt.Errorf("%s is not a whole number of seconds", name))
		}
	}
	err := claims.ValidateWithLeeway(jwt.Expected{Issuer: i.name, AnyAudience: jwt.Audience{i.audience}, Time: now}, leeway)
	switch {
	case claims.Subject == "", len(claims.Subject) > 255, strings.ContainsRune(claims.Subject, 0):
		return invalidToken(errors.New("sub is missing or too long"))
	case claims.Expiry == nil:
		return invalidToken(errors.New("exp is missing"))
	case errors.Is(err, jwt.ErrExpired):
		return dispatch.Refuse(dispatch.ReasonTokenExpired, "", "the token has expired; get a new one")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return dispatch.Refuse(dispatch.ReasonTokenNotYetValid, "", "the token is for later; check the clocks")
	case err != nil:
		return invalidToken(err)
	case claims.Expiry.Time().After(now.Add(longestLife + leeway)):
		return invalidToken(fmt.Errorf("it lives longer than %s", longestLife))
	case notAccess(all):
		return wrongType()
	}
	return nil
}

var wholeSeconds = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})$`)

// checkHeader reads the protected header before anything else is done with a
// token. Keys and addresses of keys that a token brings along are never used;
// that it brings them says enough about it.
func checkHeader(token string) error {
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return invalidToken(err)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(text, &header); err != nil {
		return invalidToken(err)
	}
	for _, name := range []string{"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"} {
		if _, ok := header[name]; ok {
			return invalidToken(fmt.Errorf("its header carries %s", name))
		}
	}
	var kind string
	if err := json.Unmarshal(header["typ"], &kind); err != nil {
		return wrongType()
	}
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	if kind != "at+jwt" && kind != "jwt" { // RFC 9068, and what came before it
		return wrongType()
	}
	return nil
}

// notAccess reports whether the claims are those of an ID or refresh token,
// which many providers also call "JWT" in the header.
func notAccess(all map[string]json.RawMessage) bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash"} {
		if _, ok := all[name]; ok {
			return true
		}
	}
	for _, name := range []string{"typ", "token_use"} {
		var kind string
		if json.Unmarshal(all[name], &kind) == nil && slices.Contains([]string{"id", "refresh", "offline", "logout"}, strings.ToLower(kind)) {
			return true
		}
	}
	return false
}

func wrongType() error {
	return dispatch.Refuse(dispatch.ReasonTokenWrongType, "", "this is not an access token")
}

// unverifiedIssuer reads the claim iss, to choose the issuer that is then asked
// whether the token is its own.
func unverifiedIssuer(token string) (string, error) {
	parts := strings.Split(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", invalidToken(err)
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return "", invalidToken(err)
	}
	return claims.Issuer, nil
}
