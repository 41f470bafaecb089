package dispatch

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// The contents of the tokens that we seal ourselves. Expiry is judged on the
// real clock, also where domain time is another year.
type (
	// BookingSite is a tenant's public key for its booking frontend. It proves
	// nothing but which tenant is meant, and is safe to publish.
	BookingSite struct {
		Tenant TenantID `json:"t"`
	}

	// VisitorGrant lets an anonymous visitor search and book for at most an hour.
	VisitorGrant struct {
		Tenant    TenantID  `json:"t"`
		Visitor   uuid.UUID `json:"v"` // random; the principal's subject
		ExpiresAt time.Time `json:"e"`
	}

	// LinkGrant is inside the link of a message about an appointment. It lives as
	// long as the appointment keeps this epoch, and is no access token: it is
	// exchanged for a LinkSession.
	LinkGrant struct {
		Tenant      TenantID      `json:"t"`
		Appointment AppointmentID `json:"a"`
		Epoch       int           `json:"n"`
	}

	// LinkSession lets whoever opened a link act on that one appointment for at
	// most half an hour.
	LinkSession struct {
		Tenant      TenantID      `json:"t"`
		Appointment AppointmentID `json:"a"`
		Epoch       int           `json:"n"`
		ExpiresAt   time.Time     `json:"e"`
	}
)

// The longest lives of our own access tokens.
const (
	VisitorTokenLife = time.Hour
	LinkSessionLife  = 30 * time.Minute
)

// The prefixes of our own access tokens, so that they can be told from those of
// an issuer without a try.
const (
	VisitorTokenPrefix = "ffv_"
	LinkSessionPrefix  = "ffl_"
)

// Subject of the principal that the grant makes.
func (g VisitorGrant) Subject() string { return "visitor:" + g.Visitor.String() }

// Subject of the principal that the session makes.
func (s LinkSession) Subject() string { return "link:" + s.Appointment.String() }

// VisitorToken seals an access token for an Authorization header.
func (s *Seal) VisitorToken(g VisitorGrant) (string, error) {
	token, err := s.Token(PurposeVisitor, g)
	return VisitorTokenPrefix + token, err
}

// OpenVisitorToken reads a visitor's access token. It refuses with TOKEN_INVALID
// or TOKEN_EXPIRED.
func (s *Seal) OpenVisitorToken(token string, now time.Time) (VisitorGrant, error) {
	var g VisitorGrant
	err := s.openAccess(PurposeVisitor, VisitorTokenPrefix, token, &g)
	if err == nil && !now.Before(g.ExpiresAt) {
		err = Refuse(ReasonTokenExpired, "", "the visitor token has expired; ask for a new one")
	}
	return g, err
}

// LinkSessionToken seals an access token for an Authorization header.
func (s *Seal) LinkSessionToken(session LinkSession) (string, error) {
	token, err := s.Token(PurposeLinkSession, session)
	return LinkSessionPrefix + token, err
}

// OpenLinkSessionToken reads the access token of who opened a link. It refuses
// with TOKEN_INVALID or TOKEN_EXPIRED; whether the appointment still has the
// session's epoch is for the caller to ask the store.
func (s *Seal) OpenLinkSessionToken(token string, now time.Time) (LinkSession, error) {
	var session LinkSession
	err := s.openAccess(PurposeLinkSession, LinkSessionPrefix, token, &session)
	if err == nil && !now.Before(session.ExpiresAt) {
		err = Refuse(ReasonTokenExpired, "", "the session of the link has expired; open the link again")
	}
	return session, err
}

func (s *Seal) openAccess(purpose Purpose, prefix, token string, v any) error {
	sealed, ok := strings.CutPrefix(token, prefix)
	if !ok {
		return Refuse(ReasonTokenInvalid, "", "the token is not a %s token, expected the prefix %s", purpose, prefix)
	}
	if err := s.Open(purpose, sealed, v); err != nil {
		return Refuse(ReasonTokenInvalid, "", "the %s token is not one of ours", purpose).Because(err)
	}
	return nil
}
