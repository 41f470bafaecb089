package fieldwork

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// apply brings the rows to what the facts say. It is told everything that is
// known each time, and writes what differs: so it does not matter in how many
// parts, or in which order, the events came.
func (s *scene) apply(ctx context.Context, tx dispatch.Tx, facts VisitFacts) error {
	before := s.visit
	if facts.State == "" || !s.differs(facts) {
		return nil
	}
	v := before
	if v.State != facts.State {
		if err := dispatch.VisitMachine.Check(v.Name(), v.State, facts.State); err != nil {
			return err
		}
	}
	v.State, v.Technician = facts.State, facts.Technician
	v.EnRouteAt, v.ArrivedAt, v.StartedAt = facts.EnRouteAt, facts.ArrivedAt, facts.StartedAt
	v.FinishedAt, v.Outcome, v.OutcomeReason = facts.FinishedAt, facts.Outcome, facts.Reason
	v, err := s.saveVisit(ctx, tx, v)
	if err != nil {
		return err
	}
	to := dispatch.CommitmentUnderWay
	if v.State == dispatch.VisitClosed {
		to = dispatch.CommitmentDone
	}
	if err := s.moveCommitment(ctx, tx, v.ID, to); err != nil {
		return err
	}
	if err := s.keepPromise(ctx, tx, facts); err != nil {
		return err
	}
	if err := s.closeAppointment(ctx, tx); err != nil {
		return err
	}
	if err := s.settle(ctx, tx); err != nil {
		return err
	}
	if err := s.tell(ctx, tx, before); err != nil {
		return err
	}
	return s.touchShifts(ctx, tx)
}

func (s *scene) differs(f VisitFacts) bool {
	v := s.visit
	return v.State != f.State || v.Technician != f.Technician || v.Outcome != f.Outcome || v.OutcomeReason != f.Reason ||
		!v.EnRouteAt.Equal(f.EnRouteAt) || !v.ArrivedAt.Equal(f.ArrivedAt) ||
		!v.StartedAt.Equal(f.StartedAt) || !v.FinishedAt.Equal(f.FinishedAt)
}

// keepPromise judges the promise in force by when the technician was there. What
// was judged without that, after the window or by a later event, is corrected.
func (s *scene) keepPromise(ctx context.Context, tx dispatch.Tx, facts VisitFacts) error {
	there := facts.Presence()
	if s.appointment.ID.IsZero() || there.IsZero() {
		return nil
	}
	_, err := tx.CorrectPromise(ctx, s.appointment.ID, s.appointment.Promise,
		dispatch.JudgePromise(s.appointment.Window, there), s.now)
	return err
}

func (s *scene) closeAppointment(ctx context.Context, tx dispatch.Tx) error {
	if s.visit.State != dispatch.VisitClosed || s.appointment.State != dispatch.AppointmentConfirmed {
		return nil
	}
	a := s.appointment
	a.State = dispatch.AppointmentClosed
	if err := dispatch.AppointmentMachine.Check(a.Name(), s.appointment.State, a.State); err != nil {
		return err
	}
	if err := tx.SaveAppointment(ctx, a); err != nil {
		return err
	}
	a.Version++
	s.appointment = a
	return tx.Publish(ctx, dispatch.Notice{Subject: a.Name(), Version: a.Version, Kind: dispatch.NoticeAppointmentClosed})
}

// tell sends the customer what is news: not that somebody set off who has
// arrived, nor who set off long ago.
func (s *scene) tell(ctx context.Context, tx dispatch.Tx, before dispatch.Visit) error {
	if s.appointment.ID.IsZero() {
		return nil
	}
	v := s.visit
	switch {
	case v.State == dispatch.VisitEnRoute && before.State != v.State && s.now.Sub(v.EnRouteAt) < onTheWayFresh:
		return dispatch.TellCustomer(ctx, tx, s.appointment, dispatch.TemplateOnTheWay)
	case v.Outcome == dispatch.OutcomeResolved && before.Outcome != v.Outcome:
		return dispatch.TellCustomer(ctx, tx, s.appointment, dispatch.TemplateDone)
	}
	return nil
}

// settle brings the work order to what its visits say, and with it the return
// visit and the fix window.
func (s *scene) settle(ctx context.Context, tx dispatch.Tx) error {
	if dispatch.WorkOrderMachine.Terminal(s.order.State) {
		return nil // cancelled: what happened stays on the visit
	}
	before := s.order
	want, resolvedAt := standing(s.others)
	if _, err := dispatch.WorkOrderMachine.Route(before.Name(), before.State, want); err != nil {
		return err
	}
	reopened := before.State == dispatch.WorkOrderResolved && want != dispatch.WorkOrderResolved
	if reopened {
		if err := s.endEpisode(ctx, tx, "the work order was opened again by a late event"); err != nil {
			return err
		}
	}
	s.order.State, s.order.ResolvedAt = want, resolvedAt
	if want == dispatch.WorkOrderResolved {
		if err := s.resolve(ctx, tx, before); err != nil {
			return err
		}
		return s.callOffReturns(ctx, tx)
	}
	if err := s.saveOrder(ctx, tx, before); err != nil {
		return err
	}
	return s.planReturn(ctx, tx)
}

// standing is where a work order stands and when it was resolved, by its visits
// alone. The first visit that resolved it did; only one with an appointment makes
// it a promise, whoever is meant to go there.
func standing(visits []dispatch.Visit) (dispatch.WorkOrderState, time.Time) {
	state := dispatch.WorkOrderOpen
	for _, v := range visits {
		switch v.State {
		case dispatch.VisitClosed:
			if v.Outcome == dispatch.OutcomeResolved {
				return dispatch.WorkOrderResolved, v.FinishedAt
			}
		case dispatch.VisitOnSite, dispatch.VisitInProgress:
			state = dispatch.WorkOrderInProgress
		case dispatch.VisitUnassigned, dispatch.VisitPlanned, dispatch.VisitEnRoute:
			if !v.Appointment.IsZero() && state == dispatch.WorkOrderOpen {
				state = dispatch.WorkOrderScheduled
			}
		case dispatch.VisitCancelled:
		}
	}
	return state, time.Time{}
}

func (s *scene) saveOrder(ctx context.Context, tx dispatch.Tx, before dispatch.WorkOrder) error {
	if s.order == before {
		return nil
	}
	if err := tx.SaveWorkOrder(ctx, s.order); err != nil {
		return err
	}
	s.order.Version++
	return nil
}

// planReturn makes the visit that a technician asked for, if nobody has yet.
func (s *scene) planReturn(ctx context.Context, tx dispatch.Tx) error {
	last := s.visit
	for _, v := range s.others {
		if !dispatch.VisitMachine.Terminal(v.State) {
			return nil
		}
		if v.State == dispatch.VisitClosed {
			last = v
		}
	}
	if last.Outcome != dispatch.OutcomeNeedsReturn {
		return nil
	}
	service, err := tx.GetService(ctx, s.order.Service)
	if err != nil {
		return err
	}
	next := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: s.order.ID, PlanningArea: last.PlanningArea,
		Ordinal: s.others[len(s.others)-1].Ordinal + 1, State: dispatch.VisitUnassigned,
		Duration: service.Duration, CreatedAt: s.now, Version: 1,
	}
	if err := tx.CreateVisit(ctx, next); err != nil {
		return err
	}
	s.others = append(s.others, next)
	return s.dayChanged(ctx, tx, next)
}

// callOffReturns cancels the visits that a resolved work order does not need any
// more. One that a customer was promised stays: only people take promises back.
func (s *scene) callOffReturns(ctx context.Context, tx dispatch.Tx) error {
	for _, v := range s.others {
		notBegun := v.State == dispatch.VisitUnassigned || v.State == dispatch.VisitPlanned
		if v.ID == s.visit.ID || !notBegun || !v.Appointment.IsZero() {
			continue
		}
		locked, err := tx.LockVisit(ctx, v.ID)
		if err != nil {
			return err
		}
		if err := dispatch.VisitMachine.Check(v.Name(), locked.State, dispatch.VisitCancelled); err != nil {
			return err
		}
		locked.State = dispatch.VisitCancelled
		if _, err := s.saveVisit(ctx, tx, locked); err != nil {
			return err
		}
		if err := s.moveCommitment(ctx, tx, v.ID, dispatch.CommitmentReleased); err != nil {
			return err
		}
	}
	return nil
}
