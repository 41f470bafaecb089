package dispatch

import (
	"slices"
	"time"
)

// Tenant is one company that runs its field service on Firstfix.
type Tenant struct {
	ID          TenantID
	Slug        string
	DisplayName string
	Currency    string // ISO 4217
	TimeZone    string // IANA
	Language    string // BCP 47, of messages to customers who chose none
}

// Name is the resource name.
func (t Tenant) Name() string { return t.ID.Name() }

// Member is somebody who may act in a tenant: the issuer says who he is, this
// row what he may do.
type Member struct {
	Issuer      string
	Subject     string // the token's subject claim
	Role        Role
	DisplayName string
	Email       string
	Technician  TechnicianID // of a technician
	Customer    CustomerID   // of a customer
	Disabled    bool
	Version     int64
}

// Name is the member's name in the audit; issuer and subject are the key.
func (m Member) Name() string { return "members/" + m.Subject }

// Principal is the subject of the principal that the member's tokens make.
func (m Member) Principal() string { return "member:" + m.Subject }

// Skill is something a technician can do.
type Skill struct {
	ID          SkillID
	DisplayName string
	Version     int64
}

// Name is the resource name.
func (s Skill) Name() string { return "skills/" + string(s.ID) }

// SkillLevel is a skill with its level, 1 (learner) to 5 (expert): needed by a
// service or held by a technician.
type SkillLevel struct {
	Skill SkillID
	Level int
	// ValidUntil is the last day of the technician's certificate, zero where
	// the skill needs none.
	ValidUntil Date
}

// Technician does the work.
type Technician struct {
	ID           TechnicianID
	DisplayName  string
	Email        string
	Phone        string
	Home         Point
	PlanningArea PlanningAreaID
	Skills       []SkillLevel
	Active       bool
	Version      int64
}

// Name is the resource name.
func (t Technician) Name() string { return t.ID.Name() }

// Holds reports whether he has a skill at a level on a day, by its certificate.
func (t Technician) Holds(need SkillLevel, day Date) bool {
	return slices.ContainsFunc(t.Skills, func(has SkillLevel) bool {
		return has.Skill == need.Skill && has.Level >= need.Level && (has.ValidUntil.IsZero() || !has.ValidUntil.Before(day))
	})
}

// Shift is a technician's working time on a day.
type Shift struct {
	ID           ShiftID
	Technician   TechnicianID
	PlanningArea PlanningAreaID
	Date         Date // of its start, in the planning area's zone
	Span         Span
	Breaks       []Span // kept as commitments of kind break
	Version      int64
}

// Name is the resource name.
func (s Shift) Name() string { return s.ID.Name() }

// Absence is time in which a technician does not work although a shift says so.
type Absence struct {
	ID         AbsenceID
	Technician TechnicianID
	Span       Span
	Reason     string
	Cancelled  bool
	// Affected are the confirmed appointments whose visits it took from the
	// technician.
	Affected []AppointmentID
	Version  int64
}

// Name is the resource name.
func (a Absence) Name() string { return a.ID.Name() }

// PlanningArea is a set of territories that share technicians: the unit of
// planning and locking.
type PlanningArea struct {
	ID           PlanningAreaID
	DisplayName  string
	TimeZone     string
	Windows      []WindowRule
	LeadTime     time.Duration // from now to the earliest start of an offered window
	HorizonDays  int           // how many local days ahead are offered
	ChangeCutoff time.Duration // before the window, after which customers change nothing
	HoldTime     time.Duration // how long a hold lives
	PlanAt       TimeOfDay     // on the evening before, when the day is planned
	Closed       []Date        // local days on which no window begins
	// BookingCutoff is until when, on the day before, a day can be booked; nil for up
	// to the lead time. Tiers of short notice are sold afterwards too.
	BookingCutoff *TimeOfDay
	WaitlistOrder WaitlistOrder // who is asked first when a window becomes free
	AnswerTime    time.Duration // how long it is kept for him
	Version       int64
}

// Name is the resource name.
func (a PlanningArea) Name() string { return "planningAreas/" + string(a.ID) }

// Territory is an area of service.
type Territory struct {
	ID           TerritoryID
	PlanningArea PlanningAreaID
	DisplayName  string
	TimeZone     string
	Boundary     []Polygon
	Version      int64
}

// Name is the resource name.
func (t Territory) Name() string { return "territories/" + string(t.ID) }

// Polygon is an outer ring and its holes; rings are closed, longitude first.
type Polygon [][]Point

// Service is an entry of the catalogue.
type Service struct {
	ID            ServiceID
	DisplayName   string
	Description   string
	Duration      time.Duration // mean time on site
	Spread        time.Duration // standard deviation of it
	Skills        []SkillLevel
	Parts         []PartQuantity
	FixWindowDays int
	Corrective    bool // judged for first-time fix
	Retired       bool
	Version       int64
}

// Name is the resource name.
func (s Service) Name() string { return "services/" + string(s.ID) }

// Part is built in during visits.
type Part struct {
	ID          PartID
	DisplayName string
	Version     int64
}

// Name is the resource name.
func (p Part) Name() string { return "parts/" + string(p.ID) }

// PartQuantity is how many of a part a service usually needs.
type PartQuantity struct {
	Part     PartID
	Quantity int
}

// Tier is a level of service that a customer can buy for a service.
type Tier struct {
	Service     ServiceID
	ID          TierID
	DisplayName string
	Price       Money
	OnTimeFloor float64 // offers less sure than this are not made, 0..1
	Rules       []PriceRule
	Cap         *Money // the most that a window costs, nil for no bound
	ShortNotice bool   // sold after the booking cut-off too
	Version     int64
}

// Name is the resource name.
func (t Tier) Name() string { return "services/" + string(t.Service) + "/tiers/" + string(t.ID) }
