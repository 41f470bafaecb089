package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const seenBySQL = `SELECT pg_current_snapshot()::text`

// SeenBy implements dispatch.WatchTx.
func (t *tx) SeenBy(ctx context.Context) (dispatch.Snapshot, error) {
	var seen dispatch.Snapshot
	err := t.db.QueryRow(ctx, seenBySQL).Scan(&seen)
	return seen, err
}

// unseen are the rows that the snapshot did not show. The first condition is a
// step in an index; the second leaves out, of those, what it did show.
const unseen = `changed_xid >= pg_snapshot_xmin(@since::text::pg_snapshot)
	AND NOT pg_visible_in_snapshot(changed_xid, @since::text::pg_snapshot)`

const referralsChangedSQL = `SELECT ` + referralColumns + `
FROM referrals r
WHERE r.tenant_id = @tenant AND r.id > @after AND ` + unseen + referralConditions

// ReferralsChanged implements dispatch.WatchTx.
func (t *tx) ReferralsChanged(ctx context.Context, since dispatch.Snapshot, f dispatch.ReferralFilter, page dispatch.Page) ([]dispatch.Referral, string, error) {
	return t.pageOfReferrals(ctx, referralsChangedSQL, pgx.NamedArgs{"since": since}, f, page)
}

const dayShiftsSQL = `
SELECT id, ` + unseen + ` AS changed
FROM shifts
WHERE tenant_id = @tenant AND planning_area_id = @area AND local_date = @date
ORDER BY id`

const visitsChangedSQL = `
SELECT id FROM visits
WHERE tenant_id = @tenant AND planning_area_id = @area AND ` + unseen + `
ORDER BY id`

const planInForceSQL = `
SELECT id FROM plans
WHERE tenant_id = @tenant AND planning_area_id = @area AND local_date = @date AND state = 'published'`

// DayChanges implements dispatch.WatchTx. Every change of a commitment bumps its
// shift, so that commitments need not be asked.
func (t *tx) DayChanges(ctx context.Context, since dispatch.Snapshot, area dispatch.PlanningAreaID, date dispatch.Date) (dispatch.DayChanges, error) {
	var out dispatch.DayChanges
	args := pgx.NamedArgs{"since": since, "area": area, "date": date.UTC()}
	rows, err := t.db.Query(ctx, dayShiftsSQL, t.args(args))
	if err != nil {
		return out, err
	}
	var shift uuid.UUID
	var changed bool
	_, err = pgx.ForEachRow(rows, []any{&shift, &changed}, func() error {
		out.Shifts = append(out.Shifts, dispatch.ShiftID{UUID: shift})
		if changed {
			out.Changed = append(out.Changed, dispatch.ShiftID{UUID: shift})
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	visits, err := many(ctx, t, visitsChangedSQL, args, pgx.RowTo[uuid.UUID])
	if err != nil {
		return out, err
	}
	for _, id := range visits {
		out.Visits = append(out.Visits, dispatch.VisitID{UUID: id})
	}
	plans, err := many(ctx, t, planInForceSQL, args, pgx.RowTo[uuid.UUID])
	if len(plans) > 0 {
		out.Plan.UUID = plans[0]
	}
	return out, err
}
