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
	State          ReferralState
	StateReason    string
	DuplicateOf    ReferralID // an open referral for the same customer and service
	Owner          string     // subject of the sales member, "" until routed
	AcceptDueAt    time.Time
	Escalation     int // reminders and escalations so far
	Value          *Money
	LoggedAt       time.Time
	AcceptedAt     time.Time
	ContactedAt    time.Time
	ClosedAt       time.Time
	Version        int64
}

// Name is the resource name.
func (r Referral) Name() string { return r.ID.Name() }

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
