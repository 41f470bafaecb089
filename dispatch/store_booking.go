package dispatch

import (
	"context"
	"time"
)

// BookingTx is what the use cases of dispatch/booking need of a transaction.
type BookingTx interface {
	// LockHolder keeps other transactions of the same holder waiting, so that a
	// limit on his holds cannot be outrun. It comes right after the idempotency
	// key in the lock order.
	LockHolder(ctx context.Context, holder string) error
	// CountHolds says how many holds of a holder are alive at t.
	CountHolds(ctx context.Context, holder string, t time.Time) (int, error)

	CreateHold(ctx context.Context, h Hold) error
	GetHold(ctx context.Context, id HoldID) (Hold, error)
	LockHold(ctx context.Context, id HoldID) (Hold, error)
	SaveHold(ctx context.Context, h Hold) error
	// LockOverdueHolds locks the holds with time on these shifts that are still
	// held although they ended at t or before, by id.
	LockOverdueHolds(ctx context.Context, shifts []ShiftID, t time.Time) ([]Hold, error)
	// CommitmentOfHold gives the time that a hold keeps, until it is confirmed or
	// released; found is false afterwards.
	CommitmentOfHold(ctx context.Context, id HoldID) (c Commitment, found bool, err error)
	// HoldOf gives the hold that became an appointment.
	HoldOf(ctx context.Context, id AppointmentID) (Hold, error)

	// ListAppointments gives appointments by start of the window, then id, and
	// the key of the next page, "" at the end.
	ListAppointments(ctx context.Context, filter AppointmentFilter, page Page) (list []ListedAppointment, next string, err error)
	// GetListedAppointment is GetAppointment with what a list shows beside it.
	GetListedAppointment(ctx context.Context, id AppointmentID) (ListedAppointment, error)
	// ServesAt says whether a customer has had work at a site.
	ServesAt(ctx context.Context, customer CustomerID, site SiteID) (bool, error)
	// CustomersAt gives the customers who can be reached at this mail address or,
	// where it is empty, under this phone number, the oldest first.
	CustomersAt(ctx context.Context, email, phone string) ([]Customer, error)

	AddSlotSearch(ctx context.Context, s SlotSearch) error
}

// AppointmentFilter narrows a list of appointments; zero fields do not.
type AppointmentFilter struct {
	State     AppointmentState
	Customer  CustomerID
	WorkOrder WorkOrderID
	Service   ServiceID
	Site      SiteID
	BookedBy  string
	// StartsIn are the starts of windows, [Start, End); a zero end does not
	// bound.
	StartsIn Span
	ID       AppointmentID
}

// ListedAppointment is an appointment with what its reader needs to know beside
// it.
type ListedAppointment struct {
	Appointment
	Visit    VisitID
	CutoffAt time.Time // from then on its customer changes nothing himself
}

// SlotSearch is the record of one search for offers.
type SlotSearch struct {
	At           time.Time
	PlanningArea PlanningAreaID // "" outside every territory
	Service      ServiceID
	Offered      int
	NoOffer      NoOfferReason // the weightiest where nothing was offered
}

// NoOfferReason says why there is no arrival window, or not more of them.
type NoOfferReason string

// The reasons, the weightiest first.
const (
	NoOfferOutOfArea      NoOfferReason = "OUT_OF_AREA"
	NoOfferClosed         NoOfferReason = "CLOSED"
	NoOfferNoWindows      NoOfferReason = "NO_WINDOWS"
	NoOfferNoSkill        NoOfferReason = "NO_SKILL"
	NoOfferFullyBooked    NoOfferReason = "FULLY_BOOKED"
	NoOfferTooUnsure      NoOfferReason = "TOO_UNSURE"
	NoOfferBookingCutoff  NoOfferReason = "BOOKING_CUTOFF"
	NoOfferInsideLeadTime NoOfferReason = "INSIDE_LEAD_TIME"
	NoOfferBeyondHorizon  NoOfferReason = "BEYOND_HORIZON"
)
