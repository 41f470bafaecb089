package dispatch

import "time"

// Referral is a sales opportunity that a technician noticed during a visit; the
// attribution (visit, work order, site, customer, technician) is fixed when it
// is logged.
type Referral struct {
	ID             ReferralID
	Visit          VisitID
	WorkOrder      WorkOrderID
	Site           SiteID
	Customer       CustomerID
	Technician     TechnicianID
	Need           string // what the customer struggles with
	Suggestion     string
	Service        ServiceID // catalogue item that might help, "" if none
	Urgency        Urgency
	ConsentChannel ConsentChannel // how the customer agreed to be contacted
	Estimate       *Money
	Photos         []PhotoID // that may not have been uploaded yet
	State          ReferralState
	StateReason    string
	DuplicateOf    ReferralID  // an open referral for the same customer and service
	Desk           SalesDeskID // whose hours and clocks it goes by, "" for none
	Owner          string      // subject of the sales member, "" until routed
	AcceptDueAt    time.Time   // when it has to be accepted, zero until routed
	StepDueAt      time.Time   // when the next step after accepting has to be taken, zero where no such clock runs
	Escalation     int         // reminders and escalations since it came to its state
	EscalatedTo    string      // subject of who looks after it beside its owner, "" while the owner is in time
	Pause          *Pause      // nil while its clock runs
	Value          *Money
	Promised       *Measure // what it is promised to save, nil if nothing is; kept with its sale
	LoggedAt       time.Time
	AcceptedAt     time.Time
	ContactedAt    time.Time
	ClosedAt       time.Time
	Version        int64

	// Settlement is what became of the sale and what it brought, nil where there is
	// nothing of either; Feedback says it in words. Both follow from other rows and
	// are filled where the referral is shown.
	Settlement *Settlement
	Feedback   string
	// OpenCases are those of its customer, for staff: what was sold to him and does not
	// do what it should.
	OpenCases []ServiceCaseID
}

// Pause is why and how long the clock of a referral stands still.
type Pause struct {
	Since  time.Time
	Until  time.Time
	Reason string
}

// Settlement is what became of a referral's sale, and what it earned its technician
// in minor units of the tenant's currency.
type Settlement struct {
	Sale        SaleState // "" unless it was won
	SaleReason  string
	InstalledAt time.Time // zero until somebody says that it is
	Promised    *Measure  // what it was promised to save
	Earned      Money     // paid out, or to be paid
	Held        Money     // held back until the customer has stayed
}

// Name is the resource name.
func (r Referral) Name() string { return r.ID.Name() }

// ReferralMove is one row of the ledger of a referral: what was done, by whom and
// why. A reminder leaves the state as it is.
type ReferralMove struct {
	Referral ReferralID
	Version  int64 // of the referral after the move
	From, To ReferralState
	Owner    string // after the move
	Actor    string
	Reason   string
	At       time.Time
}

// SameOpportunity reports whether two referrals of one customer are about the
// same thing: the same catalogue item or, where neither names one, the same
// words.
func SameOpportunity(a, b Referral) bool {
	if a.Service != "" || b.Service != "" {
		return a.Service == b.Service
	}
	return squash(a.Suggestion) == squash(b.Suggestion) && (a.Suggestion != "" || squash(a.Need) == squash(b.Need))
}

// Urgency of a referral.
type Urgency string

// The urgencies.
const (
	UrgencyLow    Urgency = "low"
	UrgencyNormal Urgency = "normal"
	UrgencyHigh   Urgency = "high"
)

// ConsentChannel is the channel a customer agreed to be contacted by.
type ConsentChannel string

// The channels of consent.
const (
	ConsentPhone ConsentChannel = "phone"
	ConsentEmail ConsentChannel = "email"
	ConsentText  ConsentChannel = "text"
)
