package fieldwork

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// LookAtVisit sees whether a visit goes as planned. A technician who is late for
// a promised window: the customer is told, once. Nobody came at all, or the work
// takes far longer than expected: the day is planned again. Whether a promise
// that nobody came for is missed is judged by the appointment's own process.
func (f *Fieldwork) LookAtVisit(ctx context.Context, tenant dispatch.TenantID, id dispatch.VisitID) (dispatch.Look, error) {
	process := dispatch.WatchVisit(tenant, id)
	return inTx(ctx, f.store, tenant, func(ctx context.Context, tx dispatch.Tx) (dispatch.Look, error) {
		s, err := lockScene(ctx, tx, id)
		if err != nil {
			return restIfGone(ctx, tx, process, err)
		}
		var next time.Time
		switch s.visit.State {
		case dispatch.VisitPlanned, dispatch.VisitEnRoute:
			next, err = s.awaitArrival(ctx, tx)
		case dispatch.VisitOnSite, dispatch.VisitInProgress:
			next, err = s.awaitEnd(ctx, tx)
		case dispatch.VisitUnassigned, dispatch.VisitClosed, dispatch.VisitCancelled:
		}
		if err != nil {
			return dispatch.Look{}, err
		}
		if next.IsZero() {
			return dispatch.Rest(ctx, tx, process.Workflow)
		}
		return dispatch.SleepUntil(ctx, tx, process.At(next))
	})
}

// awaitArrival watches a visit whose technician is not there yet, and gives when
// to look again.
func (s *scene) awaitArrival(ctx context.Context, tx dispatch.Tx) (time.Time, error) {
	c, planned := s.commitments[s.visit.ID]
	if !planned {
		return time.Time{}, nil
	}
	if promised := s.promised(); promised && s.visit.LateToldAt.IsZero() {
		if endangered := endangeredAt(s.visit, c, s.appointment.Window); s.now.Before(endangered) {
			return endangered, nil
		}
		if err := s.tellLate(ctx, tx); err != nil {
			return time.Time{}, err
		}
	}
	over := c.Span.End
	if s.promised() {
		over = s.appointment.Window.End
	}
	if s.now.Before(over) {
		return over, nil
	}
	// The notice carries the version of the visit: while nothing is heard, it is
	// the same one, however often we look.
	return time.Time{}, s.dayChanged(ctx, tx, s.visit)
}

func (s *scene) promised() bool { return s.appointment.State == dispatch.AppointmentConfirmed }

// endangeredAt is when a technician who has not arrived has to be called late: he
// is past his plan by more than the grace, and even if he left now, or goes on as
// he set off, he would come with less than the grace to spare.
func endangeredAt(v dispatch.Visit, c dispatch.Commitment, w dispatch.Window) time.Time {
	overdue := c.Span.Start.Add(lateGrace)
	lastSafe := w.End.Add(-lateGrace - c.Travel)
	if v.State == dispatch.VisitEnRoute {
		// He is expected a journey after he left, and from then on every moment.
		lastSafe = w.End.Add(-lateGrace)
		if expected := v.EnRouteAt.Add(c.Travel); !expected.Before(lastSafe) {
			lastSafe = v.EnRouteAt
		}
	}
	if lastSafe.After(overdue) {
		return lastSafe
	}
	return overdue
}

func (s *scene) tellLate(ctx context.Context, tx dispatch.Tx) error {
	v := s.visit
	v.LateToldAt = s.now
	if err := tx.SaveVisit(ctx, v); err != nil {
		return err
	}
	v.Version++
	s.visit = v
	return dispatch.TellCustomer(ctx, tx, s.appointment, dispatch.TemplateLate)
}

// awaitEnd watches work under way: past one and a half times what was expected,
// what follows cannot hold and is planned again.
func (s *scene) awaitEnd(ctx context.Context, tx dispatch.Tx) (time.Time, error) {
	began := s.visit.StartedAt
	if began.IsZero() {
		began = s.visit.ArrivedAt
	}
	overrun := began.Add(s.visit.Duration * 3 / 2)
	if s.now.Before(overrun) {
		return overrun, nil
	}
	return time.Time{}, s.dayChanged(ctx, tx, s.visit)
}
