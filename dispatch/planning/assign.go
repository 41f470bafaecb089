package planning

import (
	"context"
	"errors"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/picture"
	"github.com/firstfix/firstfix/scheduler"
)

// Assignment is a dispatcher's wish for one visit.
type Assignment struct {
	Visit      dispatch.VisitID
	Technician dispatch.TechnicianID
	// Start is when work shall begin; zero takes the cheapest place in the
	// technician's shifts of the horizon.
	Start time.Time
	// AllowOverlap takes the visit although the technician's time is taken or the
	// route becomes impossible; it says who allowed it.
	AllowOverlap bool
	// Pin keeps runs from moving the visit.
	Pin     bool
	Reason  string
	Version int64 // of the visit that the dispatcher saw
}

// assignHorizon is how far ahead a place is looked for where no start is given.
const assignHorizon = 14 * 24 * time.Hour

// AssignVisit gives a visit to a technician, or moves it. A promised window is
// kept: a start outside it is refused.
func (p *Planning) AssignVisit(ctx context.Context, call dispatch.Call, in Assignment) (dispatch.Visit, error) {
	return dispatch.Once(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Visit, error) {
		a := assignment{Assignment: in, planning: p, tx: tx, by: call.Principal.Subject}
		if err := a.lock(ctx); err != nil {
			return dispatch.Visit{}, err
		}
		if err := a.check(ctx); err != nil {
			return dispatch.Visit{}, err
		}
		if err := tx.DeferOverlapCheck(ctx); err != nil {
			return dispatch.Visit{}, err
		}
		if err := dispatch.ReleaseOverdue(ctx, tx, a.ids()); err != nil {
			return dispatch.Visit{}, err
		}
		var err error
		if in.AllowOverlap {
			err = a.force(ctx)
		} else {
			err = a.fit(ctx)
		}
		if err != nil {
			return dispatch.Visit{}, err
		}
		return a.save(ctx)
	})
}

// assignment is one AssignVisit under way.
type assignment struct {
	Assignment
	planning *Planning
	tx       dispatch.Tx
	by       string

	now    time.Time
	shifts []dispatch.Shift // of the technician, locked
	visit  dispatch.Visit
	order  dispatch.WorkOrder
	window dispatch.Span

	held     dispatch.Commitment // where the visit is now
	assigned bool
	placed   dispatch.Commitment
	touched  []dispatch.ShiftID
}

// lock takes the locks in their order: the shifts that the visit may leave or
// join, then work order and visit.
func (a *assignment) lock(ctx context.Context) error {
	seen, err := a.tx.GetVisit(ctx, a.Visit)
	if err != nil {
		return err
	}
	now, err := a.tx.Now(ctx)
	if err != nil {
		return err
	}
	from, to := now, now.Add(assignHorizon)
	if !a.Start.IsZero() {
		from, to = a.Start, a.Start.Add(time.Second)
	}
	area, err := a.tx.ShiftsBetween(ctx, seen.PlanningArea, from, to)
	if err != nil {
		return err
	}
	var ids []dispatch.ShiftID
	for _, s := range area {
		if s.Technician == a.Technician {
			ids = append(ids, s.ID)
		}
	}
	before, assigned, err := a.tx.CommitmentOfVisit(ctx, a.Visit)
	if err != nil {
		return err
	}
	all := ids
	if assigned {
		all = append(all, before.Shift)
	}
	locked, err := a.tx.LockShifts(ctx, all)
	if err != nil {
		return err
	}
	for _, s := range locked {
		if s.Technician == a.Technician && s.Span.Overlaps(dispatch.Span{Start: from, End: to}) {
			a.shifts = append(a.shifts, s)
		}
	}
	if a.order, err = a.tx.LockWorkOrder(ctx, seen.WorkOrder); err != nil {
		return err
	}
	if a.visit, err = a.tx.LockVisit(ctx, a.Visit); err != nil {
		return err
	}
	// What was read to find the locks is old once they are there.
	if a.now, err = a.tx.Now(ctx); err != nil {
		return err
	}
	a.held, a.assigned, err = a.tx.CommitmentOfVisit(ctx, a.Visit)
	if err == nil && (a.assigned != assigned || a.held.Shift != before.Shift) {
		return dispatch.Refuse(dispatch.ReasonEtagMismatch, a.Visit.Name(), "somebody else moved it just now; read it again")
	}
	return err
}

func (a *assignment) ids() []dispatch.ShiftID {
	out := make([]dispatch.ShiftID, len(a.shifts))
	for i, s := range a.shifts {
		out[i] = s.ID
	}
	return out
}

// check refuses what the visit's state, its promise or the technician forbids.
func (a *assignment) check(ctx context.Context) error {
	if a.visit.Version != a.Version {
		return dispatch.Refuse(dispatch.ReasonEtagMismatch, a.visit.Name(), "somebody else changed it; read it again and decide anew")
	}
	if a.visit.State != dispatch.VisitUnassigned && a.visit.State != dispatch.VisitPlanned {
		return dispatch.Refuse(dispatch.ReasonMoveNotAllowed, a.visit.Name(), "it is %s; only visits that have not begun can be assigned", a.visit.State)
	}
	if !a.visit.Appointment.IsZero() {
		appointment, err := a.tx.GetAppointment(ctx, a.visit.Appointment)
		if err != nil {
			return err
		}
		a.window = appointment.Window.Span
		if !a.Start.IsZero() && !a.window.Contains(a.Start) {
			return dispatch.Refuse(dispatch.ReasonConfirmedProtected, a.visit.Name(),
				"its customer was promised an arrival from %s to %s; reschedule the appointment first",
				a.window.Start.Format(time.RFC3339), a.window.End.Format(time.RFC3339))
		}
	}
	technicians, err := a.tx.GetTechnicians(ctx, []dispatch.TechnicianID{a.Technician})
	if err != nil {
		return err
	}
	if len(technicians) == 1 && !technicians[0].Active {
		return dispatch.Refuse(dispatch.ReasonTechnicianUnsuitable, a.Technician.Name(), "does not work for the company any more")
	}
	if len(a.shifts) == 0 {
		return dispatch.Refuse(dispatch.ReasonTechnicianUnsuitable, a.Technician.Name(), "has no shift in %s then", a.visit.PlanningArea)
	}
	return nil
}

// fit asks the optimiser for the cheapest place in the technician's shifts, the
// other stops keeping their promises.
func (a *assignment) fit(ctx context.Context) error {
	service, err := a.tx.GetService(ctx, a.order.Service)
	if err != nil {
		return err
	}
	site, err := a.tx.GetSite(ctx, a.order.Site)
	if err != nil {
		return err
	}
	service.Duration = a.visit.Duration
	window := a.window
	if !a.Start.IsZero() {
		window = dispatch.Span{Start: a.Start, End: a.Start.Add(time.Second)}
	}
	if err := a.leave(ctx); err != nil {
		return err
	}
	drawn, err := picture.Take(ctx, a.tx, a.planning.travel, picture.Scope{
		Shifts: a.shifts, Now: a.now, Rehearse: true,
		Candidates: []picture.Candidate{{Location: site.Location, Service: service, Priority: a.order.Priority, Window: window, Visit: a.Visit}},
	})
	if err != nil {
		return err
	}
	live, err := drawn.Live()
	if err != nil {
		return err
	}
	inserted, refused := live.Insert(drawn.Job(0), scheduler.Among{})
	if refused != nil {
		return a.refusal(refused)
	}
	stops, candidates := drawn.Read(inserted.Route)
	shift := a.shifts[inserted.Shift]
	for k, at := range stops {
		if candidates[k] >= 0 {
			a.placed = dispatch.Commitment{Shift: shift.ID, Technician: shift.Technician, Span: at.Span, Travel: at.Travel}
			continue
		}
		if err := retime(ctx, a.tx, at); err != nil {
			return err
		}
	}
	return nil
}

// refusal says in one reason why the technician cannot take it.
func (a *assignment) refusal(refused *scheduler.RefusedError) error {
	if refused.Why[scheduler.RuleSkill]+refused.Why[scheduler.RuleCertificate] > 0 {
		return dispatch.Refuse(dispatch.ReasonTechnicianUnsuitable, a.Technician.Name(),
			"lacks a skill or a valid certificate that %s needs", a.order.Service).Because(refused)
	}
	return dispatch.Refuse(dispatch.ReasonTechnicianBusy, a.Technician.Name(),
		"has no room for it then; shifts refused by rule: %s. Choose another time, or allow the overlap", refused.Why).Because(refused)
}

// force puts the visit where the dispatcher wants it, whatever is there.
func (a *assignment) force(ctx context.Context) error {
	if a.Start.IsZero() {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "start_time", "is required where an overlap is allowed")
	}
	if a.Reason == "" {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "reason", "is required where an overlap is allowed")
	}
	if err := a.leave(ctx); err != nil {
		return err
	}
	a.placed = dispatch.Commitment{
		Shift: a.shifts[0].ID, Technician: a.Technician, OverlapAllowedBy: a.by,
		Span: dispatch.Span{Start: a.Start, End: a.Start.Add(a.visit.Duration)},
	}
	return nil
}

// leave takes the visit from where it is.
func (a *assignment) leave(ctx context.Context) error {
	if !a.assigned {
		return nil
	}
	a.touched = append(a.touched, a.held.Shift)
	return dispatch.Release(ctx, a.tx, a.held)
}

// save writes the new commitment and the visit, and tells who must know.
func (a *assignment) save(ctx context.Context) (dispatch.Visit, error) {
	a.placed.ID = dispatch.CommitmentID{}.New()
	a.placed.Kind, a.placed.State, a.placed.Visit = dispatch.CommitmentVisit, dispatch.CommitmentPlanned, a.Visit
	if a.Pin {
		a.placed.PinnedBy = a.by
	}
	if err := a.tx.CreateCommitment(ctx, a.placed); err != nil {
		return dispatch.Visit{}, err
	}
	if err := a.tx.TouchShifts(ctx, append(a.touched, a.placed.Shift)); err != nil {
		return dispatch.Visit{}, err
	}
	a.visit.State = dispatch.VisitPlanned
	visit, err := replaced(ctx, a.tx, a.visit)
	if err != nil {
		return dispatch.Visit{}, err
	}
	return visit, dayChanged(ctx, a.tx, visit, a.placed.Span.Start, a.held.Span.Start)
}

// dayChanged asks for the days between which a visit was moved by hand to be
// planned again.
func dayChanged(ctx context.Context, tx dispatch.Tx, visit dispatch.Visit, at, before time.Time) error {
	area, err := tx.GetPlanningArea(ctx, visit.PlanningArea)
	if err != nil {
		return err
	}
	return dispatch.DayChanged(ctx, tx, area, visit, at, before)
}

// replaced saves a visit whose place changed, tells its workflow, and gives it as
// it is now.
func replaced(ctx context.Context, tx dispatch.Tx, visit dispatch.Visit) (dispatch.Visit, error) {
	if err := tx.SaveVisit(ctx, visit); err != nil {
		return dispatch.Visit{}, err
	}
	visit.Version++
	return visit, tx.Publish(ctx, dispatch.Notice{Subject: visit.Name(), Version: visit.Version, Kind: dispatch.NoticeVisitPlanned})
}

// retime writes the new times of a stop that made room.
func retime(ctx context.Context, tx dispatch.Tx, at picture.Retimed) error {
	c := at.Stop.Commitment
	if c.Span.Start.Equal(at.Span.Start) && c.Span.End.Equal(at.Span.End) && c.Travel == at.Travel {
		return nil
	}
	c.Span, c.Travel = at.Span, at.Travel
	return tx.SaveCommitment(ctx, c)
}

// UnassignVisit takes a visit from its technician. A promise stays a promise: the
// next run looks for another technician.
func (p *Planning) UnassignVisit(ctx context.Context, call dispatch.Call, id dispatch.VisitID, version int64) (dispatch.Visit, error) {
	return dispatch.Once(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Visit, error) {
		held, assigned, err := tx.CommitmentOfVisit(ctx, id)
		if err != nil {
			return dispatch.Visit{}, err
		}
		if assigned {
			if _, err := tx.LockShifts(ctx, []dispatch.ShiftID{held.Shift}); err != nil {
				return dispatch.Visit{}, err
			}
		}
		visit, err := tx.LockVisit(ctx, id)
		if err != nil {
			return dispatch.Visit{}, err
		}
		if visit.Version != version {
			return dispatch.Visit{}, dispatch.Refuse(dispatch.ReasonEtagMismatch, visit.Name(), "somebody else changed it; read it again and decide anew")
		}
		if err := dispatch.VisitMachine.Check(visit.Name(), visit.State, dispatch.VisitUnassigned); err != nil {
			return dispatch.Visit{}, err
		}
		if !assigned {
			return dispatch.Visit{}, errors.New("visit " + id.String() + " is planned and has no commitment")
		}
		if err := dispatch.Release(ctx, tx, held); err != nil {
			return dispatch.Visit{}, err
		}
		if err := tx.TouchShifts(ctx, []dispatch.ShiftID{held.Shift}); err != nil {
			return dispatch.Visit{}, err
		}
		visit.State = dispatch.VisitUnassigned
		if visit, err = replaced(ctx, tx, visit); err != nil {
			return dispatch.Visit{}, err
		}
		return visit, dayChanged(ctx, tx, visit, held.Span.Start, time.Time{})
	})
}
