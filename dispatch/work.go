package dispatch

import "time"

// WorkOrder is a problem to be solved at a site; it may take several visits.
type WorkOrder struct {
	ID                WorkOrderID
	Customer          CustomerID // zero where nobody is known yet
	Site              SiteID
	Asset             AssetID
	Service           ServiceID
	PlanningArea      PlanningAreaID
	State             WorkOrderState
	Priority          int // 1 (most urgent) to 5
	Issue             string
	DueAt             time.Time // zero where none
	ExternalReference string
	Corrects          WorkOrderID // the earlier order whose issue came back, linked by hand
	Episode           int         // of its fix window, 0 = never resolved
	OpenedAt          time.Time
	ResolvedAt        time.Time
	Version           int64
}

// Name is the resource name.
func (w WorkOrder) Name() string { return w.ID.Name() }

// Hold is a slot offer reserved for a short time; the database's clock judges it.
type Hold struct {
	ID           HoldID
	Holder       string // subject of the principal
	State        HoldState
	PlanningArea PlanningAreaID
	Service      ServiceID
	Tier         TierID
	WorkOrder    WorkOrderID   // where the work is known already
	Appointment  AppointmentID // what the hold became, or what it shall reschedule
	Address      string
	PostalCode   string
	Location     Point
	Window       Window
	Price        Money
	PriceLines   []PriceLine
	Duration     time.Duration
	ExpiresAt    time.Time
	Extensions   int
	Version      int64
}

// Name is the resource name.
func (h Hold) Name() string { return h.ID.Name() }

// Window is an arrival window: the technician is promised to arrive in
// [Start, End), read on the clocks of Zone.
type Window struct {
	Span
	Zone string // IANA
}

// Appointment is a confirmed arrival window: a promise to a customer.
type Appointment struct {
	ID           AppointmentID
	WorkOrder    WorkOrderID
	Customer     CustomerID
	State        AppointmentState
	Service      ServiceID
	Tier         TierID
	Window       Window
	Price        Money
	PriceLines   []PriceLine
	Promise      int // ordinal of the promise in force
	LinkEpoch    int // links of an earlier epoch are dead
	CancelReason string
	BookedBy     string
	BookedAt     time.Time
	Version      int64
}

// Name is the resource name.
func (a Appointment) Name() string { return a.ID.Name() }

// Promise is one entry of the ledger of what was promised. Entries are never
// overwritten: a re-promise is a new entry with who and why.
type Promise struct {
	Appointment AppointmentID
	Ordinal     int
	Window      Window
	MadeAt      time.Time
	MadeBy      string
	Reason      string
	Outcome     PromiseOutcome
	JudgedAt    time.Time
}

// PromiseOutcome is whether a promise was kept.
type PromiseOutcome string

// The outcomes of a promise. Superseded and withdrawn promises were replaced or
// given up before their time.
const (
	PromiseOpen       PromiseOutcome = "open"
	PromiseKept       PromiseOutcome = "kept"
	PromiseMissed     PromiseOutcome = "missed"
	PromiseSuperseded PromiseOutcome = "superseded"
	PromiseWithdrawn  PromiseOutcome = "withdrawn"
)

// JudgePromise says whether arriving at arrival kept the window's promise.
// Arriving early keeps it only if the window has begun: customers were told to
// be at home from its start.
func JudgePromise(w Window, arrival time.Time) PromiseOutcome {
	if w.Contains(arrival) {
		return PromiseKept
	}
	return PromiseMissed
}

// Visit is one trip of a technician to a site for a work order.
type Visit struct {
	ID           VisitID
	WorkOrder    WorkOrderID
	Appointment  AppointmentID // zero where nothing was promised
	PlanningArea PlanningAreaID
	Ordinal      int // of the work order, from 1
	State        VisitState
	Duration     time.Duration // expected on site
	// Technician who does or did it; who is meant to do it is a Commitment.
	Technician    TechnicianID
	EnRouteAt     time.Time
	ArrivedAt     time.Time
	StartedAt     time.Time
	FinishedAt    time.Time
	Outcome       Outcome
	OutcomeReason string
	LateToldAt    time.Time
	CreatedAt     time.Time
	Version       int64
}

// Name is the resource name.
func (v Visit) Name() string { return v.ID.Name() }

// Outcome is what a visit came to.
type Outcome string

// The outcomes of a visit.
const (
	OutcomeNone            Outcome = ""
	OutcomeResolved        Outcome = "resolved"
	OutcomeNeedsReturn     Outcome = "needs_return"
	OutcomeNoAccess        Outcome = "no_access"
	OutcomeCancelledOnSite Outcome = "cancelled_on_site"
)

// Commitment is the span of a technician's time that a hold, visit, break or
// absence shall occupy. It is an intention; what happened is in the visit.
type Commitment struct {
	ID         CommitmentID
	Technician TechnicianID
	Shift      ShiftID
	Kind       CommitmentKind
	State      CommitmentState
	Hold       HoldID
	Visit      VisitID
	Absence    AbsenceID
	Span       Span          // time on site with its buffer
	Travel     time.Duration // from the stop before
	PinnedBy   string        // who fixed technician and time, "" if free
	// OverlapAllowedBy is who allowed it to overlap others, "" if nobody.
	OverlapAllowedBy string
	Version          int64
}

// Stop is a commitment with what a route needs to know of it: where it is, how
// long the work takes and what was promised there. A break or an absence has no
// place and no window.
type Stop struct {
	Commitment
	Location  Point
	Duration  time.Duration // on site, as the service or the hold expects
	Window    Window        // promised or held; zero where nothing was promised
	Service   ServiceID
	ExpiresAt time.Time     // of a hold's stop
	Spread    time.Duration // standard deviation of Duration, by the service
	Priority  int           // of its work order, 1 (most urgent) to 5
	DueAt     time.Time     // of its work order, zero where none
	// What happened so far, zero where it did not.
	ArrivedAt    time.Time
	StartedAt    time.Time
	FinishedAt   time.Time
	VisitVersion int64 // zero where it is no visit
}

// CommitmentKind is what occupies the time.
type CommitmentKind string

// The kinds of commitment.
const (
	CommitmentHold    CommitmentKind = "hold"
	CommitmentVisit   CommitmentKind = "visit"
	CommitmentBreak   CommitmentKind = "break"
	CommitmentAbsence CommitmentKind = "absence"
)

// Plan is one version of the routes of a planning area's day.
type Plan struct {
	ID           PlanID
	PlanningArea PlanningAreaID
	Date         Date
	Version      int
	State        PlanState
	Author       string
	Stops        []PlanStop // by shift and ordinal
	Leftovers    []Leftover
	Cost         int64
	Travel       time.Duration
	Work         time.Duration
	Moved        int       // visits whose technician or time changed
	Conflicts    []VisitID // left out because they moved while the plan was made
	// Basis is the DayVersion that the plan left behind when it was published:
	// while it stands, there is nothing to plan anew.
	Basis       int64
	CreatedAt   time.Time
	PublishedAt time.Time
}

// Name is the resource name.
func (p Plan) Name() string { return p.ID.Name() }

// PlanStop is one visit in a route.
type PlanStop struct {
	Shift   ShiftID
	Ordinal int // in its route, from 1
	Visit   VisitID
	Span    Span
	Travel  time.Duration
}

// Leftover is a visit that a plan could not place, and why.
type Leftover struct {
	Visit  VisitID
	Reason string
}
