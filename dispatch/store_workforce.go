package dispatch

import (
	"context"
	"time"
)

// WorkforceTx is the company: map, catalogue, technicians and their time,
// members, customers and places.
//
// Create methods refuse with RESOURCE_EXISTS. Save methods write the entity if
// its Version is the row's, which then grows by one, and refuse with
// ETAG_MISMATCH otherwise. Page methods give at most page.Size entities after
// page.After, in the order that they name, and the key of the next page, ""
// at the end.
type WorkforceTx interface {
	TenantTx
	MapTx
	CatalogueTx
	TechnicianTx
	CustomerTx
	OperationTx
	ImportTx
}

// TenantTx is the company itself and who may act in it.
type TenantTx interface {
	GetTenant(ctx context.Context) (Tenant, error)
	// CreateTenant makes the tenant of this transaction.
	CreateTenant(ctx context.Context, t Tenant) error
	// FindMember looks up who a verified token is; found is false for strangers.
	FindMember(ctx context.Context, issuer, subject string) (member Member, found bool, err error)
	// ListMembers gives the members of a role that are not disabled, by subject.
	ListMembers(ctx context.Context, role Role) ([]Member, error)
	// LockAdministrators is ListMembers of the administrators, who stay what they
	// are until the end of the transaction.
	LockAdministrators(ctx context.Context) ([]Member, error)
	// PageMembers pages by issuer, then subject.
	PageMembers(ctx context.Context, showDisabled bool, page Page) ([]Member, string, error)
	// PutMember makes the member or replaces what the same issuer and subject was,
	// and gives it with its new version.
	PutMember(ctx context.Context, m Member) (Member, error)
}

// MapTx is where the company works.
type MapTx interface {
	CreatePlanningArea(ctx context.Context, a PlanningArea) error
	GetPlanningArea(ctx context.Context, id PlanningAreaID) (PlanningArea, error)
	// PagePlanningAreas pages by id.
	PagePlanningAreas(ctx context.Context, page Page) ([]PlanningArea, string, error)
	SavePlanningArea(ctx context.Context, a PlanningArea) error

	// CreateTerritory refuses with POLYGON_INVALID what the database's geometry
	// does not take.
	CreateTerritory(ctx context.Context, t Territory) error
	GetTerritory(ctx context.Context, id TerritoryID) (Territory, error)
	// PageTerritories pages by id; area "" means all.
	PageTerritories(ctx context.Context, area PlanningAreaID, page Page) ([]Territory, string, error)
	SaveTerritory(ctx context.Context, t Territory) error
	// TerritoryAt finds the territory that covers a place; of several the first
	// by id. found is false outside all of them.
	TerritoryAt(ctx context.Context, at Point) (territory Territory, found bool, err error)
}

// CatalogueTx is what the company can do and sells.
type CatalogueTx interface {
	CreateSkill(ctx context.Context, s Skill) error
	GetSkill(ctx context.Context, id SkillID) (Skill, error)
	// PageSkills pages by id.
	PageSkills(ctx context.Context, page Page) ([]Skill, string, error)
	SaveSkill(ctx context.Context, s Skill) error

	CreatePart(ctx context.Context, p Part) error
	GetPart(ctx context.Context, id PartID) (Part, error)
	// PageParts pages by id.
	PageParts(ctx context.Context, page Page) ([]Part, string, error)
	SavePart(ctx context.Context, p Part) error

	CreateService(ctx context.Context, s Service) error
	GetService(ctx context.Context, id ServiceID) (Service, error)
	// PageServices pages by id.
	PageServices(ctx context.Context, showRetired bool, page Page) ([]Service, string, error)
	SaveService(ctx context.Context, s Service) error

	CreateTier(ctx context.Context, t Tier) error
	GetTier(ctx context.Context, service ServiceID, id TierID) (Tier, error)
	// ListTiers gives all tiers of a service by id.
	ListTiers(ctx context.Context, service ServiceID) ([]Tier, error)
	// PageTiers pages the tiers of a service by id.
	PageTiers(ctx context.Context, service ServiceID, page Page) ([]Tier, string, error)
	SaveTier(ctx context.Context, t Tier) error
}

// TechnicianTx is who does the work, and when.
type TechnicianTx interface {
	CreateTechnician(ctx context.Context, t Technician) error
	// GetTechnicians reads technicians with their skills, ordered by id.
	GetTechnicians(ctx context.Context, ids []TechnicianID) ([]Technician, error)
	// PageTechnicians pages by id.
	PageTechnicians(ctx context.Context, filter TechnicianFilter, page Page) ([]Technician, string, error)
	SaveTechnician(ctx context.Context, t Technician) error

	// CreateShifts makes shifts with their breaks as commitments. It refuses with
	// SHIFT_HOURS_INVALID what overlaps another shift of the technician.
	CreateShifts(ctx context.Context, shifts []Shift) error
	// FirstShiftClash says which of these shifts is the first that overlaps another
	// one of its technician, itself apart.
	FirstShiftClash(ctx context.Context, shifts []Shift) (index int, found bool, err error)
	GetShift(ctx context.Context, id ShiftID) (Shift, error)
	// PageShifts pages by start, then id, with their breaks.
	PageShifts(ctx context.Context, filter ShiftFilter, page Page) ([]Shift, string, error)
	// SaveShift writes hours and area; the breaks are replaced.
	SaveShift(ctx context.Context, s Shift) error
	// DeleteShift removes a shift with its breaks and absences. Whatever else was
	// ever planned into it keeps the row: it is refused with RESOURCE_IN_USE.
	DeleteShift(ctx context.Context, id ShiftID) error
	// ShiftsOf gives the shifts of a technician that overlap [from, to), by start,
	// without their breaks.
	ShiftsOf(ctx context.Context, id TechnicianID, from, to time.Time) ([]Shift, error)
	// CountFutureJobs says how many visits and holds are planned for a technician
	// to end after t.
	CountFutureJobs(ctx context.Context, id TechnicianID, t time.Time) (int, error)

	CreateAbsence(ctx context.Context, a Absence) error
	GetAbsence(ctx context.Context, id AbsenceID) (Absence, error)
	// GetAbsences reads several, by id; those that are not there are missing.
	GetAbsences(ctx context.Context, ids []AbsenceID) ([]Absence, error)
	// PageAbsences pages by start, then id.
	PageAbsences(ctx context.Context, filter AbsenceFilter, page Page) ([]Absence, string, error)
	SaveAbsence(ctx context.Context, a Absence) error
	// AbsencesOf gives the absences of technicians that are not called off and
	// overlap [from, to), by start and id, without what they affect.
	AbsencesOf(ctx context.Context, technicians []TechnicianID, from, to time.Time) ([]Absence, error)
	// NoteDisplaced keeps that an absence took a visit from its technician.
	NoteDisplaced(ctx context.Context, absence AbsenceID, visit VisitID) error
	// ReleaseAbsence releases the commitments of an absence.
	ReleaseAbsence(ctx context.Context, id AbsenceID) error
}

// TechnicianFilter narrows a list of technicians; zero fields do not.
type TechnicianFilter struct {
	PlanningArea PlanningAreaID
	ShowInactive bool
}

// ShiftFilter narrows a list of shifts to the local days [From, To); zero fields
// do not narrow.
type ShiftFilter struct {
	PlanningArea PlanningAreaID
	Technician   TechnicianID
	From, To     Date
}

// AbsenceFilter narrows a list of absences; zero fields do not.
type AbsenceFilter struct {
	Technician TechnicianID
	Period     Span
}

// CustomerTx is who is served, and where.
type CustomerTx interface {
	CreateCustomer(ctx context.Context, c Customer) error
	GetCustomer(ctx context.Context, id CustomerID) (Customer, error)
	LockCustomers(ctx context.Context, ids []CustomerID) ([]Customer, error)
	// SearchCustomers pages by name, then id; merged ones are left out.
	SearchCustomers(ctx context.Context, query string, page Page) ([]Customer, string, error)
	SaveCustomer(ctx context.Context, c Customer) error
	// MoveCustomer gives everything of one customer to another.
	MoveCustomer(ctx context.Context, from, to CustomerID) error

	CreateContact(ctx context.Context, c Contact) error
	GetContact(ctx context.Context, id ContactID) (Contact, error)
	// SearchContacts pages the contacts of a customer by name, then id.
	SearchContacts(ctx context.Context, customer CustomerID, query string, page Page) ([]Contact, string, error)
	SaveContact(ctx context.Context, c Contact) error
	DeleteContact(ctx context.Context, id ContactID) error

	GetSite(ctx context.Context, id SiteID) (Site, error)
	// PutSite finds the site with the same AddressKey, or creates this one. It
	// never changes an existing site.
	PutSite(ctx context.Context, s Site) (Site, error)
	// PutSites is PutSite for many at once: it gives them in the order asked, and
	// how many of them are new.
	PutSites(ctx context.Context, sites []Site) (out []Site, created int, err error)
	CreateSite(ctx context.Context, s Site) error
	// SearchSites pages by address, then id; territory "" means all.
	SearchSites(ctx context.Context, query string, territory TerritoryID, page Page) ([]Site, string, error)
	SaveSite(ctx context.Context, s Site) error
	// MergeSites gives assets and work orders of one site to another and removes
	// it.
	MergeSites(ctx context.Context, from, to SiteID) error

	CreateAsset(ctx context.Context, a Asset) error
	GetAsset(ctx context.Context, id AssetID) (Asset, error)
	// SearchAssets pages by name, then id; a zero site means all.
	SearchAssets(ctx context.Context, query string, site SiteID, page Page) ([]Asset, string, error)
	SaveAsset(ctx context.Context, a Asset) error
	// MergeAssets gives the work orders of one asset to another and removes it.
	MergeAssets(ctx context.Context, from, to AssetID) error
}
