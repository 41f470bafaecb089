package booking

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

const (
	// remindBefore is when the customer is reminded and the day before is checked.
	remindBefore = 24 * time.Hour
	// judgeAfter is how long after its window a promise waits for word from a
	// technician who was offline, before it counts as missed. Word that comes
	// later still corrects it.
	judgeAfter = 2 * time.Hour
)

// LookAtAppointment does what is due for an appointment and says when to look
// again: on the day before its window it checks that somebody is coming and
// reminds the customer, after the window it judges the promise if nobody came.
func (b *Booking) LookAtAppointment(ctx context.Context, tenant dispatch.TenantID, id dispatch.AppointmentID, workflow string) (dispatch.Look, error) {
	var look dispatch.Look
	err := b.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		due, err := lookAt(ctx, tx, id)
		if err != nil {
			return err
		}
		if due.IsZero() {
			look, err = dispatch.Rest(ctx, tx, workflow)
			return err
		}
		wakeup := dispatch.WatchAppointment(tenant, id).At(due)
		wakeup.Workflow = workflow
		look, err = dispatch.SleepUntil(ctx, tx, wakeup)
		return err
	})
	return look, err
}

// lookAt does what is due and gives when the next thing is, zero for never. It is
// safe to repeat: messages are one per promise, and a promise is judged once.
func lookAt(ctx context.Context, tx dispatch.Tx, id dispatch.AppointmentID) (time.Time, error) {
	a, err := tx.LockAppointment(ctx, id)
	if err != nil || a.State != dispatch.AppointmentConfirmed {
		return time.Time{}, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	remindAt, judgeAt := a.Window.Start.Add(-remindBefore), a.Window.End.Add(judgeAfter)
	if now.Before(remindAt) {
		return remindAt, nil
	}
	visit, err := tx.VisitOf(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	if now.Before(a.Window.Start) {
		if err := dayBefore(ctx, tx, a, visit, remindAt); err != nil {
			return time.Time{}, err
		}
	}
	if now.Before(judgeAt) {
		return judgeAt, nil
	}
	if visit.ArrivedAt.IsZero() {
		return time.Time{}, tx.JudgePromise(ctx, id, a.Promise, dispatch.PromiseMissed, now)
	}
	return time.Time{}, nil
}

// dayBefore reminds the customer, unless the promise is younger than the
// reminder, and asks for a plan if nobody is coming yet.
func dayBefore(ctx context.Context, tx dispatch.Tx, a dispatch.Appointment, visit dispatch.Visit, remindAt time.Time) error {
	promises, err := tx.ListPromises(ctx, a.ID)
	if err != nil {
		return err
	}
	if inForce := promises[len(promises)-1]; inForce.MadeAt.Before(remindAt) {
		if err := dispatch.TellCustomer(ctx, tx, a, dispatch.TemplateReminder); err != nil {
			return err
		}
	}
	if visit.State != dispatch.VisitUnassigned {
		return nil
	}
	area, err := tx.GetPlanningArea(ctx, visit.PlanningArea)
	if err != nil {
		return err
	}
	return dispatch.DayChanged(ctx, tx, area, visit, a.Window.Start, time.Time{})
}
