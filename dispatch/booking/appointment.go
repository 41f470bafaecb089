package booking

import (
	"context"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// GetAppointment reads an appointment that the caller may see.
func (b *Booking) GetAppointment(ctx context.Context, call dispatch.Call, id dispatch.AppointmentID) (dispatch.ListedAppointment, error) {
	var out dispatch.ListedAppointment
	err := b.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		out, err = readAppointment(ctx, tx, call.Principal, id)
		return err
	})
	return out, err
}

// ListAppointments lists what the caller may see of what the filter asks for, by
// start of the window, with the key of the next page.
func (b *Booking) ListAppointments(ctx context.Context, call dispatch.Call, filter dispatch.AppointmentFilter, page dispatch.Page) ([]dispatch.ListedAppointment, string, error) {
	filter, err := visible(call.Principal, filter)
	if err != nil {
		return nil, "", err
	}
	var list []dispatch.ListedAppointment
	var next string
	err = b.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		list, next, err = tx.ListAppointments(ctx, filter, page)
		return err
	})
	return list, next, err
}

// ListPromises reads the ledger of an appointment, oldest first, with the key of
// the next page. Ledgers are short: the whole is read and cut.
func (b *Booking) ListPromises(ctx context.Context, call dispatch.Call, id dispatch.AppointmentID, page dispatch.Page) ([]dispatch.Promise, string, error) {
	var all []dispatch.Promise
	err := b.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		if _, err := readAppointment(ctx, tx, call.Principal, id); err != nil {
			return err
		}
		var err error
		all, err = tx.ListPromises(ctx, id)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	from := 0
	if page.After != "" {
		if from, err = strconv.Atoi(page.After); err != nil || from < 0 || from > len(all) {
			return nil, "", dispatch.InvalidField(dispatch.ReasonPageTokenInvalid, "page_token", "it is not the token of this list").Because(err)
		}
	}
	all = all[from:]
	if len(all) <= page.Size {
		return all, "", nil
	}
	return all[:page.Size], strconv.Itoa(from + page.Size), nil
}

// locked is an appointment with everything that a change of it touches, locked in
// the order of locks: shifts, work order, visit, appointment.
type locked struct {
	listed dispatch.ListedAppointment
	shifts []dispatch.Shift
	order  dispatch.WorkOrder
	visit  dispatch.Visit
	time   dispatch.Commitment
	hasOne bool // the visit has time in somebody's day
	now    time.Time
}

// lockAppointment locks an appointment that the caller may change, together with
// more shifts that the change needs.
func lockAppointment(ctx context.Context, tx dispatch.Tx, p dispatch.Principal, id dispatch.AppointmentID, more []dispatch.ShiftID) (locked, error) {
	var l locked
	peeked, err := readAppointment(ctx, tx, p, id)
	if err != nil {
		return l, err
	}
	before, had, err := tx.CommitmentOfVisit(ctx, peeked.Visit)
	if err != nil {
		return l, err
	}
	shifts := more
	if had {
		shifts = append(append([]dispatch.ShiftID{}, more...), before.Shift)
	}
	if l.shifts, err = tx.LockShifts(ctx, shifts); err != nil {
		return l, err
	}
	if l.order, err = tx.LockWorkOrder(ctx, peeked.WorkOrder); err != nil {
		return l, err
	}
	if l.visit, err = tx.LockVisit(ctx, peeked.Visit); err != nil {
		return l, err
	}
	if _, err = tx.LockAppointment(ctx, id); err != nil {
		return l, err
	}
	if l.listed, err = readAppointment(ctx, tx, p, id); err != nil {
		return l, err
	}
	if l.time, l.hasOne, err = tx.CommitmentOfVisit(ctx, peeked.Visit); err != nil {
		return l, err
	}
	if l.listed.Visit != peeked.Visit || (l.hasOne && l.time.Shift != before.Shift) {
		return l, movedMeanwhile(id.Name())
	}
	l.now, err = tx.Now(ctx)
	return l, err
}

// checkEtag refuses a change that was decided on another version; zero means
// whatever the version.
func (l locked) checkEtag(version int64) error {
	if version == 0 || version == l.listed.Version {
		return nil
	}
	return dispatch.Refuse(dispatch.ReasonEtagMismatch, l.listed.Name(), "it has changed since it was read; read it again and decide anew")
}

// checkCutoff refuses a change by a customer that comes too late.
func (l locked) checkCutoff(p dispatch.Principal) error {
	if p.Role.Staff() || l.now.Before(l.listed.CutoffAt) {
		return nil
	}
	return dispatch.Refuse(dispatch.ReasonCutoffPassed, l.listed.Name(), "changes were possible until %s; call us", stamp(l.listed.CutoffAt)).
		With("cutoff", stamp(l.listed.CutoffAt))
}

// reasonFor gives what the ledger says about a change; staff have to say why.
func reasonFor(p dispatch.Principal, given, otherwise string) (string, error) {
	if given != "" {
		return given, nil
	}
	if p.Role.Staff() && p.Role != dispatch.RoleSystem {
		return "", dispatch.InvalidField(dispatch.ReasonInvalidRequest, "reason", "it is required of staff: the ledger and the customer want to know why")
	}
	return otherwise, nil
}
