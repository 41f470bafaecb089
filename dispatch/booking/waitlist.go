package booking

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// JoinCommand asks to wait. One of Place, WorkOrder and Appointment says for what: an
// appointment has a window and wants an earlier one, at its own level.
type JoinCommand struct {
	Place       *Place
	WorkOrder   dispatch.WorkOrderID
	Appointment dispatch.AppointmentID
	Service     dispatch.ServiceID // of a place
	Tier        TierRef            // of a place or a work order
	From, Until dispatch.Date
	// Who waits, for a place; AccessNotes and Issue go into the work order.
	Details            *CustomerDetails
	Notifications      *Notifications
	AccessNotes, Issue string
}

// JoinWaitlist puts somebody on the waiting list of an area: what becomes free there
// is offered to one after the other. It refuses with OUT_OF_AREA, and with
// RESOURCE_EXISTS where the work is waited for already.
func (b *Booking) JoinWaitlist(ctx context.Context, call dispatch.Call, in JoinCommand) (dispatch.WaitlistEntry, error) {
	search := SearchCommand{
		Place: in.Place, WorkOrder: in.WorkOrder, Appointment: in.Appointment, Service: in.Service, Tier: in.Tier,
		From: in.From, Until: in.Until,
	}
	if err := search.check(); err != nil {
		return dispatch.WaitlistEntry{}, err
	}
	details := ConfirmCommand{Details: in.Details, Notifications: in.Notifications, AccessNotes: in.AccessNotes, Issue: in.Issue}
	if err := details.clean(); err != nil {
		return dispatch.WaitlistEntry{}, err
	}
	return dispatch.Once(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WaitlistEntry, error) {
		w, err := wantedBy(ctx, tx, call.Principal, search)
		if err != nil {
			return dispatch.WaitlistEntry{}, err
		}
		if w.area.ID == "" {
			return dispatch.WaitlistEntry{}, dispatch.Refuse(dispatch.ReasonOutOfArea, "", "nobody works at this place")
		}
		if len(w.tiers) != 1 {
			return dispatch.WaitlistEntry{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "tier", "it is required: which level of service is waited for?")
		}
		j := joining{confirmation: confirmation{ConfirmCommand: details, principal: call.Principal}, wanted: w}
		return j.run(ctx, tx, in)
	})
}

// joining is one JoinWaitlist inside its transaction.
type joining struct {
	confirmation
	wanted wanted
}

func (j *joining) run(ctx context.Context, tx dispatch.Tx, in JoinCommand) (dispatch.WaitlistEntry, error) {
	var err error
	if j.now, err = tx.Now(ctx); err != nil {
		return dispatch.WaitlistEntry{}, err
	}
	if err := j.checkDays(in); err != nil {
		return dispatch.WaitlistEntry{}, err
	}
	if j.wanted.workOrder.IsZero() {
		err = j.openOrder(ctx, tx)
	} else {
		err = j.knownOrder(ctx, tx)
	}
	if err != nil {
		return dispatch.WaitlistEntry{}, err
	}
	tier := j.wanted.tiers[0]
	entry := dispatch.WaitlistEntry{
		ID: dispatch.WaitlistEntryID{}.New(), PlanningArea: j.wanted.area.ID, Customer: j.order.Customer, WorkOrder: j.order.ID,
		Appointment: j.wanted.appointment, Service: tier.Service, Tier: tier.ID, Price: tier.Price, From: in.From, Until: in.Until,
		State: dispatch.WaitlistWaiting, JoinedAt: j.now, JoinedBy: j.principal.Subject, Version: 1,
	}
	if err := tx.CreateWaitlistEntry(ctx, entry); err != nil {
		return entry, err
	}
	return entry, waitlistChanged(ctx, tx, entry)
}

// checkDays refuses days of which nothing can come any more.
func (j *joining) checkDays(in JoinCommand) error {
	if today := dispatch.DateOf(j.now, j.wanted.zone); !today.Before(in.Until) {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "end_date", "%s is not after today, %s", in.Until, today)
	}
	if j.wanted.appointment.IsZero() {
		return nil
	}
	if has := dispatch.DateOf(j.wanted.window.Start, j.wanted.zone); has.Before(in.From) {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "start_date", "%s is after the window of the appointment, on %s: no earlier one lies there", in.From, has)
	}
	return nil
}

// openOrder finds or makes customer and site, and opens the work order that waits.
func (j *joining) openOrder(ctx context.Context, tx dispatch.Tx) error {
	j.hold = dispatch.Hold{
		Address: j.wanted.place.Address, PostalCode: j.wanted.place.PostalCode, Location: j.wanted.place.Location,
		Window: dispatch.Window{Zone: j.wanted.zoneName},
	}
	if err := j.who(ctx, tx); err != nil {
		return err
	}
	if err := j.where(ctx, tx); err != nil {
		return err
	}
	waits, found, err := tx.WaitsFor(ctx, j.customer.ID, j.site.ID, j.wanted.service.ID)
	if err != nil {
		return err
	}
	if found {
		refused := dispatch.Refuse(dispatch.ReasonResourceExists, "", "the same customer waits for the same service at the same place already")
		if j.principal.Role.Staff() {
			refused.Subject = waits.Name()
		}
		return refused
	}
	j.order = dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: j.customer.ID, Site: j.site.ID, Service: j.wanted.service.ID,
		PlanningArea: j.wanted.area.ID, State: dispatch.WorkOrderOpen, Priority: defaultPriority, Issue: j.Issue, OpenedAt: j.now, Version: 1,
	}
	if err := tx.CreateWorkOrder(ctx, j.order); err != nil {
		return err
	}
	return tx.Publish(ctx, dispatch.Notice{Subject: j.order.Name(), Version: j.order.Version, Kind: dispatch.NoticeWorkOrderOpened})
}

// knownOrder reads the work order of who waits: it has a customer who can be told, and
// no window unless it is that one which shall be earlier.
func (j *joining) knownOrder(ctx context.Context, tx dispatch.Tx) error {
	var err error
	if j.order, err = tx.GetWorkOrder(ctx, j.wanted.workOrder); err != nil {
		return err
	}
	if j.order.Customer.IsZero() {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "work_order", "it has no customer who could be told of a free window")
	}
	if !j.wanted.appointment.IsZero() {
		return nil
	}
	has, err := windowOf(ctx, tx, j.order.ID)
	if err == nil && has != nil {
		err = dispatch.Refuse(dispatch.ReasonMoveNotAllowed, j.order.Name(), "it has a window already; wait for an earlier one with its appointment, %s", has.Name())
	}
	return err
}

// windowOf gives the confirmed appointment of a work order, nil if it has none.
func windowOf(ctx context.Context, tx dispatch.Tx, id dispatch.WorkOrderID) (*dispatch.ListedAppointment, error) {
	list, _, err := tx.ListAppointments(ctx, dispatch.AppointmentFilter{WorkOrder: id, State: dispatch.AppointmentConfirmed}, dispatch.Page{Size: 1})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// waitlistChanged lets the process of the list hear of an entry.
func waitlistChanged(ctx context.Context, tx dispatch.Tx, e dispatch.WaitlistEntry) error {
	return tx.Publish(ctx, dispatch.Notice{
		Subject: e.Name(), Version: e.Version, Kind: dispatch.NoticeWaitlistChanged,
		Payload: map[string]string{"planning_area": string(e.PlanningArea)},
	})
}

// GetWaitlistEntry reads an entry that the caller may see.
func (b *Booking) GetWaitlistEntry(ctx context.Context, call dispatch.Call, id dispatch.WaitlistEntryID) (dispatch.WaitlistEntry, error) {
	return dispatch.Read(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.WaitlistEntry, error) {
		return readWaitlistEntry(ctx, tx, call.Principal, id)
	})
}

// ListWaitlistEntries pages entries by the time they joined; customers see their own.
func (b *Booking) ListWaitlistEntries(ctx context.Context, call dispatch.Call, filter dispatch.WaitlistFilter, page dispatch.Page) ([]dispatch.WaitlistEntry, string, error) {
	if p := call.Principal; p.Role == dispatch.RoleCustomer {
		if !filter.Customer.IsZero() && filter.Customer != p.Customer {
			return nil, "", denied()
		}
		filter.Customer = p.Customer
	}
	return dispatch.ReadPage(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.WaitlistEntry, string, error) {
		return tx.PageWaitlistEntries(ctx, filter, page)
	})
}

func readWaitlistEntry(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, id dispatch.WaitlistEntryID) (dispatch.WaitlistEntry, error) {
	e, err := tx.GetWaitlistEntry(ctx, id)
	if err != nil {
		return e, hide(p, err)
	}
	if !mayAnswer(p, e) {
		return dispatch.WaitlistEntry{}, denied()
	}
	return e, nil
}

// mayAnswer reports whether the caller is staff, the customer, who joined, or who has
// the link of the appointment.
func mayAnswer(p dispatch.Principal, e dispatch.WaitlistEntry) bool {
	switch p.Role {
	case dispatch.RoleCustomer:
		return !p.Customer.IsZero() && e.Customer == p.Customer
	case dispatch.RoleLink:
		return !p.Appointment.IsZero() && e.Appointment == p.Appointment
	case dispatch.RoleVisitor:
		return e.JoinedBy == p.Subject
	case dispatch.RoleTechnician:
		return false
	case dispatch.RoleDispatcher, dispatch.RoleSales, dispatch.RoleAdministrator, dispatch.RoleSystem:
		return true
	}
	return false
}
