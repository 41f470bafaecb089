package planning

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Board is a planning area's day as the dispatcher sees it.
type Board struct {
	PlanningArea dispatch.PlanningAreaID
	Date         dispatch.Date
	Plan         *dispatch.Plan         // in force, nil where none was made
	Lanes        []Lane                 // by start of the shift and technician
	Unassigned   []dispatch.ListedVisit // of the area, the most urgent first
	ReadAt       time.Time              // domain time
}

// Lane is one technician's shift on the board.
type Lane struct {
	Shift      dispatch.Shift // with its breaks
	Technician dispatch.Technician
	Absences   []dispatch.Absence
	Visits     []dispatch.ListedVisit // by start
	Holds      []dispatch.Span
}

// longestUnassigned bounds how many unassigned visits a board shows.
const longestUnassigned = 500

// GetBoard reads an area's day in one snapshot.
func (p *Planning) GetBoard(ctx context.Context, call dispatch.Call, area dispatch.PlanningAreaID, date dispatch.Date) (Board, error) {
	var board Board
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		board, err = readBoard(ctx, tx, area, date)
		return err
	})
	return board, err
}

func readBoard(ctx context.Context, tx dispatch.Tx, area dispatch.PlanningAreaID, date dispatch.Date) (Board, error) {
	board := Board{PlanningArea: area, Date: date}
	d, err := readDay(ctx, tx, area, date)
	if err != nil {
		return board, err
	}
	board.ReadAt = d.now
	plan, found, err := tx.PublishedPlan(ctx, area, date)
	if err != nil {
		return board, err
	}
	if found {
		board.Plan = &plan
	}
	stops, err := tx.StopsOn(ctx, d.ids())
	if err != nil {
		return board, err
	}
	unplanned, err := tx.UnplannedVisits(ctx, area, longestUnassigned)
	if err != nil {
		return board, err
	}
	visits, err := visitsBehind(ctx, tx, stops, unplanned)
	if err != nil {
		return board, err
	}
	for _, u := range unplanned {
		board.Unassigned = append(board.Unassigned, visits[u.Visit])
	}
	board.Lanes, err = d.lanes(ctx, tx, stops, visits)
	return board, err
}

// visitsBehind reads the visits of stops.
func visitsBehind(ctx context.Context, tx dispatch.Tx, lists ...[]dispatch.Stop) (map[dispatch.VisitID]dispatch.ListedVisit, error) {
	var ids []dispatch.VisitID
	for _, list := range lists {
		for _, s := range list {
			if s.Kind == dispatch.CommitmentVisit {
				ids = append(ids, s.Visit)
			}
		}
	}
	listed, err := tx.GetListedVisits(ctx, ids)
	if err != nil {
		return nil, err
	}
	visits := map[dispatch.VisitID]dispatch.ListedVisit{}
	for _, v := range listed {
		visits[v.ID] = v
	}
	return visits, nil
}

// absencesBehind reads the absences of stops.
func absencesBehind(ctx context.Context, tx dispatch.Tx, stops []dispatch.Stop) (map[dispatch.AbsenceID]dispatch.Absence, error) {
	var ids []dispatch.AbsenceID
	for _, s := range stops {
		if s.Kind == dispatch.CommitmentAbsence {
			ids = append(ids, s.Absence)
		}
	}
	absences := map[dispatch.AbsenceID]dispatch.Absence{}
	if len(ids) == 0 {
		return absences, nil
	}
	found, err := tx.GetAbsences(ctx, ids)
	for _, a := range found {
		absences[a.ID] = a
	}
	return absences, err
}

// lanes puts the stops into the lanes of their shifts.
func (d day) lanes(ctx context.Context, tx dispatch.Tx, stops []dispatch.Stop, visits map[dispatch.VisitID]dispatch.ListedVisit) ([]Lane, error) {
	var who []dispatch.TechnicianID
	for _, s := range d.shifts {
		who = append(who, s.Technician)
	}
	technicians, err := tx.GetTechnicians(ctx, who)
	if err != nil {
		return nil, err
	}
	known := map[dispatch.TechnicianID]dispatch.Technician{}
	for _, t := range technicians {
		known[t.ID] = t
	}
	lanes := make([]Lane, len(d.shifts))
	at := map[dispatch.ShiftID]*Lane{}
	for i, s := range d.shifts {
		lanes[i] = Lane{Shift: s, Technician: known[s.Technician]}
		at[s.ID] = &lanes[i]
	}
	absences, err := absencesBehind(ctx, tx, stops)
	if err != nil {
		return nil, err
	}
	for _, s := range stops {
		lane := at[s.Shift]
		switch s.Kind {
		case dispatch.CommitmentBreak:
			lane.Shift.Breaks = append(lane.Shift.Breaks, s.Span)
		case dispatch.CommitmentHold:
			if s.ExpiresAt.After(d.now) {
				lane.Holds = append(lane.Holds, s.Span)
			}
		case dispatch.CommitmentVisit:
			lane.Visits = append(lane.Visits, visits[s.Visit])
		case dispatch.CommitmentAbsence:
			lane.Absences = append(lane.Absences, absences[s.Absence])
		}
	}
	return lanes, nil
}

// GetVisit reads a visit with its promise and its place in the plan.
func (p *Planning) GetVisit(ctx context.Context, call dispatch.Call, id dispatch.VisitID) (dispatch.ListedVisit, error) {
	var out dispatch.ListedVisit
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		found, err := tx.GetListedVisits(ctx, []dispatch.VisitID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return dispatch.NotFound(id.Name())
		}
		out = found[0]
		return nil
	})
	return out, err
}

// ListVisits pages the visits that the filter lets through.
func (p *Planning) ListVisits(ctx context.Context, call dispatch.Call, filter dispatch.VisitFilter, page dispatch.Page) (visits []dispatch.ListedVisit, next string, err error) {
	err = p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		visits, next, err = tx.ListVisits(ctx, filter, page)
		return err
	})
	return visits, next, err
}

// RoutedPlan is a plan with the shifts that its stops stand in.
type RoutedPlan struct {
	dispatch.Plan
	Shifts map[dispatch.ShiftID]dispatch.Shift
}

// GetPlan reads a plan.
func (p *Planning) GetPlan(ctx context.Context, call dispatch.Call, id dispatch.PlanID) (RoutedPlan, error) {
	var out RoutedPlan
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		plan, err := tx.GetPlan(ctx, id)
		if err != nil {
			return err
		}
		out, err = routed(ctx, tx, plan)
		return err
	})
	return out, err
}

func routed(ctx context.Context, tx dispatch.Tx, plan dispatch.Plan) (RoutedPlan, error) {
	out := RoutedPlan{Plan: plan, Shifts: map[dispatch.ShiftID]dispatch.Shift{}}
	d, err := readDay(ctx, tx, plan.PlanningArea, plan.Date)
	for _, s := range d.shifts {
		out.Shifts[s.ID] = s
	}
	return out, err
}

// Routed adds the shifts to a plan that was just made.
func (p *Planning) Routed(ctx context.Context, call dispatch.Call, plan dispatch.Plan) (RoutedPlan, error) {
	var out RoutedPlan
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		out, err = routed(ctx, tx, plan)
		return err
	})
	return out, err
}

// ListPlans pages the plans of an area, the newest first, without their stops.
func (p *Planning) ListPlans(ctx context.Context, call dispatch.Call, area dispatch.PlanningAreaID, date dispatch.Date, page dispatch.Page) (plans []dispatch.Plan, next string, err error) {
	err = p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		if _, err := tx.GetPlanningArea(ctx, area); err != nil {
			return err
		}
		plans, next, err = tx.ListPlans(ctx, area, date, page)
		return err
	})
	return plans, next, err
}
