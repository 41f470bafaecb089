package dispatch

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Purpose is what a sealed token may be used for; one sealed for another purpose
// does not open.
type Purpose string

// The purposes of sealed tokens.
const (
	PurposeBookingSite     Purpose = "booking-site"     // a tenant's public key for its booking frontend
	PurposeVisitor         Purpose = "visitor"          // access token of an anonymous visitor
	PurposeSlotOffer       Purpose = "slot-offer"       // an arrival window with its price
	PurposeHold            Purpose = "hold"             // the right to a hold
	PurposeAppointmentLink Purpose = "appointment-link" // the link in a customer's message
	PurposeLinkSession     Purpose = "link-session"     // access token of who opened such a link
	PurposePage            Purpose = "page"             // the place in a list
	PurposeWatch           Purpose = "watch"            // where a watch has got to
	PurposeSyncCursor      Purpose = "sync-cursor"      // what a technician's device holds
	PurposeFollowUp        Purpose = "follow-up"        // the right to answer one question after a sale
	PurposeWaitlist        Purpose = "waitlist"         // the right to answer for one entry of a waiting list
	PurposeWebhookInbox    Purpose = "webhook-inbox"    // where a tenant's CRM posts what became of leads
	PurposeWebhookKey      Purpose = "webhook-key"      // signs what goes to a tenant's CRM and comes from it
)

// Seal makes and opens tokens that only we can make and nobody else can read:
// AES-256-GCM with a key per purpose (HKDF-SHA-256). The nonce is a MAC of the
// content (a synthetic nonce), so that the same content gives the same token and
// a token can be rebuilt instead of stored.
type Seal struct {
	secret []byte
}

// NewSeal takes the secret that all servers and workers of an installation
// share, at least 32 bytes.
func NewSeal(secret []byte) (*Seal, error) {
	if len(secret) < 32 {
		return nil, fmt.Errorf("the sealing secret has %d bytes, expected at least 32", len(secret))
	}
	return &Seal{secret: secret}, nil
}

// Token seals v, which must survive JSON.
func (s *Seal) Token(purpose Purpose, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal a %s token: %w", purpose, err)
	}
	box, nonceKey, err := s.keys(purpose)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, nonceKey)
	mac.Write(plain)
	nonce := mac.Sum(nil)[:box.NonceSize()]
	sealed := box.Seal(nonce, nonce, plain, []byte(purpose))
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open reads a token into v. It refuses with TOKEN_TAMPERED what was not sealed
// here for this purpose; what the content allows, and until when, is the
// caller's to judge.
func (s *Seal) Open(purpose Purpose, token string, v any) error {
	box, _, err := s.keys(purpose)
	if err != nil {
		return err
	}
	tampered := Refuse(ReasonTokenTampered, "", "the %s token is not one of ours", purpose)
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) < box.NonceSize() {
		return tampered.Because(err)
	}
	plain, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], []byte(purpose))
	if err != nil {
		return tampered.Because(err)
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return tampered.Because(err)
	}
	return nil
}

func (s *Seal) keys(purpose Purpose) (box cipher.AEAD, nonceKey []byte, err error) {
	material, err := hkdf.Key(sha256.New, s.secret, nil, "firstfix/v1/"+string(purpose), 64)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the %s key: %w", purpose, err)
	}
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		return nil, nil, fmt.Errorf("derive the %s key: %w", purpose, err)
	}
	box, err = cipher.NewGCM(block)
	return box, material[32:], err
}

// Key derives a secret of 32 bytes that is somebody's for a purpose: the same for the
// same name, and of no use to guess another. It is rebuilt and never stored.
func (s *Seal) Key(purpose Purpose, name string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, s.secret, nil, "firstfix/v1/"+string(purpose)+"/"+name, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the %s of %s: %w", purpose, name, err)
	}
	return key, nil
}

// OpenLink opens the secret of a link in a message to a customer. It refuses with
// LINK_INVALID, without saying what is wrong.
func OpenLink[G any](s *Seal, purpose Purpose, token string) (grant G, err error) {
	if err := s.Open(purpose, token, &grant); err != nil {
		return grant, linkInvalid(err)
	}
	return grant, nil
}

// DeadLink says of a link to what is not there only that it is not valid.
func DeadLink(err error) error {
	if ReasonOf(err) == ReasonResourceNotFound {
		return linkInvalid(err)
	}
	return err
}

func linkInvalid(cause error) error {
	return Refuse(ReasonLinkInvalid, "", "the link is not valid any more").Because(cause)
}
