package workforce

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateTechnician makes a technician, who works for the company from now on.
func (w *Workforce) CreateTechnician(ctx context.Context, call dispatch.Call, t dispatch.Technician) (dispatch.Technician, error) {
	t.ID, t.Active, t.Version = dispatch.TechnicianID{}.New(), true, 1
	return dispatch.Create(ctx, w.store, call, t, checkTechnician, dispatch.Tx.CreateTechnician)
}

// GetTechnician reads a technician.
func (w *Workforce) GetTechnician(ctx context.Context, call dispatch.Call, id dispatch.TechnicianID) (dispatch.Technician, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Technician, error) {
		return readTechnician(ctx, tx, id)
	})
}

func readTechnician(ctx context.Context, tx dispatch.Tx, id dispatch.TechnicianID) (dispatch.Technician, error) {
	found, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{id})
	if err == nil && len(found) == 0 {
		err = dispatch.NotFound(id.Name())
	}
	if err != nil {
		return dispatch.Technician{}, err
	}
	return found[0], nil
}

// ListTechnicians pages through technicians by id.
func (w *Workforce) ListTechnicians(ctx context.Context, call dispatch.Call, filter dispatch.TechnicianFilter, page dispatch.Page) ([]dispatch.Technician, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Technician, string, error) {
		return tx.PageTechnicians(ctx, filter, page)
	})
}

// UpdateTechnician changes a technician. Shifts keep the planning area in which
// they were made.
func (w *Workforce) UpdateTechnician(ctx context.Context, call dispatch.Call, id dispatch.TechnicianID, version int64, change dispatch.Change[dispatch.Technician]) (dispatch.Technician, error) {
	return dispatch.Update(ctx, w.store, call, version, change, technicianRow(id, checkTechnician))
}

// farthestShift is how far ahead anybody can have a shift with work in it.
const farthestShift = 2 * 366 * 24 * time.Hour

// DeactivateTechnician says that a technician no longer works for the company.
// It refuses with HAS_FUTURE_JOBS while something is planned for him.
func (w *Workforce) DeactivateTechnician(ctx context.Context, call dispatch.Call, id dispatch.TechnicianID, version int64) (dispatch.Technician, error) {
	idle := func(ctx context.Context, tx dispatch.Tx, t *dispatch.Technician) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		// Whoever gives him work holds the lock of a shift: what is counted under
		// all of them stays true, and a run under way leaves them alone.
		shifts, err := lockShiftsIn(ctx, tx, id, dispatch.Span{Start: now, End: now.Add(farthestShift)})
		if err != nil {
			return err
		}
		ids := make([]dispatch.ShiftID, len(shifts))
		for i, s := range shifts {
			ids[i] = s.ID
		}
		if err := tx.TouchShifts(ctx, ids); err != nil {
			return err
		}
		jobs, err := tx.CountFutureJobs(ctx, id, now)
		if err == nil && jobs > 0 {
			err = hasFutureJobs(id.Name(), jobs)
		}
		return err
	}
	return dispatch.Update(ctx, w.store, call, version, setActive(false), technicianRow(id, idle))
}

// ReactivateTechnician says that a technician works for the company again.
func (w *Workforce) ReactivateTechnician(ctx context.Context, call dispatch.Call, id dispatch.TechnicianID, version int64) (dispatch.Technician, error) {
	fine := func(context.Context, dispatch.Tx, *dispatch.Technician) error { return nil }
	return dispatch.Update(ctx, w.store, call, version, setActive(true), technicianRow(id, fine))
}

func setActive(active bool) dispatch.Change[dispatch.Technician] {
	return func(t *dispatch.Technician) error {
		t.Active = active
		return nil
	}
}

func technicianRow(id dispatch.TechnicianID, check func(context.Context, dispatch.Tx, *dispatch.Technician) error) dispatch.Versioned[dispatch.Technician] {
	return dispatch.Versioned[dispatch.Technician]{
		Version: func(t *dispatch.Technician) *int64 { return &t.Version },
		Name:    dispatch.Technician.Name,
		Read: func(ctx context.Context, tx dispatch.Tx) (dispatch.Technician, error) {
			return readTechnician(ctx, tx, id)
		},
		Check: check,
		Save:  dispatch.Tx.SaveTechnician,
	}
}

func hasFutureJobs(name string, jobs int) error {
	return dispatch.Refuse(dispatch.ReasonHasFutureJobs, name, "%d visits or holds are planned there; give them to somebody else first", jobs).
		With("count", strconv.Itoa(jobs))
}

func checkTechnician(ctx context.Context, tx dispatch.Tx, t *dispatch.Technician) error {
	region, err := regionOf(ctx, tx)
	if err != nil {
		return err
	}
	var f faults
	f.label("technician.display_name", &t.DisplayName)
	f.email("technician.email", &t.Email)
	f.phone("technician.phone", &t.Phone, region)
	f.point("technician.home", t.Home)
	for i, s := range t.Skills {
		if s.Level < 1 || s.Level > 5 {
			f.field(fmt.Sprintf("technician.skills[%d].level", i), "it is %d, expected 1 to 5", s.Level)
		}
	}
	if err := checkSkillsExist(ctx, tx, &f, "technician.skills", t.Skills); err != nil {
		return err
	}
	_, err = tx.GetPlanningArea(ctx, t.PlanningArea)
	name := dispatch.PlanningArea{ID: t.PlanningArea}.Name()
	if err := f.reference("technician.planning_area", name, err); err != nil {
		return err
	}
	return f.err()
}
