package dispatch

import "context"

// WaitlistTx is what the waiting list, in dispatch/booking, needs of a transaction.
type WaitlistTx interface {
	// CreateWaitlistEntry refuses with RESOURCE_EXISTS where the work order has an
	// entry that is open.
	CreateWaitlistEntry(ctx context.Context, e WaitlistEntry) error
	GetWaitlistEntry(ctx context.Context, id WaitlistEntryID) (WaitlistEntry, error)
	// SaveWaitlistEntry writes an entry in the version that was read, or refuses. It
	// comes last in the order of locks.
	SaveWaitlistEntry(ctx context.Context, e WaitlistEntry) error
	// PageWaitlistEntries pages by id.
	PageWaitlistEntries(ctx context.Context, filter WaitlistFilter, page Page) ([]WaitlistEntry, string, error)
	// OpenWaitlist gives the entries of an area that wait or have an offer, in the
	// order in which they are asked.
	OpenWaitlist(ctx context.Context, area PlanningAreaID, order WaitlistOrder) ([]WaitlistEntry, error)
	// WaitsFor finds the open entry of a customer for a service at a site.
	WaitsFor(ctx context.Context, customer CustomerID, site SiteID, service ServiceID) (WaitlistEntry, bool, error)
	// WaitedFor gives the area of a shift, and whether somebody waits there.
	WaitedFor(ctx context.Context, shift ShiftID) (area PlanningAreaID, waits bool, err error)

	AddWaitlistOffer(ctx context.Context, o WaitlistOffer) error
	// JudgeWaitlistOffer writes what became of an offer that is open.
	JudgeWaitlistOffer(ctx context.Context, o WaitlistOffer) error
	// WaitlistOffersOf gives the offers of an entry, the first one first.
	WaitlistOffersOf(ctx context.Context, id WaitlistEntryID) ([]WaitlistOffer, error)
}

// WaitlistFilter narrows a list of entries; zero fields do not.
type WaitlistFilter struct {
	State        WaitlistState
	PlanningArea PlanningAreaID
	Customer     CustomerID
	WorkOrder    WorkOrderID
	Appointment  AppointmentID
}
