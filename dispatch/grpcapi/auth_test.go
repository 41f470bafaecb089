package grpcapi_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// with gives a copy of claims or header with one entry changed, or removed if
// the value is nil.
func with(m map[string]any, key string, value any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	out[key] = value
	if value == nil {
		delete(out, key)
	}
	return out
}

// raw makes a token of parts, signed or not.
func raw(header, claims, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + signature
}

var at = map[string]any{"typ": "at+jwt"}

func TestTokensOfIssuers(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	first, second := d.tenants[0], d.tenants[1]
	good := d.claims(first, admin)
	now := d.clock.now()
	rs := first.provider.rotate(t, "r1", rsaKey(t))
	attacker := ecKey(t)
	es := func(header, claims map[string]any) string { return sign(t, jose.ES256, first.key, header, claims) }
	forged := es(at, good)
	header, body, _ := strings.Cut(forged, ".")
	body, signature, _ := strings.Cut(body, ".")
	zero := base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	claimsText := func(exp string) string {
		return fmt.Sprintf(`{"iss":%q,"aud":"firstfix","sub":%q,"exp":%s}`, first.provider.server.URL, admin, exp)
	}
	signedText := func(exp string) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: first.key}, (&jose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(claimsText(exp)))
		if err != nil {
			t.Fatal(err)
		}
		token, _ := signed.CompactSerialize()
		return token
	}
	for _, c := range []struct {
		what  string
		token string
		want  dispatch.Reason
	}{
		{"good, ES256", forged, ""},
		{"good, RS256", sign(t, jose.RS256, rs, at, good), ""},
		{"good, typ JWT", es(map[string]any{"typ": "JWT"}, good), ""},
		{"good, one of several audiences", es(at, with(good, "aud", []string{"other", "firstfix"})), ""},
		{"alg none", raw(`{"alg":"none","typ":"at+jwt"}`, claimsText("99999999999"), ""), dispatch.ReasonTokenInvalid},
		{"alg nOnE", raw(`{"alg":"nOnE","typ":"at+jwt"}`, claimsText("99999999999"), ""), dispatch.ReasonTokenInvalid},
		{"alg HS256 with the public key", sign(t, jose.HS256, []byte(strings.Repeat("public key bytes", 4)), at, good), dispatch.ReasonTokenInvalid},
		{"alg PS512", sign(t, jose.PS512, rs, at, good), dispatch.ReasonTokenInvalid},
		{"alg RS512", sign(t, jose.RS512, rs, at, good), dispatch.ReasonTokenInvalid},
		{"other key, same kid", sign(t, jose.ES256, jose.JSONWebKey{Key: attacker, KeyID: "k1"}, at, good), dispatch.ReasonTokenInvalid},
		{"unknown kid", sign(t, jose.ES256, jose.JSONWebKey{Key: attacker, KeyID: "../../etc/passwd"}, at, good), dispatch.ReasonTokenInvalid},
		{"no kid", sign(t, jose.ES256, first.key.Key, at, good), dispatch.ReasonTokenInvalid},
		{"key of the other tenant's issuer", sign(t, jose.ES256, second.key, at, good), dispatch.ReasonTokenInvalid},
		{"iss with a slash", es(at, with(good, "iss", first.provider.server.URL+"/")), dispatch.ReasonTokenInvalid},
		{"iss of the other tenant", es(at, with(good, "iss", second.provider.server.URL)), dispatch.ReasonTokenInvalid},
		{"iss missing", es(at, with(good, "iss", nil)), dispatch.ReasonTokenInvalid},
		{"aud of others", es(at, with(good, "aud", "other")), dispatch.ReasonTokenInvalid},
		{"aud missing", es(at, with(good, "aud", nil)), dispatch.ReasonTokenInvalid},
		{"sub missing", es(at, with(good, "sub", nil)), dispatch.ReasonTokenInvalid},
		{"expired 59 s ago", es(at, with(good, "exp", now.Add(-58*time.Second).Unix())), ""},
		{"expired 62 s ago", es(at, with(good, "exp", now.Add(-62*time.Second).Unix())), dispatch.ReasonTokenExpired},
		{"good for two months", es(at, with(good, "exp", now.Add(60*24*time.Hour).Unix())), dispatch.ReasonTokenInvalid},
		{"exp missing", es(at, with(good, "exp", nil)), dispatch.ReasonTokenInvalid},
		{"nbf in 5 minutes", es(at, with(good, "nbf", now.Add(5*time.Minute).Unix())), dispatch.ReasonTokenNotYetValid},
		{"iat in 5 minutes", es(at, with(good, "iat", now.Add(5*time.Minute).Unix())), dispatch.ReasonTokenNotYetValid},
		{"exp as a string", signedText(`"99999999999"`), dispatch.ReasonTokenInvalid},
		{"exp as a float", signedText(`4102444800.5`), dispatch.ReasonTokenInvalid},
		{"exp 1e400", signedText(`1e400`), dispatch.ReasonTokenInvalid},
		{"exp negative", signedText(`-1`), dispatch.ReasonTokenInvalid},
		{"jku", es(with(at, "jku", second.provider.server.URL+"/evil"), good), dispatch.ReasonTokenInvalid},
		{"x5u", es(with(at, "x5u", second.provider.server.URL+"/evil"), good), dispatch.ReasonTokenInvalid},
		{"jwk", es(with(at, "jwk", jose.JSONWebKey{Key: attacker.Public(), KeyID: "k1"}), good), dispatch.ReasonTokenInvalid},
		{"x5c", es(with(at, "x5c", []string{"AAAA"}), good), dispatch.ReasonTokenInvalid},
		{"ID token by typ", es(map[string]any{"typ": "id+jwt"}, good), dispatch.ReasonTokenWrongType},
		{"ID token by nonce", es(map[string]any{"typ": "JWT"}, with(good, "nonce", "n")), dispatch.ReasonTokenWrongType},
		{"refresh token by claim", es(map[string]any{"typ": "JWT"}, with(good, "typ", "Refresh")), dispatch.ReasonTokenWrongType},
		{"no typ", es(nil, good), dispatch.ReasonTokenWrongType},
		{"signature of zeros", header + "." + body + "." + zero, dispatch.ReasonTokenInvalid},
		{"signature cut short", header + "." + body + "." + signature[:len(signature)-4], dispatch.ReasonTokenInvalid},
		{"payload of another token", header + "." + base64.RawURLEncoding.EncodeToString([]byte(claimsText("99999999999"))) + "." + signature, dispatch.ReasonTokenInvalid},
		{"a megabyte of dots is cut off by the header limit", strings.Repeat(".", 9000), dispatch.ReasonTokenTooLarge},
		{"dots", "..", dispatch.ReasonTokenInvalid},
		{"JSON serialization", `{"payload":"e30","protected":"e30","signature":""}`, dispatch.ReasonTokenInvalid},
		{"a stranger", es(at, with(good, "sub", "stranger")), dispatch.ReasonAccessDenied},
		{"an administrator of the other tenant only", sign(t, jose.ES256, second.key, at, with(d.claims(second, admin), "sub", "stranger")), dispatch.ReasonAccessDenied},
	} {
		if got := d.knock(t.Context(), c.token); got != c.want {
			t.Errorf("%s: %q, expected %q", c.what, got, c.want)
		}
	}
	if n := first.provider.strays.Load() + second.provider.strays.Load(); n != 0 {
		t.Errorf("%d requests went to addresses that tokens named", n)
	}
	if n := first.provider.fetches.Load(); n > 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	token := d.token(t, d.tenants[0], admin)
	client := pb.NewWorkforceServiceClient(d.conn)
	for _, c := range []struct {
		what    string
		headers []string
		want    dispatch.Reason
	}{
		{"none", nil, dispatch.ReasonTokenMissing},
		{"empty", []string{""}, dispatch.ReasonTokenMissing},
		{"no token", []string{"Bearer "}, dispatch.ReasonTokenMissing},
		{"basic", []string{"Basic QTpC"}, dispatch.ReasonTokenInvalid},
		{"lower case", []string{"bearer " + token}, ""},
		{"twice", []string{"Bearer " + token, "Bearer " + token}, dispatch.ReasonTokenInvalid},
		{"bare", []string{token}, dispatch.ReasonTokenInvalid},
	} {
		ctx := t.Context()
		for _, h := range c.headers {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", h)
		}
		_, err := client.ListMembers(ctx, &pb.ListMembersRequest{})
		if got := passed(err); got != c.want {
			t.Errorf("%s: %q, expected %q (%v)", c.what, got, c.want, err)
		}
	}
}

func TestOwnTokens(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	first := d.tenants[0].id
	must := func(token string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	ask := func(token string) dispatch.Reason {
		_, err := pb.NewWorkforceServiceClient(d.conn).ListServices(as(t.Context(), token), &pb.ListServicesRequest{})
		return passed(err)
	}
	visitor := func(until time.Duration) string {
		return must(d.seal.VisitorToken(dispatch.VisitorGrant{Tenant: first, Visitor: uuid.New(), ExpiresAt: d.clock.now().Add(until)}))
	}
	session := must(d.seal.LinkSessionToken(dispatch.LinkSession{
		Tenant: first, Appointment: dispatch.AppointmentID{UUID: uuid.New()}, Epoch: 1, ExpiresAt: d.clock.now().Add(time.Minute),
	}))
	good := visitor(time.Minute)
	for what, c := range map[string]struct {
		token string
		want  dispatch.Reason
	}{
		"visitor":                       {good, ""},
		"visitor, over":                 {visitor(-time.Second), dispatch.ReasonTokenExpired},
		"visitor, altered":              {good[:len(good)-2] + "zz", dispatch.ReasonTokenInvalid},
		"visitor's content as a link's": {"ffl_" + strings.TrimPrefix(good, "ffv_"), dispatch.ReasonTokenInvalid},
		"visitor without its prefix":    {strings.TrimPrefix(good, "ffv_"), dispatch.ReasonTokenInvalid},
		"session of no appointment":     {session, dispatch.ReasonTokenInvalid},
		"link":                          {must(d.seal.Token(dispatch.PurposeAppointmentLink, dispatch.LinkGrant{Tenant: first})), dispatch.ReasonTokenWrongType},
		"key of a booking page":         {must(d.seal.Token(dispatch.PurposeBookingSite, dispatch.BookingSite{Tenant: first})), dispatch.ReasonTokenWrongType},
	} {
		if got := ask(c.token); got != c.want {
			t.Errorf("%s: %q, expected %q", what, got, c.want)
		}
	}
	if got := d.knock(t.Context(), good); got != dispatch.ReasonAccessDenied {
		t.Errorf("a visitor lists members: %q", got)
	}
}

// A member who is disabled, or whose role is taken, is out with his next call,
// whatever his token says.
func TestRoleIsThatOfTheMoment(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	first := d.tenants[0]
	token := d.token(t, first, "somebody")
	put := func(role dispatch.Role, disabled bool) {
		t.Helper()
		err := d.store.InTx(t.Context(), first.id, func(ctx context.Context, tx dispatch.Tx) error {
			_, err := tx.PutMember(ctx, dispatch.Member{
				Issuer: first.provider.server.URL, Subject: "somebody", Role: role, DisplayName: "Some Body", Disabled: disabled,
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		role     dispatch.Role
		disabled bool
		want     dispatch.Reason
	}{
		{dispatch.RoleAdministrator, false, ""},
		{dispatch.RoleDispatcher, false, dispatch.ReasonAccessDenied},
		{dispatch.RoleAdministrator, false, ""},
		{dispatch.RoleAdministrator, true, dispatch.ReasonAccessDenied},
	} {
		put(step.role, step.disabled)
		if got := d.knock(t.Context(), token); got != step.want {
			t.Errorf("as %s, disabled %t: %q, expected %q", step.role, step.disabled, got, step.want)
		}
	}
}

// New keys are taken up at once; made-up key ids cost at most one fetch in 30 s;
// while the provider is down the keys that we have are good for a day.
func TestKeysOfIssuers(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	first := d.tenants[0]
	p := first.provider
	if got := d.knock(t.Context(), d.token(t, first, admin)); got != "" {
		t.Fatalf("the first token: %q", got)
	}
	d.clock.advance(31 * time.Second)
	next := p.rotate(t, "k2", ecKey(t))
	if got := d.knock(t.Context(), sign(t, jose.ES256, next, at, d.claims(first, admin))); got != "" {
		t.Errorf("a token of the new key: %q", got)
	}
	before := p.fetches.Load()
	for i := range 300 {
		made := jose.JSONWebKey{Key: first.key.Key, KeyID: fmt.Sprint("made-up-", i)}
		if got := d.knock(t.Context(), sign(t, jose.ES256, made, at, d.claims(first, admin))); got != dispatch.ReasonTokenInvalid && got != dispatch.ReasonRateLimited {
			t.Fatalf("a made-up key: %q", got)
		}
	}
	if n := p.fetches.Load() - before; n > 1 {
		t.Errorf("300 made-up key ids cost %d fetches", n)
	}
	p.setDown(true)
	d.clock.advance(23 * time.Hour)
	if got := d.knock(t.Context(), d.token(t, first, admin)); got != "" {
		t.Errorf("with the provider down for 23 hours: %q", got)
	}
	d.clock.advance(2 * time.Hour)
	if got := d.knock(t.Context(), d.token(t, first, admin)); got != dispatch.ReasonIssuerUnavailable {
		t.Errorf("with the provider down for 25 hours: %q", got)
	}
	p.setDown(false)
	d.clock.advance(31 * time.Second)
	if got := d.knock(t.Context(), d.token(t, first, admin)); got != "" {
		t.Errorf("with the provider up again: %q", got)
	}
}

// A header larger than the transport takes costs the call and nothing else.
func TestHugeToken(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.web+"/v1/members", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.Repeat(".", 1<<20))
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		defer response.Body.Close()
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("HTTP answers %s", response.Status)
		}
	}
	if got := d.knock(t.Context(), strings.Repeat(".", 1<<20)); got == "" {
		t.Error("gRPC let a token of a megabyte in")
	}
	if got := d.knock(t.Context(), d.token(t, d.tenants[0], admin)); got != "" {
		t.Errorf("the next call: %q", got)
	}
}
