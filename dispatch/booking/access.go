package booking

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// denied is the one answer to whoever is bound to single objects and asks for
// another: missing, foreign and not his look the same.
func denied() *dispatch.Error {
	return dispatch.Refuse(dispatch.ReasonAccessDenied, "", "it does not exist, or it is not yours")
}

// hide turns a lookup that found nothing into denied for callers who may not know
// what exists.
func hide(p dispatch.Principal, err error) error {
	if !p.Role.Staff() && dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
		return denied()
	}
	return err
}

// owns reports whether the caller may see and change an appointment.
func owns(p dispatch.Principal, a dispatch.Appointment) bool {
	switch p.Role {
	case dispatch.RoleVisitor:
		return a.BookedBy == p.Subject
	case dispatch.RoleLink:
		return a.ID == p.Appointment
	case dispatch.RoleCustomer:
		return !p.Customer.IsZero() && a.Customer == p.Customer
	case dispatch.RoleTechnician:
		return false // technicians read their day with Sync
	case dispatch.RoleDispatcher, dispatch.RoleSales, dispatch.RoleAdministrator, dispatch.RoleSystem:
		return true
	}
	return false
}

// readAppointment reads an appointment that the caller may see.
func readAppointment(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, id dispatch.AppointmentID) (dispatch.ListedAppointment, error) {
	a, err := tx.GetListedAppointment(ctx, id)
	if err != nil {
		return a, hide(p, err)
	}
	if !owns(p, a.Appointment) {
		return dispatch.ListedAppointment{}, denied()
	}
	return a, nil
}

// readWorkOrder reads a work order that the caller may book for.
func readWorkOrder(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, id dispatch.WorkOrderID) (dispatch.WorkOrder, error) {
	w, err := tx.GetWorkOrder(ctx, id)
	if err != nil {
		return w, hide(p, err)
	}
	if !p.Role.Staff() && (p.Role != dispatch.RoleCustomer || w.Customer.IsZero() || w.Customer != p.Customer) {
		return dispatch.WorkOrder{}, denied()
	}
	return w, nil
}

// readSite reads a site that the caller may ask offers for.
func readSite(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, id dispatch.SiteID) (dispatch.Site, error) {
	s, err := tx.GetSite(ctx, id)
	if err != nil {
		return s, hide(p, err)
	}
	if p.Role.Staff() {
		return s, nil
	}
	if p.Role != dispatch.RoleCustomer {
		return dispatch.Site{}, denied()
	}
	served, err := tx.ServesAt(ctx, p.Customer, id)
	if err == nil && !served {
		err = denied()
	}
	return s, err
}

// visible narrows a list to what the caller may see.
func visible(p dispatch.Principal, f dispatch.AppointmentFilter) (dispatch.AppointmentFilter, error) {
	switch p.Role {
	case dispatch.RoleVisitor:
		f.BookedBy = p.Subject
	case dispatch.RoleLink:
		f.ID = p.Appointment
	case dispatch.RoleCustomer:
		if !f.Customer.IsZero() && f.Customer != p.Customer {
			return f, denied()
		}
		f.Customer = p.Customer
	case dispatch.RoleTechnician:
		return f, denied()
	case dispatch.RoleDispatcher, dispatch.RoleSales, dispatch.RoleAdministrator, dispatch.RoleSystem:
	}
	return f, nil
}
