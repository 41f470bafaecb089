package dispatch

import "context"

// WorkforceTx is the company: map, catalogue, technicians and their time,
// customers and places. Save methods write the entity if its Version is the
// row's, which then grows by one, and refuse with ETAG_MISMATCH otherwise.
type WorkforceTx interface {
	GetTenant(ctx context.Context) (Tenant, error)
	GetPlanningArea(ctx context.Context, id PlanningAreaID) (PlanningArea, error)
	// TerritoryAt finds the territory that covers a place; of several the first
	// by id. found is false outside all of them.
	TerritoryAt(ctx context.Context, at Point) (territory Territory, found bool, err error)
	GetService(ctx context.Context, id ServiceID) (Service, error)
	GetTier(ctx context.Context, service ServiceID, id TierID) (Tier, error)
	ListTiers(ctx context.Context, service ServiceID) ([]Tier, error)
	// GetTechnicians reads technicians with their skills, ordered by id.
	GetTechnicians(ctx context.Context, ids []TechnicianID) ([]Technician, error)
	GetCustomer(ctx context.Context, id CustomerID) (Customer, error)
	CreateCustomer(ctx context.Context, c Customer) error
	GetSite(ctx context.Context, id SiteID) (Site, error)
	// PutSite finds the site with the same AddressKey, or creates this one. It
	// never changes an existing site.
	PutSite(ctx context.Context, s Site) (Site, error)
	// FindMember looks up who a verified token is; found is false for strangers.
	FindMember(ctx context.Context, issuer, subject string) (member Member, found bool, err error)
	// ListMembers gives the members of a role that are not disabled, by subject.
	ListMembers(ctx context.Context, role Role) ([]Member, error)
}
