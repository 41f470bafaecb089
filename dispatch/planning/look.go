package planning

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// settle is how long a day rests after a plan before it is planned anew, so that
// a burst of changes is one run.
const settle = 15 * time.Minute

// LookAtDay is what the workflow of an area's day does when it wakes: plan on
// the evening before, and again after changes, until the day is over.
func (p *Planning) LookAtDay(ctx context.Context, tenant dispatch.TenantID, area dispatch.PlanningAreaID, date dispatch.Date, workflow string) (dispatch.Look, error) {
	next, over, err := p.nextRun(ctx, tenant, area, date)
	if err != nil {
		return dispatch.Look{}, err
	}
	if !over && next.IsZero() {
		call := dispatch.Call{Principal: dispatch.System(tenant, "plan-day"), Method: dispatch.ProcessPlanDay}
		if _, err := p.PlanDay(ctx, call, area, date); err != nil {
			return dispatch.Look{}, err
		}
		if next, over, err = p.nextRun(ctx, tenant, area, date); err != nil {
			return dispatch.Look{}, err
		}
	}
	var look dispatch.Look
	err = p.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		if over {
			look, err = dispatch.Rest(ctx, tx, workflow)
			return err
		}
		look, err = dispatch.SleepUntil(ctx, tx, dispatch.WatchDay(tenant, area, date).At(next))
		return err
	})
	return look, err
}

// nextRun says when the day is to be looked at again: zero for at once, and over
// once there is nothing left to plan on it.
func (p *Planning) nextRun(ctx context.Context, tenant dispatch.TenantID, area dispatch.PlanningAreaID, date dispatch.Date) (next time.Time, over bool, err error) {
	err = p.store.View(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		d, err := readDay(ctx, tx, area, date)
		if err != nil {
			return err
		}
		if end := d.over(); !end.After(d.now) {
			over = true
			return nil
		}
		// Noon does not fall into the gap of a clock change; an evening hour may.
		evening, ok := d.area.PlanAt.At(date.AddDays(-1), d.zone)
		if !ok {
			evening, _ = dispatch.Clock(12, 0).At(date.AddDays(-1), d.zone)
		}
		if d.now.Before(evening) {
			next = evening
			return nil
		}
		plan, found, err := tx.PublishedPlan(ctx, area, date)
		if err != nil || !found {
			return err
		}
		version, err := tx.DayVersion(ctx, area, date)
		if err != nil {
			return err
		}
		if version == plan.Basis {
			next = d.over() // a notice comes earlier if something changes
			return nil
		}
		if rested := plan.CreatedAt.Add(settle); rested.After(d.now) {
			next = rested
		}
		return nil
	})
	return next, over, err
}
