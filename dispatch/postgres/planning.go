package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
)

// The day's row lock is that of the plan in force: two publications of one day
// hold its shift locks before they come here.
const nextPlanVersionSQL = `
SELECT coalesce(max(version), 0) + 1 FROM plans
WHERE tenant_id = @tenant AND planning_area_id = @area AND local_date = @date`

const supersedePlanSQL = `
UPDATE plans SET state = 'superseded'
WHERE tenant_id = @tenant AND planning_area_id = @area AND local_date = @date AND state = 'published'`

const createPlanSQL = `
INSERT INTO plans (tenant_id, id, planning_area_id, local_date, version, state, author, cost, travel_seconds,
	work_seconds, moved, conflicts, basis, created_at, published_at)
VALUES (@tenant, @id, @area, @date, @version, @state, @author, @cost, @travel, @work, @moved, @conflicts, @basis,
	@created, @published)`

const createPlanStopSQL = `
INSERT INTO plan_stops (tenant_id, plan_id, shift_id, ordinal, visit_id, starts_at, ends_at, travel_seconds)
VALUES (@tenant, @plan, @shift, @ordinal, @visit, @starts, @ends, @travel)`

const createLeftoverSQL = `
INSERT INTO plan_leftovers (tenant_id, plan_id, visit_id, reason) VALUES (@tenant, @plan, @visit, @reason)`

// CreatePlan implements dispatch.PlanningTx.
func (t *tx) CreatePlan(ctx context.Context, p dispatch.Plan) (dispatch.Plan, error) {
	day := pgx.NamedArgs{"area": p.PlanningArea, "date": p.Date.UTC()}
	if err := t.db.QueryRow(ctx, nextPlanVersionSQL, t.args(day)).Scan(&p.Version); err != nil {
		return p, err
	}
	if p.State == dispatch.PlanPublished {
		if _, err := t.exec(ctx, supersedePlanSQL, day); err != nil {
			return p, err
		}
	}
	conflicts := p.Conflicts
	if conflicts == nil {
		conflicts = []dispatch.VisitID{}
	}
	_, err := t.exec(ctx, createPlanSQL, pgx.NamedArgs{
		"id": p.ID, "area": p.PlanningArea, "date": p.Date.UTC(), "version": p.Version, "state": p.State,
		"author": p.Author, "cost": p.Cost, "travel": toSeconds(p.Travel), "work": toSeconds(p.Work), "moved": p.Moved,
		"conflicts": conflicts, "basis": p.Basis, "created": p.CreatedAt, "published": timeOrNull(p.PublishedAt),
	})
	if err != nil {
		return p, err
	}
	return p, t.createPlanRows(ctx, p)
}

// createPlanRows sends stops and leftovers in one round trip.
func (t *tx) createPlanRows(ctx context.Context, p dispatch.Plan) error {
	batch := &pgx.Batch{}
	for _, s := range p.Stops {
		batch.Queue(createPlanStopSQL, t.args(pgx.NamedArgs{
			"plan": p.ID, "shift": s.Shift, "ordinal": s.Ordinal, "visit": s.Visit,
			"starts": s.Span.Start, "ends": s.Span.End, "travel": toSeconds(s.Travel),
		}))
	}
	for _, l := range p.Leftovers {
		batch.Queue(createLeftoverSQL, t.args(pgx.NamedArgs{"plan": p.ID, "visit": l.Visit, "reason": l.Reason}))
	}
	return t.db.SendBatch(ctx, batch).Close()
}

const planColumns = `id, planning_area_id, local_date, version, state, author, cost, travel_seconds, work_seconds,
	moved, conflicts, basis, created_at, published_at`

func scanPlan(row pgx.CollectableRow) (dispatch.Plan, error) {
	var p dispatch.Plan
	var date time.Time
	var travel, work int64
	var published *time.Time
	err := row.Scan(&p.ID, &p.PlanningArea, &date, &p.Version, &p.State, &p.Author, &p.Cost, &travel, &work,
		&p.Moved, &p.Conflicts, &p.Basis, &p.CreatedAt, &published)
	p.Date = dispatch.DateOf(date, time.UTC)
	p.Travel, p.Work, p.PublishedAt = fromSeconds(travel), fromSeconds(work), timeOrZero(published)
	return p, err
}

const getPlanSQL = `SELECT ` + planColumns + ` FROM plans WHERE tenant_id = @tenant AND id = @id`

const planStopsSQL = `
SELECT shift_id, ordinal, visit_id, starts_at, ends_at, travel_seconds
FROM plan_stops WHERE tenant_id = @tenant AND plan_id = @plan
ORDER BY shift_id, ordinal`

const planLeftoversSQL = `
SELECT visit_id, reason FROM plan_leftovers WHERE tenant_id = @tenant AND plan_id = @plan ORDER BY visit_id`

// GetPlan implements dispatch.PlanningTx.
func (t *tx) GetPlan(ctx context.Context, id dispatch.PlanID) (dispatch.Plan, error) {
	p, err := one(ctx, t, id.Name(), getPlanSQL, pgx.NamedArgs{"id": id}, scanPlan)
	if err != nil {
		return p, err
	}
	return t.withRows(ctx, p)
}

func (t *tx) withRows(ctx context.Context, p dispatch.Plan) (dispatch.Plan, error) {
	var err error
	key := pgx.NamedArgs{"plan": p.ID}
	p.Stops, err = many(ctx, t, planStopsSQL, key, func(row pgx.CollectableRow) (dispatch.PlanStop, error) {
		var s dispatch.PlanStop
		var travel int64
		err := row.Scan(&s.Shift, &s.Ordinal, &s.Visit, &s.Span.Start, &s.Span.End, &travel)
		s.Travel = fromSeconds(travel)
		return s, err
	})
	if err != nil {
		return p, err
	}
	p.Leftovers, err = many(ctx, t, planLeftoversSQL, key, func(row pgx.CollectableRow) (dispatch.Leftover, error) {
		var l dispatch.Leftover
		err := row.Scan(&l.Visit, &l.Reason)
		return l, err
	})
	return p, err
}

const publishedPlanSQL = `SELECT ` + planColumns + ` FROM plans
WHERE tenant_id = @tenant AND planning_area_id = @area AND local_date = @date AND state = 'published'`

// PublishedPlan implements dispatch.PlanningTx.
func (t *tx) PublishedPlan(ctx context.Context, area dispatch.PlanningAreaID, date dispatch.Date) (dispatch.Plan, bool, error) {
	p, found, err := oneOrNone(ctx, t, publishedPlanSQL, pgx.NamedArgs{"area": area, "date": date.UTC()}, scanPlan)
	if err != nil || !found {
		return p, found, err
	}
	p, err = t.withRows(ctx, p)
	return p, true, err
}

const listPlansSQL = `SELECT ` + planColumns + ` FROM plans
WHERE tenant_id = @tenant AND planning_area_id = @area
	AND (@date::date IS NULL OR local_date = @date)
	AND (@first OR (local_date, version) < (@after_date::date, @after_version::integer))
ORDER BY local_date DESC, version DESC
LIMIT @limit`

// ListPlans implements dispatch.PlanningTx.
func (t *tx) ListPlans(ctx context.Context, area dispatch.PlanningAreaID, date dispatch.Date, page dispatch.Page) ([]dispatch.Plan, string, error) {
	args := pgx.NamedArgs{
		"area": area, "date": nil, "limit": page.Size + 1,
		"first": page.After == "", "after_date": time.Time{}, "after_version": 0,
	}
	if !date.IsZero() {
		args["date"] = date.UTC()
	}
	if page.After != "" {
		var after planKey
		if err := after.read(page.After); err != nil {
			return nil, "", badKey(err)
		}
		args["after_date"], args["after_version"] = after.date.UTC(), after.version
	}
	plans, err := narrowed(ctx, t, listPlansSQL, args, scanPlan)
	if err != nil {
		return nil, "", err
	}
	plans, next := cut(plans, page.Size, func(p dispatch.Plan) string { return planKey{p.Date, p.Version}.String() })
	return plans, next, nil
}

// planKey is the place of a plan in the list of an area's plans.
type planKey struct {
	date    dispatch.Date
	version int
}

func (k planKey) String() string { return k.date.String() + "/" + strconv.Itoa(k.version) }

func (k *planKey) read(text string) error {
	const dateLength = len(time.DateOnly)
	if len(text) < dateLength+2 {
		return errors.New("the key is too short")
	}
	if err := k.date.UnmarshalText([]byte(text[:dateLength])); err != nil {
		return err
	}
	var err error
	k.version, err = strconv.Atoi(text[dateLength+1:])
	return err
}

const dayVersionSQL = `
SELECT hashtextextended(
	coalesce((SELECT string_agg(id || ':' || version, ',' ORDER BY id) FROM shifts
		WHERE tenant_id = @tenant AND planning_area_id = @area AND local_date = @date), '') || ';' ||
	coalesce((SELECT string_agg(id || ':' || version, ',' ORDER BY id) FROM visits
		WHERE tenant_id = @tenant AND planning_area_id = @area AND state = 'unassigned'), ''), 0)`

// DayVersion implements dispatch.PlanningTx.
func (t *tx) DayVersion(ctx context.Context, area dispatch.PlanningAreaID, date dispatch.Date) (int64, error) {
	var version int64
	err := t.db.QueryRow(ctx, dayVersionSQL, t.args(pgx.NamedArgs{"area": area, "date": date.UTC()})).Scan(&version)
	return version, err
}

const unplannedVisitsSQL = `
SELECT v.id, v.version, v.duration_seconds, e.spread_seconds, w.priority, w.due_at, w.service_id, s.location,
	a.window_start, a.window_end, coalesce(a.time_zone, '')
FROM visits v
JOIN work_orders w ON w.tenant_id = v.tenant_id AND w.id = v.work_order_id
JOIN services e ON e.tenant_id = w.tenant_id AND e.id = w.service_id
JOIN sites s ON s.tenant_id = w.tenant_id AND s.id = w.site_id
LEFT JOIN appointments a ON a.tenant_id = v.tenant_id AND a.id = v.appointment_id
WHERE v.tenant_id = @tenant AND v.planning_area_id = @area AND v.state = 'unassigned'
ORDER BY w.priority, w.due_at NULLS LAST, v.created_at, v.id
LIMIT @limit`

// UnplannedVisits implements dispatch.PictureTx.
func (t *tx) UnplannedVisits(ctx context.Context, area dispatch.PlanningAreaID, limit int) ([]dispatch.Stop, error) {
	return many(ctx, t, unplannedVisitsSQL, pgx.NamedArgs{"area": area, "limit": limit}, func(row pgx.CollectableRow) (dispatch.Stop, error) {
		var s dispatch.Stop
		var id uuid.UUID
		var at *geom.Point
		var duration, spread int64
		var due, from, to *time.Time
		err := row.Scan(&id, &s.VisitVersion, &duration, &spread, &s.Priority, &due, &s.Service, &at, &from, &to, &s.Window.Zone)
		s.Kind, s.Visit = dispatch.CommitmentVisit, dispatch.VisitID{UUID: id}
		s.Duration, s.Spread, s.Location = fromSeconds(duration), fromSeconds(spread), fromPoint(at)
		s.DueAt, s.Window.Start, s.Window.End = timeOrZero(due), timeOrZero(from), timeOrZero(to)
		return s, err
	})
}
