// Package planning is the dispatcher's and the optimiser's use cases: the day's
// plan, its publication, the board, and changes by hand.
//
// A run has three parts. It takes a picture of the day in one snapshot, solves
// it without holding any lock, and publishes under the shift locks whatever is
// still current; what moved meanwhile is left alone and named. Windows that were
// promised are never moved by a run.
package planning

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Planning makes and publishes plans.
type Planning struct {
	store  dispatch.Store
	travel dispatch.Travel
}

// New makes the use cases over a store and a provider of travel times.
func New(store dispatch.Store, travel dispatch.Travel) *Planning {
	return &Planning{store: store, travel: travel}
}

// day is an area's day with its shifts.
type day struct {
	area   dispatch.PlanningArea
	date   dispatch.Date
	zone   *time.Location
	now    time.Time
	shifts []dispatch.Shift
}

// readDay reads an area's day. Shifts belong to the day they start on, so that
// nights are whole.
func readDay(ctx context.Context, tx dispatch.Tx, id dispatch.PlanningAreaID, date dispatch.Date) (day, error) {
	area, err := tx.GetPlanningArea(ctx, id)
	if err != nil {
		return day{}, err
	}
	zone, err := dispatch.Zone(area.TimeZone)
	if err != nil {
		return day{}, err
	}
	d := day{area: area, date: date, zone: zone}
	if d.now, err = tx.Now(ctx); err != nil {
		return day{}, err
	}
	from := time.Date(date.Year, date.Month, date.Day, 0, 0, 0, 0, zone)
	shifts, err := tx.ShiftsBetween(ctx, id, from, from.AddDate(0, 0, 1))
	if err != nil {
		return day{}, err
	}
	for _, s := range shifts {
		if s.Date == date {
			d.shifts = append(d.shifts, s)
		}
	}
	return d, nil
}

// ids are the day's shifts in the lock order.
func (d day) ids() []dispatch.ShiftID {
	out := make([]dispatch.ShiftID, len(d.shifts))
	for i, s := range d.shifts {
		out[i] = s.ID
	}
	return out
}

// over is when the last shift of the day ends.
func (d day) over() time.Time {
	var last time.Time
	for _, s := range d.shifts {
		if s.Span.End.After(last) {
			last = s.Span.End
		}
	}
	return last
}

// holds reports whether work with this promised window belongs to the day; work
// without one belongs to any day.
func (d day) holds(window dispatch.Span) bool {
	if (window == dispatch.Span{}) {
		return true
	}
	for _, s := range d.shifts {
		if s.Span.Overlaps(window) {
			return true
		}
	}
	return false
}
