package booking

import (
	"context"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// CancelCommand calls an appointment off.
type CancelCommand struct {
	Appointment dispatch.AppointmentID
	Version     int64 // zero: whatever the version
	Reason      string
}

// CancelAppointment withdraws the promise and frees the technician's time. An
// appointment that is cancelled already is answered as it is; one whose visit is
// over is refused with TERMINAL_STATE.
func (b *Booking) CancelAppointment(ctx context.Context, call dispatch.Call, in CancelCommand) (dispatch.ListedAppointment, error) {
	reason, err := reasonFor(call.Principal, strings.TrimSpace(in.Reason), "called off by the customer")
	if err != nil {
		return dispatch.ListedAppointment{}, err
	}
	return dispatch.Once(ctx, b.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.ListedAppointment, error) {
		l, err := lockAppointment(ctx, tx, call.Principal, in.Appointment, nil)
		if err != nil || l.listed.State == dispatch.AppointmentCancelled {
			return l.listed, err
		}
		if err := dispatch.AppointmentMachine.Check(l.listed.Name(), l.listed.State, dispatch.AppointmentCancelled); err != nil {
			return l.listed, err
		}
		if err := l.checkEtag(in.Version); err != nil {
			return l.listed, err
		}
		if err := l.checkCutoff(call.Principal); err != nil {
			return l.listed, err
		}
		if err := l.callOff(ctx, tx, reason); err != nil {
			return l.listed, err
		}
		return l.listed, l.announceEnd(ctx, tx)
	})
}

// callOff writes the end of appointment, promise, visit and time, and of the work
// order where the booking had opened it.
func (l *locked) callOff(ctx context.Context, tx dispatch.Tx, reason string) error {
	var err error
	if l.listed.Appointment, err = dispatch.Withdraw(ctx, tx, l.listed.Appointment, reason, l.now); err != nil {
		return err
	}
	if l.hasOne {
		if err := freeTime(ctx, tx, l.time); err != nil {
			return err
		}
	}
	if err := dispatch.VisitMachine.Check(l.visit.Name(), l.visit.State, dispatch.VisitCancelled); err != nil {
		return err
	}
	l.visit.State = dispatch.VisitCancelled
	if err := tx.SaveVisit(ctx, l.visit); err != nil {
		return err
	}
	l.visit.Version++
	return l.endOrder(ctx, tx)
}

// endOrder cancels a work order that the booking had opened. One that was there
// before still waits to be done.
func (l *locked) endOrder(ctx context.Context, tx dispatch.Tx) error {
	hold, err := tx.HoldOf(ctx, l.listed.ID)
	if err != nil {
		return err
	}
	to := dispatch.WorkOrderCancelled
	if !hold.WorkOrder.IsZero() {
		to = dispatch.WorkOrderOpen
	}
	if l.order.State == to {
		return nil
	}
	if err := dispatch.WorkOrderMachine.Check(l.order.Name(), l.order.State, to); err != nil {
		return err
	}
	l.order.State = to
	return tx.SaveWorkOrder(ctx, l.order)
}

// announceEnd writes what the processes of the visit and its day must hear of.
func (l *locked) announceEnd(ctx context.Context, tx dispatch.Tx) error {
	moved := dispatch.Notice{Subject: l.visit.Name(), Version: l.visit.Version, Kind: dispatch.NoticeVisitMoved}
	if err := tx.Publish(ctx, moved); err != nil {
		return err
	}
	area, err := tx.GetPlanningArea(ctx, l.visit.PlanningArea)
	if err != nil {
		return err
	}
	at := l.listed.Window.Start
	if l.hasOne {
		at = l.time.Span.Start
	}
	return dispatch.DayChanged(ctx, tx, area, l.visit, at, time.Time{})
}
