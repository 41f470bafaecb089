package fieldwork

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// scene is everything that the events of one visit may change, locked.
type scene struct {
	now         time.Time
	order       dispatch.WorkOrder
	visit       dispatch.Visit
	others      []dispatch.Visit // of the work order, by ordinal
	commitments map[dispatch.VisitID]dispatch.Commitment
	appointment dispatch.Appointment // zero where nothing was promised
	touched     map[dispatch.ShiftID]bool
}

// lockScene locks in the order of the house: shifts, work order, visit. Which
// shifts is read before they are locked; if the plan has moved a visit to another
// one meanwhile, it refuses with TRANSACTION_CONFLICT and the caller tries again.
func lockScene(ctx context.Context, tx dispatch.Tx, id dispatch.VisitID) (*scene, error) {
	seen, err := tx.GetVisit(ctx, id)
	if err != nil {
		return nil, err
	}
	before, err := commitmentsOf(ctx, tx, seen)
	if err != nil {
		return nil, err
	}
	var shifts []dispatch.ShiftID
	for _, c := range before {
		shifts = append(shifts, c.Shift)
	}
	if _, err := tx.LockShifts(ctx, shifts); err != nil {
		return nil, err
	}
	s := &scene{touched: map[dispatch.ShiftID]bool{}}
	if s.order, err = tx.LockWorkOrder(ctx, seen.WorkOrder); err != nil {
		return nil, err
	}
	if s.visit, err = tx.LockVisit(ctx, id); err != nil {
		return nil, err
	}
	if s.commitments, err = commitmentsOf(ctx, tx, s.visit); err != nil {
		return nil, err
	}
	for visit, c := range s.commitments {
		if locked, ok := before[visit]; !ok || locked.Shift != c.Shift {
			return nil, dispatch.Refuse(dispatch.ReasonTransactionConflict, id.Name(), "the plan moved a visit of the work order meanwhile")
		}
	}
	if !s.visit.Appointment.IsZero() {
		if s.appointment, err = tx.LockAppointment(ctx, s.visit.Appointment); err != nil {
			return nil, err
		}
	}
	if s.others, err = tx.VisitsOf(ctx, s.order.ID); err != nil {
		return nil, err
	}
	s.now, err = tx.Now(ctx)
	return s, err
}

// commitmentsOf gives the commitments of a visit and of those of its work order
// that are not over.
func commitmentsOf(ctx context.Context, tx dispatch.Tx, of dispatch.Visit) (map[dispatch.VisitID]dispatch.Commitment, error) {
	visits, err := tx.VisitsOf(ctx, of.WorkOrder)
	if err != nil {
		return nil, err
	}
	out := map[dispatch.VisitID]dispatch.Commitment{}
	for _, v := range visits {
		if v.ID != of.ID && dispatch.VisitMachine.Terminal(v.State) {
			continue
		}
		c, found, err := tx.CommitmentOfVisit(ctx, v.ID)
		if err != nil {
			return nil, err
		}
		if found {
			out[v.ID] = c
		}
	}
	return out, nil
}

// belongsTo reports whether a technician is meant to make the visit, makes it or
// made it.
func (s *scene) belongsTo(id dispatch.TechnicianID) bool {
	return s.visit.Technician == id || s.commitments[s.visit.ID].Technician == id
}

// saveVisit writes a visit of the scene and says that it moved.
func (s *scene) saveVisit(ctx context.Context, tx dispatch.Tx, v dispatch.Visit) (dispatch.Visit, error) {
	if err := tx.SaveVisit(ctx, v); err != nil {
		return v, err
	}
	v.Version++
	for i := range s.others {
		if s.others[i].ID == v.ID {
			s.others[i] = v
		}
	}
	if v.ID == s.visit.ID {
		s.visit = v
	}
	return v, tx.Publish(ctx, dispatch.Notice{Subject: v.Name(), Version: v.Version, Kind: dispatch.NoticeVisitMoved})
}

// moveCommitment brings the commitment of a visit to a state, if it has one that
// is not there yet.
func (s *scene) moveCommitment(ctx context.Context, tx dispatch.Tx, id dispatch.VisitID, to dispatch.CommitmentState) error {
	c, ok := s.commitments[id]
	if !ok || c.State == to || dispatch.CommitmentMachine.Terminal(c.State) {
		return nil
	}
	if err := dispatch.CommitmentMachine.Check(id.Name(), c.State, to); err != nil {
		return err
	}
	c.State = to
	if err := tx.SaveCommitment(ctx, c); err != nil {
		return err
	}
	c.Version++
	s.commitments[id] = c
	s.touched[c.Shift] = true
	return nil
}

// touchShifts tells the planner which shifts have changed.
func (s *scene) touchShifts(ctx context.Context, tx dispatch.Tx) error {
	var shifts []dispatch.ShiftID
	for id := range s.touched {
		shifts = append(shifts, id)
	}
	if len(shifts) == 0 {
		return nil
	}
	return tx.TouchShifts(ctx, shifts)
}

// dayChanged asks for the day of the visit to be planned again.
func (s *scene) dayChanged(ctx context.Context, tx dispatch.Tx, v dispatch.Visit) error {
	area, err := tx.GetPlanningArea(ctx, v.PlanningArea)
	if err != nil {
		return err
	}
	at := s.now
	if c, ok := s.commitments[v.ID]; ok {
		at = c.Span.Start
	}
	return dispatch.DayChanged(ctx, tx, area, v, at, time.Time{})
}
