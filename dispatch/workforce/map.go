package workforce

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// CreatePlanningArea makes a planning area.
func (w *Workforce) CreatePlanningArea(ctx context.Context, call dispatch.Call, a dispatch.PlanningArea) (dispatch.PlanningArea, error) {
	a.Version = 1
	return dispatch.Create(ctx, w.store, call, a, checkPlanningArea, dispatch.Tx.CreatePlanningArea)
}

// GetPlanningArea reads a planning area.
func (w *Workforce) GetPlanningArea(ctx context.Context, call dispatch.Call, id dispatch.PlanningAreaID) (dispatch.PlanningArea, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.PlanningArea, error) {
		return tx.GetPlanningArea(ctx, id)
	})
}

// ListPlanningAreas pages through the planning areas by id.
func (w *Workforce) ListPlanningAreas(ctx context.Context, call dispatch.Call, page dispatch.Page) ([]dispatch.PlanningArea, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.PlanningArea, string, error) {
		return tx.PagePlanningAreas(ctx, page)
	})
}

// UpdatePlanningArea changes a planning area. Windows that were promised stay as
// they are: a promise is an instant, not a rule.
func (w *Workforce) UpdatePlanningArea(ctx context.Context, call dispatch.Call, id dispatch.PlanningAreaID, version int64, change dispatch.Change[dispatch.PlanningArea]) (dispatch.PlanningArea, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.PlanningArea]{
		Version: func(a *dispatch.PlanningArea) *int64 { return &a.Version },
		Name:    dispatch.PlanningArea.Name,
		Read: func(ctx context.Context, tx dispatch.Tx) (dispatch.PlanningArea, error) {
			return tx.GetPlanningArea(ctx, id)
		},
		Check: checkPlanningArea,
		Save:  dispatch.Tx.SavePlanningArea,
	})
}

const (
	longestWait = 30 * 24 * time.Hour
	// usualAnswerTime is how long who waits has to answer, unless the area says
	// otherwise.
	usualAnswerTime = 30 * time.Minute
)

func checkPlanningArea(_ context.Context, _ dispatch.Tx, a *dispatch.PlanningArea) error {
	var f faults
	f.label("planning_area.display_name", &a.DisplayName)
	f.zone("planning_area.time_zone", a.TimeZone)
	if a.LeadTime < 0 || a.LeadTime > longestWait {
		f.field("planning_area.lead_time", "it is %s, expected zero to 30 days", a.LeadTime)
	}
	if a.ChangeCutoff < 0 || a.ChangeCutoff > longestWait {
		f.field("planning_area.change_cutoff", "it is %s, expected zero to 30 days", a.ChangeCutoff)
	}
	if a.HorizonDays < 1 || a.HorizonDays > 366 {
		f.field("planning_area.horizon_days", "it is %d, expected 1 to 366", a.HorizonDays)
	}
	if a.HoldTime < 30*time.Second || a.HoldTime > time.Hour {
		f.field("planning_area.hold_duration", "it is %s, expected 30 seconds to an hour", a.HoldTime)
	}
	for i, rule := range a.Windows {
		// Rules are told by the clock alone: one that starts when it ends would
		// last a whole day, which nobody can be asked to wait at home.
		if rule.Start == rule.End {
			f.field(fmt.Sprintf("planning_area.windows[%d].end", i), "it is the start, %s", rule.Start)
		}
	}
	a.Closed = dispatch.SortedDates(a.Closed)
	a.WaitlistOrder, a.AnswerTime = cmp.Or(a.WaitlistOrder, dispatch.WaitlistByTime), cmp.Or(a.AnswerTime, usualAnswerTime)
	if a.AnswerTime < time.Minute || a.AnswerTime > 24*time.Hour {
		f.field("planning_area.waitlist_answer_time", "it is %s, expected a minute to a day", a.AnswerTime)
	}
	return f.err()
}

// CreateTerritory makes a territory.
func (w *Workforce) CreateTerritory(ctx context.Context, call dispatch.Call, t dispatch.Territory) (dispatch.Territory, error) {
	t.Version = 1
	return dispatch.Create(ctx, w.store, call, t, checkTerritory, dispatch.Tx.CreateTerritory)
}

// GetTerritory reads a territory.
func (w *Workforce) GetTerritory(ctx context.Context, call dispatch.Call, id dispatch.TerritoryID) (dispatch.Territory, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Territory, error) { return tx.GetTerritory(ctx, id) })
}

// ListTerritories pages through the territories of an area, or of all, by id.
func (w *Workforce) ListTerritories(ctx context.Context, call dispatch.Call, area dispatch.PlanningAreaID, page dispatch.Page) ([]dispatch.Territory, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Territory, string, error) {
		return tx.PageTerritories(ctx, area, page)
	})
}

// UpdateTerritory changes a territory. Sites keep the territory in which they
// were made until they are moved themselves.
func (w *Workforce) UpdateTerritory(ctx context.Context, call dispatch.Call, id dispatch.TerritoryID, version int64, change dispatch.Change[dispatch.Territory]) (dispatch.Territory, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Territory]{
		Version: func(t *dispatch.Territory) *int64 { return &t.Version },
		Name:    dispatch.Territory.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.Territory, error) { return tx.GetTerritory(ctx, id) },
		Check:   checkTerritory,
		Save:    dispatch.Tx.SaveTerritory,
	})
}

func checkTerritory(ctx context.Context, tx dispatch.Tx, t *dispatch.Territory) error {
	var f faults
	f.label("territory.display_name", &t.DisplayName)
	f.zone("territory.time_zone", t.TimeZone)
	f.add(CheckBoundary("territory.boundary", t.Boundary))
	_, err := tx.GetPlanningArea(ctx, t.PlanningArea)
	name := dispatch.PlanningArea{ID: t.PlanningArea}.Name()
	if err := f.reference("territory.planning_area", name, err); err != nil {
		return err
	}
	return f.err()
}
