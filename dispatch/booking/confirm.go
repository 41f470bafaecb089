package booking

import (
	"context"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// ConfirmCommand turns a hold into an appointment.
type ConfirmCommand struct {
	Hold  dispatch.HoldID
	Token string
	// Details says who books, Customer names one who exists; neither for a work
	// order whose customer is known.
	Details           *CustomerDetails
	Customer          dispatch.CustomerID
	Address           string // where the search knew only a point
	AccessNotes       string
	Issue             string
	Asset             dispatch.AssetID
	Notifications     *Notifications
	ExternalReference string
	Window            *dispatch.Window // as shown to the customer
	AllowDuplicate    bool
}

// CustomerDetails is who books, in his own words.
type CustomerDetails struct {
	DisplayName string
	Email       string
	Phone       string
	Language    string
}

// Notifications is how a customer wants to be told.
type Notifications struct {
	Mail bool
	Text bool
}

// ConfirmHold makes a hold a promise: customer, site, work order, appointment,
// the first promise and the visit are there afterwards, and the hold's time is
// the visit's.
func (b *Booking) ConfirmHold(ctx context.Context, call dispatch.Call, in ConfirmCommand) (dispatch.ListedAppointment, error) {
	if err := b.mayUse(call.Principal, in.Hold, in.Token); err != nil {
		return dispatch.ListedAppointment{}, err
	}
	if err := in.clean(); err != nil {
		return dispatch.ListedAppointment{}, err
	}
	var gone *dispatch.Hold
	booked, err := dispatch.Once(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.ListedAppointment, error) {
		gone = nil
		c := confirmation{ConfirmCommand: in, principal: call.Principal}
		booked, err := c.run(ctx, tx)
		if isTaken(err) {
			gone = &c.hold
		}
		return booked, err
	})
	if gone != nil && isTaken(err) {
		return booked, b.unavailable(ctx, call.Principal, offerOf(call.Principal.Tenant, *gone))
	}
	return booked, err
}

// offerOf is what a hold was made from, to look for others like it.
func offerOf(tenant dispatch.TenantID, h dispatch.Hold) SlotOfferToken {
	return SlotOfferToken{
		Tenant: tenant, Area: h.PlanningArea, Service: h.Service, Tier: h.Tier, Window: h.Window, Price: h.Price, Lines: h.PriceLines,
		Place: Place{Address: h.Address, PostalCode: h.PostalCode, Location: h.Location}, WorkOrder: h.WorkOrder,
	}
}

// clean puts what was typed into one spelling, naming every fault at once.
func (in *ConfirmCommand) clean() error {
	in.Address, in.Issue = strings.TrimSpace(in.Address), strings.TrimSpace(in.Issue)
	in.AccessNotes, in.ExternalReference = strings.TrimSpace(in.AccessNotes), strings.TrimSpace(in.ExternalReference)
	if in.Details == nil {
		return nil
	}
	var faults []dispatch.FieldViolation
	fault := func(field, reason, message string) {
		faults = append(faults, dispatch.FieldViolation{Field: field, Reason: reason, Message: message})
	}
	d := *in.Details
	d.DisplayName = strings.TrimSpace(d.DisplayName)
	if len(dispatch.SearchWords(d.DisplayName)) == 0 {
		fault("customer_details.display_name", "REQUIRED", "a name has at least one letter or digit")
	}
	if d.Email == "" && d.Phone == "" {
		fault("customer_details.email", "REQUIRED", "email or phone is required")
	}
	for _, reach := range []struct {
		field string
		value *string
		clean func(field, text string) (string, error)
	}{
		{"customer_details.email", &d.Email, dispatch.CleanEmail},
		{"customer_details.phone", &d.Phone, dispatch.CleanPhone},
	} {
		if *reach.value == "" {
			continue
		}
		clean, err := reach.clean(reach.field, *reach.value)
		if err != nil {
			fault(reach.field, "INVALID", reach.field+" cannot be reached as it stands")
		}
		*reach.value = clean
	}
	if len(faults) > 0 {
		return &dispatch.Error{Reason: dispatch.ReasonInvalidRequest, Message: "the customer's details are not complete", Fields: faults}
	}
	in.Details = &d
	return nil
}

// confirmation is one ConfirmHold inside its transaction.
type confirmation struct {
	ConfirmCommand
	principal dispatch.Principal

	hold     dispatch.Hold
	time     dispatch.Commitment
	now      time.Time
	area     dispatch.PlanningArea
	customer dispatch.Customer
	site     dispatch.Site
	order    dispatch.WorkOrder
	opened   bool // the booking opened the work order
}

func (c *confirmation) run(ctx context.Context, tx dispatch.Tx) (dispatch.ListedAppointment, error) {
	for _, step := range []func(context.Context, dispatch.Tx) error{
		c.lock, c.check, c.who, c.where, c.what, c.unlessTwice,
	} {
		if err := step(ctx, tx); err != nil {
			return dispatch.ListedAppointment{}, err
		}
	}
	return c.promise(ctx, tx)
}

// lock takes shifts, work order and hold in the order of locks. A work order
// that is known may have a visit in somebody's plan already: its shift is locked
// too, since the visit moves to the hold's time.
func (c *confirmation) lock(ctx context.Context, tx dispatch.Tx) error {
	peeked, err := tx.GetHold(ctx, c.Hold)
	if err != nil {
		return hide(c.principal, err)
	}
	planned, err := plannedVisit(ctx, tx, peeked.WorkOrder)
	if err != nil {
		return err
	}
	before, had, err := tx.CommitmentOfHold(ctx, c.Hold)
	if err != nil {
		return err
	}
	var shifts []dispatch.ShiftID
	if had {
		shifts = append(shifts, before.Shift)
	}
	if !planned.Shift.IsZero() {
		shifts = append(shifts, planned.Shift)
	}
	if _, err := tx.LockShifts(ctx, shifts); err != nil {
		return err
	}
	if !peeked.WorkOrder.IsZero() {
		if c.order, err = tx.LockWorkOrder(ctx, peeked.WorkOrder); err != nil {
			return err
		}
	}
	if c.hold, err = tx.LockHold(ctx, c.Hold); err != nil {
		return err
	}
	if c.now, err = tx.Now(ctx); err != nil {
		return err
	}
	if err := checkAlive(c.hold, c.now); err != nil {
		return err
	}
	again, err := plannedVisit(ctx, tx, peeked.WorkOrder)
	if err != nil {
		return err
	}
	var found bool
	if c.time, found, err = tx.CommitmentOfHold(ctx, c.Hold); err != nil {
		return err
	}
	if !found {
		return errTaken // an absence or a deleted shift took the time away
	}
	if c.time.Shift != before.Shift || again.Shift != planned.Shift {
		return movedMeanwhile(c.hold.Name())
	}
	c.area, err = tx.GetPlanningArea(ctx, c.hold.PlanningArea)
	return err
}

// plannedVisit gives the commitment of a work order's visit that is planned
// without an appointment; zero if there is none.
func plannedVisit(ctx context.Context, tx dispatch.Tx, id dispatch.WorkOrderID) (dispatch.Commitment, error) {
	if id.IsZero() {
		return dispatch.Commitment{}, nil
	}
	visits, err := tx.VisitsOf(ctx, id)
	if err != nil || len(visits) == 0 {
		return dispatch.Commitment{}, err
	}
	last := visits[len(visits)-1]
	if last.State != dispatch.VisitPlanned || !last.Appointment.IsZero() {
		return dispatch.Commitment{}, nil
	}
	c, _, err := tx.CommitmentOfVisit(ctx, last.ID)
	return c, err
}

// check refuses what the caller's page shows differently, and a technician who
// is not there any more.
func (c *confirmation) check(ctx context.Context, tx dispatch.Tx) error {
	if w := c.Window; w != nil {
		held := c.hold.Window
		if !w.Start.Equal(held.Start) || !w.End.Equal(held.End) || (w.Zone != "" && w.Zone != held.Zone) {
			return &dispatch.Error{
				Reason: dispatch.ReasonInvalidRequest, Message: "window: it is not the window that is held",
				Fields: []dispatch.FieldViolation{{Field: "window", Reason: "MISMATCH", Message: "the hold is for " + stamp(held.Start) + " to " + stamp(held.End)}},
			}
		}
	}
	technicians, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{c.time.Technician})
	if err != nil {
		return err
	}
	if len(technicians) == 0 || !technicians[0].Active {
		return errTaken
	}
	return nil
}

// unlessTwice refuses a second booking of the same customer, place and service
// on one day unless it is meant.
func (c *confirmation) unlessTwice(ctx context.Context, tx dispatch.Tx) error {
	if c.AllowDuplicate {
		return nil
	}
	zone, err := dispatch.Zone(c.hold.Window.Zone)
	if err != nil {
		return err
	}
	day := dispatch.DateOf(c.hold.Window.Start, zone)
	same, _, err := tx.ListAppointments(ctx, dispatch.AppointmentFilter{
		State: dispatch.AppointmentConfirmed, Customer: c.customer.ID, Service: c.hold.Service, Site: c.site.ID,
		StartsIn: dispatch.Span{Start: startOf(day, zone), End: startOf(day.AddDays(1), zone)},
	}, dispatch.Page{Size: 1})
	if err != nil || len(same) == 0 {
		return err
	}
	refused := dispatch.Refuse(dispatch.ReasonDuplicateSuspected, "",
		"the same customer has the same service at the same place on %s; repeat with allow_duplicate if it is meant", day)
	if owns(c.principal, same[0].Appointment) {
		refused.Subject = same[0].Name()
	}
	return refused
}

// promise writes the appointment with everything that hangs on it.
func (c *confirmation) promise(ctx context.Context, tx dispatch.Tx) (dispatch.ListedAppointment, error) {
	a := dispatch.Appointment{
		ID: dispatch.AppointmentID{}.New(), WorkOrder: c.order.ID, Customer: c.customer.ID,
		State: dispatch.AppointmentConfirmed, Service: c.hold.Service, Tier: c.hold.Tier, Window: c.hold.Window,
		Price: c.hold.Price, PriceLines: c.hold.PriceLines, Promise: 1, LinkEpoch: 1, BookedBy: c.principal.Subject, BookedAt: c.now, Version: 1,
	}
	if err := tx.CreateAppointment(ctx, a); err != nil {
		return dispatch.ListedAppointment{}, err
	}
	err := tx.AddPromise(ctx, dispatch.Promise{
		Appointment: a.ID, Ordinal: 1, Window: a.Window, MadeAt: c.now, MadeBy: c.principal.Subject,
		Reason: "booked", Outcome: dispatch.PromiseOpen,
	})
	if err != nil {
		return dispatch.ListedAppointment{}, err
	}
	visit, err := c.visit(ctx, tx, a.ID)
	if err != nil {
		return dispatch.ListedAppointment{}, err
	}
	if err := c.promote(ctx, tx, visit.ID); err != nil {
		return dispatch.ListedAppointment{}, err
	}
	c.hold.Appointment = a.ID
	if _, err := moveHold(ctx, tx, c.hold, dispatch.HoldConfirmed); err != nil {
		return dispatch.ListedAppointment{}, err
	}
	listed := dispatch.ListedAppointment{Appointment: a, Visit: visit.ID, CutoffAt: a.Window.Start.Add(-c.area.ChangeCutoff)}
	return listed, c.announce(ctx, tx, a, visit)
}

// visit makes the visit that shall keep the promise, or takes the one that the
// work order has waiting.
func (c *confirmation) visit(ctx context.Context, tx dispatch.Tx, id dispatch.AppointmentID) (dispatch.Visit, error) {
	visits, err := tx.VisitsOf(ctx, c.order.ID)
	if err != nil {
		return dispatch.Visit{}, err
	}
	if len(visits) > 0 {
		last := visits[len(visits)-1]
		switch last.State {
		case dispatch.VisitUnassigned, dispatch.VisitPlanned:
			if last.Appointment.IsZero() {
				return c.takeOver(ctx, tx, last, id)
			}
			return last, dispatch.Refuse(dispatch.ReasonMoveNotAllowed, c.order.Name(), "the work order has an appointment already; move that one")
		case dispatch.VisitEnRoute, dispatch.VisitOnSite, dispatch.VisitInProgress:
			return last, dispatch.Refuse(dispatch.ReasonMoveNotAllowed, c.order.Name(), "a technician is at it already")
		case dispatch.VisitClosed, dispatch.VisitCancelled:
		}
	}
	v := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: c.order.ID, Appointment: id, PlanningArea: c.hold.PlanningArea,
		Ordinal: len(visits) + 1, State: dispatch.VisitPlanned, Duration: c.hold.Duration, CreatedAt: c.now, Version: 1,
	}
	return v, tx.CreateVisit(ctx, v)
}

// takeOver gives a waiting visit its appointment; where it stood in a plan it
// stands no more.
func (c *confirmation) takeOver(ctx context.Context, tx dispatch.Tx, v dispatch.Visit, id dispatch.AppointmentID) (dispatch.Visit, error) {
	planned, found, err := tx.CommitmentOfVisit(ctx, v.ID)
	if err != nil {
		return v, err
	}
	if found {
		if err := freeTime(ctx, tx, planned); err != nil {
			return v, err
		}
	}
	v.Appointment, v.State = id, dispatch.VisitPlanned
	err = tx.SaveVisit(ctx, v)
	v.Version++
	return v, err
}

// promote turns the hold's time into the visit's, in place.
func (c *confirmation) promote(ctx context.Context, tx dispatch.Tx, visit dispatch.VisitID) error {
	if err := dispatch.CommitmentMachine.Check(c.time.ID.Name(), c.time.State, dispatch.CommitmentPlanned); err != nil {
		return err
	}
	c.time.Kind, c.time.State, c.time.Visit = dispatch.CommitmentVisit, dispatch.CommitmentPlanned, visit
	if err := tx.SaveCommitment(ctx, c.time); err != nil {
		return err
	}
	return tx.TouchShifts(ctx, []dispatch.ShiftID{c.time.Shift})
}

// announce writes what the long processes and the customer must hear of.
func (c *confirmation) announce(ctx context.Context, tx dispatch.Tx, a dispatch.Appointment, v dispatch.Visit) error {
	notices := []dispatch.Notice{
		{Subject: a.Name(), Version: a.Version, Kind: dispatch.NoticeAppointmentBooked},
		{Subject: v.Name(), Version: v.Version, Kind: dispatch.NoticeVisitPlanned},
	}
	if c.opened {
		notices = append(notices, dispatch.Notice{Subject: c.order.Name(), Version: c.order.Version, Kind: dispatch.NoticeWorkOrderOpened})
	}
	for _, n := range notices {
		if err := tx.Publish(ctx, n); err != nil {
			return err
		}
	}
	if err := dispatch.DayChanged(ctx, tx, c.area, v, c.time.Span.Start, time.Time{}); err != nil {
		return err
	}
	return dispatch.TellCustomer(ctx, tx, a, dispatch.TemplateBooked)
}
