package dispatch

import (
	"time"

	"github.com/google/uuid"
)

// WebhookEndpoint is a tenant's CRM, or what stands before it: each change of a
// referral is posted there.
type WebhookEndpoint struct {
	ID            WebhookEndpointID
	DisplayName   string
	URL           string
	Format        WebhookFormat
	State         EndpointState
	StateReason   string    // why it is disabled
	KeyNumber     int       // of the key that signs
	PreviousUntil time.Time // until when the key before signs too, zero if it does not
	Failures      int       // deliveries in a row that found nobody
	RestsUntil    time.Time // nothing is sent before, zero if it does not rest
	CreatedAt     time.Time
	Version       int64
}

// Name is the resource name.
func (e WebhookEndpoint) Name() string { return e.ID.Name() }

// Keys are the numbers of the keys that sign at the time now, the newest first.
func (e WebhookEndpoint) Keys(now time.Time) []int {
	if e.KeyNumber > 1 && now.Before(e.PreviousUntil) {
		return []int{e.KeyNumber, e.KeyNumber - 1}
	}
	return []int{e.KeyNumber}
}

// The limits of handing over.
const (
	// MaxWebhookEndpoints is how many endpoints a tenant may have: each change of a
	// referral is a row for each of them.
	MaxWebhookEndpoints = 100
	// WebhooksPerEndpoint is how many posts to one endpoint are under way at once.
	WebhooksPerEndpoint = 4
)

// WebhookFormat is the shape of what an endpoint gets.
type WebhookFormat string

// The formats.
const (
	FormatFirstfix   WebhookFormat = "firstfix"   // our own words
	FormatSalesforce WebhookFormat = "salesforce" // with the fields of its Lead object
	FormatHubSpot    WebhookFormat = "hubspot"    // with the properties of its contact and lead objects
)

// EndpointState says whether an endpoint gets anything.
type EndpointState string

// The states of an endpoint.
const (
	EndpointEnabled  EndpointState = "enabled"
	EndpointDisabled EndpointState = "disabled"
)

// WebhookEvent is what a delivery tells.
type WebhookEvent string

// The events.
const (
	WebhookReferralChanged WebhookEvent = "referral.changed"
	WebhookTest            WebhookEvent = "test"
)

// Lead is a referral as a sales team needs it, at the moment of one of its versions.
// It is kept with the delivery, so that every attempt says the same.
type Lead struct {
	Referral       string    `json:"referral"` // resource name
	Version        int64     `json:"version"`  // larger is later
	State          string    `json:"state"`
	StateReason    string    `json:"state_reason,omitempty"`
	Owner          string    `json:"owner,omitempty"` // subject of the sales member
	Need           string    `json:"need"`
	Suggestion     string    `json:"suggestion,omitempty"`
	Product        string    `json:"product,omitempty"` // resource name of the service
	Urgency        string    `json:"urgency"`
	Estimate       *LeadSum  `json:"estimate,omitempty"`
	Value          *LeadSum  `json:"value,omitempty"`
	LoggedAt       time.Time `json:"logged_at"`
	ConsentChannel string    `json:"consent_channel"` // how the customer agreed to be contacted
	Customer       string    `json:"customer"`        // resource name
	CustomerName   string    `json:"customer_name"`
	// Of phone and email only what he agreed to be contacted by.
	Phone       string `json:"phone,omitempty"`
	Email       string `json:"email,omitempty"`
	Address     string `json:"address,omitempty"` // of the site
	PostalCode  string `json:"postal_code,omitempty"`
	Technician  string `json:"technician"` // display name
	DuplicateOf string `json:"duplicate_of,omitempty"`
	Sale        string `json:"sale,omitempty"` // what became of it since it was won
}

// LeadSum is an amount in minor units.
type LeadSum struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// WebhookDelivery is one change of a referral on its way to one endpoint.
type WebhookDelivery struct {
	ID         WebhookDeliveryID
	Endpoint   WebhookEndpointID
	Referral   ReferralID // zero for a test
	Version    int64      // of the referral
	Event      WebhookEvent
	Lead       *Lead // nil for a test, and once it has been delivered
	State      WebhookDeliveryState
	Reason     string // why the last attempt failed
	Status     int    // of the last HTTP answer, 0 if there was none
	Attempts   int
	DueAt      time.Time
	RetrySince time.Time
	Lease      uuid.UUID
	CreatedAt  time.Time
	FinishedAt time.Time
}

// Name is the resource name.
func (d WebhookDelivery) Name() string { return d.ID.Name() }

// WebhookDeliveryState is what became of a delivery.
type WebhookDeliveryState string

// The states of a delivery.
const (
	WebhookPending   WebhookDeliveryState = "pending"
	WebhookDelivered WebhookDeliveryState = "delivered"
	WebhookDead      WebhookDeliveryState = "dead" // three days are over, or the endpoint is gone; can be replayed
)

// WebhookAttempt is all that one post needs.
type WebhookAttempt struct {
	Tenant   TenantID
	Endpoint WebhookEndpoint
	Delivery WebhookDelivery
	Secrets  []string // "whsec_" and base64: each signs
}

// WebhookAnswer is what came of one post.
type WebhookAnswer struct {
	Status int // HTTP, 0 if nobody answered
	// Err is why it was not taken, nil if it was.
	Err error
	// Unreachable is true where the endpoint is to blame and not this delivery.
	Unreachable bool
	// Gone is true where the endpoint wants nothing more.
	Gone bool
	// RetryAfter is how long the endpoint asks to be left alone, 0 if it does not.
	RetryAfter time.Duration
	// Warning is what looks wrong about an answer that took it, "" if nothing does.
	Warning string
}
