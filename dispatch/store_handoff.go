package dispatch

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// HandOffTx is what handing referrals over needs of a transaction.
type HandOffTx interface {
	CreateWebhookEndpoint(ctx context.Context, e WebhookEndpoint) error
	GetWebhookEndpoint(ctx context.Context, id WebhookEndpointID) (WebhookEndpoint, error)
	LockWebhookEndpoint(ctx context.Context, id WebhookEndpointID) (WebhookEndpoint, error)
	SaveWebhookEndpoint(ctx context.Context, e WebhookEndpoint) error
	PageWebhookEndpoints(ctx context.Context, page Page) ([]WebhookEndpoint, string, error)
	CountWebhookEndpoints(ctx context.Context) (int, error)
	// EnabledWebhookEndpoints gives the ids of those that get what changes.
	EnabledWebhookEndpoints(ctx context.Context) ([]WebhookEndpointID, error)
	// NoteReachable writes failures and rest of an endpoint, without a new version.
	NoteReachable(ctx context.Context, id WebhookEndpointID, failures int, restsUntil time.Time) error

	CreateWebhookDelivery(ctx context.Context, d WebhookDelivery) error
	GetWebhookDelivery(ctx context.Context, id WebhookDeliveryID) (WebhookDelivery, error)
	PageWebhookDeliveries(ctx context.Context, filter WebhookDeliveryFilter, page Page) ([]WebhookDelivery, string, error)
	// ReviveWebhookDeliveries makes dead deliveries of an endpoint pending again, of
	// those made within the span, and gives how many.
	ReviveWebhookDeliveries(ctx context.Context, id WebhookEndpointID, made Span, now time.Time) (int64, error)
	// KillWebhookDeliveries makes what is pending for an endpoint dead.
	KillWebhookDeliveries(ctx context.Context, id WebhookEndpointID, reason string, now time.Time) error
	// SettleWebhookDelivery writes what came of an attempt, if d.Lease still holds the
	// row; held is false if another sender has taken over.
	SettleWebhookDelivery(ctx context.Context, d WebhookDelivery) (held bool, err error)
}

// WebhookDeliveryFilter narrows a list of deliveries; zero fields do not.
type WebhookDeliveryFilter struct {
	Endpoint WebhookEndpointID
	Referral ReferralID
	State    WebhookDeliveryState
}

// LeasedWebhookDelivery is a delivery in the hands of one sender.
type LeasedWebhookDelivery struct {
	Tenant   TenantID
	Delivery WebhookDeliveryID
	Endpoint WebhookEndpointID
	Lease    uuid.UUID
}
