package dispatch

import "context"

// PlanningTx keeps the versions of plans, and what the dispatcher looks at.
type PlanningTx interface {
	// CreatePlan writes a plan as the next version of its day, and gives it with
	// that version. A published plan supersedes the one before.
	CreatePlan(ctx context.Context, p Plan) (Plan, error)
	// GetPlan reads a plan with its stops and leftovers.
	GetPlan(ctx context.Context, id PlanID) (Plan, error)
	// PublishedPlan reads the plan in force of an area's day; found is false
	// where none was made yet.
	PublishedPlan(ctx context.Context, area PlanningAreaID, date Date) (plan Plan, found bool, err error)
	// ListPlans gives the plans of an area without stops, the newest first; all
	// days if date is zero.
	ListPlans(ctx context.Context, area PlanningAreaID, date Date, page Page) (plans []Plan, next string, err error)
	// DayVersion changes whenever a shift of the day, one of its commitments, or
	// the set of the area's unassigned visits changes.
	DayVersion(ctx context.Context, area PlanningAreaID, date Date) (int64, error)

	// ListWorkOrders pages by id, which is the order of their making.
	ListWorkOrders(ctx context.Context, filter WorkOrderFilter, page Page) (orders []WorkOrder, next string, err error)
	// ListVisits pages by id, which is the order of their making.
	ListVisits(ctx context.Context, filter VisitFilter, page Page) (visits []ListedVisit, next string, err error)
	// GetListedVisits reads visits with what is shown beside them, by id.
	GetListedVisits(ctx context.Context, ids []VisitID) ([]ListedVisit, error)
	// LastFixes reads the last episode of each work order; those that were never
	// resolved have none.
	LastFixes(ctx context.Context, ids []WorkOrderID) (map[WorkOrderID]FixEpisode, error)
}

// WorkOrderFilter narrows a list of work orders; zero fields do not.
type WorkOrderFilter struct {
	State             WorkOrderState
	PlanningArea      PlanningAreaID
	Site              SiteID
	Customer          CustomerID
	Service           ServiceID
	ExternalReference string
	MostPriority      int  // at most this number, 1 is the most urgent
	Opened            Span // a zero end does not bound
	Due               Span
}

// VisitFilter narrows a list of visits; zero fields do not.
type VisitFilter struct {
	State        VisitState
	Outcome      Outcome
	PlanningArea PlanningAreaID
	WorkOrder    WorkOrderID
	Appointment  AppointmentID
	Technician   TechnicianID // who does or did it, or is meant to
}

// ListedVisit is a visit with what its reader needs to know beside it.
type ListedVisit struct {
	Visit
	Window   Window     // promised, zero where nothing was
	Promisee CustomerID // to whom
	Planned  Commitment // zero where it is unassigned
	Service  ServiceID
	// Priority and Site are those of its work order; of the site, what the way
	// there needs.
	Priority int
	Site     Site
}
