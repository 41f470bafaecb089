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
	look, due, err := p.awaitRun(ctx, tenant, area, date, workflow)
	if err != nil || !due {
		return look, err
	}
	call := dispatch.Call{Principal: dispatch.System(tenant, "plan-day"), Method: dispatch.ProcessPlanDay}
	if _, err := p.PlanDay(ctx, call, area, date); err != nil {
		return dispatch.Look{}, err
	}
	look, _, err = p.awaitRun(ctx, tenant, area, date, workflow)
	return look, err
}

// awaitRun reads the day and leaves its wakeup in one transaction, so that a
// change that the read has not seen is not taken for answered. due says that the
// day is to be planned now.
func (p *Planning) awaitRun(ctx context.Context, tenant dispatch.TenantID, area dispatch.PlanningAreaID, date dispatch.Date, workflow string) (look dispatch.Look, due bool, err error) {
	err = p.store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		d, err := readDay(ctx, tx, area, date)
		if err != nil {
			return err
		}
		if !d.over().After(d.now) {
			look, err = dispatch.Rest(ctx, tx, workflow)
			return err
		}
		next, err := d.nextRun(ctx, tx)
		if err != nil {
			return err
		}
		if due = !next.After(d.now); due {
			return nil // the wakeup stays due while the plan is made
		}
		look, err = dispatch.SleepUntil(ctx, tx, dispatch.WatchDay(tenant, area, date).At(next))
		return err
	})
	return look, due, err
}

// nextRun says when a day that is not over is to be looked at again: now where
// it is to be planned.
func (d day) nextRun(ctx context.Context, tx dispatch.Tx) (time.Time, error) {
	// Noon does not fall into the gap of a clock change; an evening hour may.
	evening, ok := d.area.PlanAt.At(d.date.AddDays(-1), d.zone)
	if !ok {
		evening, _ = dispatch.Clock(12, 0).At(d.date.AddDays(-1), d.zone)
	}
	if d.now.Before(evening) {
		return evening, nil
	}
	plan, found, err := tx.PublishedPlan(ctx, d.area.ID, d.date)
	if err != nil || !found {
		return d.now, err
	}
	version, err := tx.DayVersion(ctx, d.area.ID, d.date)
	if err != nil {
		return time.Time{}, err
	}
	if version == plan.Basis {
		return d.over(), nil // a notice comes earlier if something changes
	}
	return plan.CreatedAt.Add(settle), nil
}
