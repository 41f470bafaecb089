package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
)

// The rules of an area come as arrays in parallel, so that an area is one row.
const planningAreaColumns = `a.id, a.display_name, a.time_zone, a.lead_time_seconds, a.horizon_days,
	a.change_cutoff_seconds, a.hold_seconds, extract(epoch FROM a.plan_at_local)::int / 60, a.closed,
	extract(epoch FROM a.booking_cutoff_local)::int / 60, a.waitlist_order, a.waitlist_answer_seconds, a.version,
	ARRAY(SELECT array_to_string(r.weekdays, '') FROM window_rules r
		WHERE r.tenant_id = a.tenant_id AND r.planning_area_id = a.id ORDER BY r.ordinal),
	ARRAY(SELECT extract(epoch FROM r.starts_local)::int / 60 FROM window_rules r
		WHERE r.tenant_id = a.tenant_id AND r.planning_area_id = a.id ORDER BY r.ordinal),
	ARRAY(SELECT extract(epoch FROM r.ends_local)::int / 60 FROM window_rules r
		WHERE r.tenant_id = a.tenant_id AND r.planning_area_id = a.id ORDER BY r.ordinal)`

func scanPlanningArea(row pgx.CollectableRow) (dispatch.PlanningArea, error) {
	var a dispatch.PlanningArea
	var lead, cutoff, hold, answer int64
	var closed []time.Time
	var days []string
	var starts, ends []dispatch.TimeOfDay
	err := row.Scan(&a.ID, &a.DisplayName, &a.TimeZone, &lead, &a.HorizonDays, &cutoff, &hold, &a.PlanAt, &closed,
		&a.BookingCutoff, &a.WaitlistOrder, &answer, &a.Version, &days, &starts, &ends)
	a.Closed, a.AnswerTime = fromDates(closed), fromSeconds(answer)
	a.LeadTime, a.ChangeCutoff, a.HoldTime = fromSeconds(lead), fromSeconds(cutoff), fromSeconds(hold)
	a.Windows = windowRules(days, starts, ends)
	return a, err
}

// windowRules reads rules from arrays in parallel; weekdays come as digits.
func windowRules(days []string, starts, ends []dispatch.TimeOfDay) []dispatch.WindowRule {
	var rules []dispatch.WindowRule
	for i := range days {
		rule := dispatch.WindowRule{Start: starts[i], End: ends[i]}
		for _, digit := range days[i] {
			rule.Weekdays = append(rule.Weekdays, int(digit-'0'))
		}
		rules = append(rules, rule)
	}
	return rules
}

func planningAreaArgs(a dispatch.PlanningArea) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": a.ID, "name": a.DisplayName, "zone": a.TimeZone, "lead": toSeconds(a.LeadTime), "horizon": a.HorizonDays,
		"cutoff": toSeconds(a.ChangeCutoff), "hold": toSeconds(a.HoldTime), "plan_at": int(a.PlanAt), "closed": toDates(a.Closed), "booking_cutoff": (*int)(a.BookingCutoff),
		"waitlist_order": a.WaitlistOrder, "answer": toSeconds(a.AnswerTime), "version": a.Version,
	}
}

const getPlanningAreaSQL = `SELECT ` + planningAreaColumns + `
FROM planning_areas a WHERE a.tenant_id = @tenant AND a.id = @id`

// GetPlanningArea implements dispatch.MapTx.
func (t *tx) GetPlanningArea(ctx context.Context, id dispatch.PlanningAreaID) (dispatch.PlanningArea, error) {
	name := dispatch.PlanningArea{ID: id}.Name()
	return one(ctx, t, name, getPlanningAreaSQL, pgx.NamedArgs{"id": id}, scanPlanningArea)
}

const pagePlanningAreasSQL = `SELECT ` + planningAreaColumns + `
FROM planning_areas a WHERE a.tenant_id = @tenant AND a.id > @after
ORDER BY a.id LIMIT @limit`

// PagePlanningAreas implements dispatch.MapTx.
func (t *tx) PagePlanningAreas(ctx context.Context, page dispatch.Page) ([]dispatch.PlanningArea, string, error) {
	rows, err := many(ctx, t, pagePlanningAreasSQL, pgx.NamedArgs{"after": page.After, "limit": page.Size + 1}, scanPlanningArea)
	rows, next := cut(rows, page.Size, func(a dispatch.PlanningArea) string { return string(a.ID) })
	return rows, next, err
}

const createPlanningAreaSQL = `
INSERT INTO planning_areas (tenant_id, id, display_name, time_zone, lead_time_seconds, horizon_days,
	change_cutoff_seconds, hold_seconds, plan_at_local, closed, booking_cutoff_local,
	waitlist_order, waitlist_answer_seconds)
VALUES (@tenant, @id, @name, @zone, @lead, @horizon, @cutoff, @hold, time '00:00' + make_interval(mins => @plan_at),
	@closed, time '00:00' + make_interval(mins => @booking_cutoff), @waitlist_order, @answer)`

// CreatePlanningArea implements dispatch.MapTx.
func (t *tx) CreatePlanningArea(ctx context.Context, a dispatch.PlanningArea) error {
	if err := t.create(ctx, a.Name(), createPlanningAreaSQL, planningAreaArgs(a)); err != nil {
		return err
	}
	return t.putWindowRules(ctx, a)
}

const savePlanningAreaSQL = `
UPDATE planning_areas SET display_name = @name, time_zone = @zone, lead_time_seconds = @lead,
	horizon_days = @horizon, change_cutoff_seconds = @cutoff, hold_seconds = @hold,
	plan_at_local = time '00:00' + make_interval(mins => @plan_at), closed = @closed,
	booking_cutoff_local = time '00:00' + make_interval(mins => @booking_cutoff), waitlist_order = @waitlist_order,
	waitlist_answer_seconds = @answer, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SavePlanningArea implements dispatch.MapTx.
func (t *tx) SavePlanningArea(ctx context.Context, a dispatch.PlanningArea) error {
	if err := t.save(ctx, a.Name(), a.Version, savePlanningAreaSQL, planningAreaArgs(a)); err != nil {
		return err
	}
	return t.putWindowRules(ctx, a)
}

const clearWindowRulesSQL = `
DELETE FROM window_rules WHERE tenant_id = @tenant AND planning_area_id = @area`

const addWindowRuleSQL = `
INSERT INTO window_rules (tenant_id, planning_area_id, ordinal, weekdays, starts_local, ends_local)
VALUES (@tenant, @area, @ordinal, @weekdays,
	time '00:00' + make_interval(mins => @starts), time '00:00' + make_interval(mins => @ends))`

func (t *tx) putWindowRules(ctx context.Context, a dispatch.PlanningArea) error {
	if _, err := t.exec(ctx, clearWindowRulesSQL, pgx.NamedArgs{"area": a.ID}); err != nil {
		return err
	}
	for i, rule := range a.Windows {
		_, err := t.exec(ctx, addWindowRuleSQL, pgx.NamedArgs{
			"area": a.ID, "ordinal": i, "weekdays": rule.Weekdays, "starts": int(rule.Start), "ends": int(rule.End),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const territoryColumns = `id, planning_area_id, display_name, time_zone, boundary, version`

func scanTerritory(row pgx.CollectableRow) (dispatch.Territory, error) {
	var r dispatch.Territory
	var boundary *geom.MultiPolygon
	err := row.Scan(&r.ID, &r.PlanningArea, &r.DisplayName, &r.TimeZone, &boundary, &r.Version)
	r.Boundary = fromMultiPolygon(boundary)
	return r, err
}

func territoryArgs(r dispatch.Territory) pgx.NamedArgs {
	shape := toMultiPolygon(r.Boundary)
	box := shape.Bounds()
	return pgx.NamedArgs{
		"id": r.ID, "area": r.PlanningArea, "name": r.DisplayName, "zone": r.TimeZone, "version": r.Version,
		"boundary": shape, "west": box.Min(0), "south": box.Min(1), "east": box.Max(0), "north": box.Max(1),
	}
}

const getTerritorySQL = `SELECT ` + territoryColumns + `
FROM territories WHERE tenant_id = @tenant AND id = @id`

// GetTerritory implements dispatch.MapTx.
func (t *tx) GetTerritory(ctx context.Context, id dispatch.TerritoryID) (dispatch.Territory, error) {
	name := dispatch.Territory{ID: id}.Name()
	return one(ctx, t, name, getTerritorySQL, pgx.NamedArgs{"id": id}, scanTerritory)
}

const pageTerritoriesSQL = `SELECT ` + territoryColumns + `
FROM territories
WHERE tenant_id = @tenant AND id > @after AND (@area::text = '' OR planning_area_id = @area)
ORDER BY id LIMIT @limit`

// PageTerritories implements dispatch.MapTx.
func (t *tx) PageTerritories(ctx context.Context, area dispatch.PlanningAreaID, page dispatch.Page) ([]dispatch.Territory, string, error) {
	rows, err := narrowed(ctx, t, pageTerritoriesSQL, pgx.NamedArgs{"area": area, "after": page.After, "limit": page.Size + 1}, scanTerritory)
	rows, next := cut(rows, page.Size, func(r dispatch.Territory) string { return string(r.ID) })
	return rows, next, err
}

// The box narrows by plain numbers, since geometry operators are no index
// conditions under row-level security. A border belongs to both its sides.
const territoryAtSQL = `SELECT ` + territoryColumns + `
FROM territories
WHERE tenant_id = @tenant AND west <= @longitude AND south <= @latitude AND east >= @longitude AND north >= @latitude
	AND ST_Covers(boundary, ST_SetSRID(ST_MakePoint(@longitude, @latitude), 4326))
ORDER BY id LIMIT 1`

// TerritoryAt implements dispatch.MapTx. The antimeridian has two longitudes: a
// point on it is looked for under both.
func (t *tx) TerritoryAt(ctx context.Context, at dispatch.Point) (dispatch.Territory, bool, error) {
	longitudes := []float64{at.Longitude}
	if at.Longitude == 180 || at.Longitude == -180 {
		longitudes = append(longitudes, -at.Longitude)
	}
	for _, longitude := range longitudes {
		found, ok, err := oneOrNone(ctx, t, territoryAtSQL, pgx.NamedArgs{"longitude": longitude, "latitude": at.Latitude}, scanTerritory)
		if err != nil || ok {
			return found, ok, err
		}
	}
	return dispatch.Territory{}, false, nil
}

// The database's geometry is the second wall behind dispatch.CheckBoundary: it
// also sees polygons that overlap one another.
const boundaryIsValidSQL = `SELECT ST_IsValid(@boundary::geometry), ST_IsValidReason(@boundary::geometry)`

const createTerritorySQL = `
INSERT INTO territories (tenant_id, id, planning_area_id, display_name, time_zone, boundary, west, south, east, north)
VALUES (@tenant, @id, @area, @name, @zone, @boundary, @west, @south, @east, @north)`

// CreateTerritory implements dispatch.MapTx.
func (t *tx) CreateTerritory(ctx context.Context, r dispatch.Territory) error {
	args := territoryArgs(r)
	if err := t.checkBoundary(ctx, args); err != nil {
		return err
	}
	return t.create(ctx, r.Name(), createTerritorySQL, args)
}

const saveTerritorySQL = `
UPDATE territories SET planning_area_id = @area, display_name = @name, time_zone = @zone, boundary = @boundary,
	west = @west, south = @south, east = @east, north = @north, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveTerritory implements dispatch.MapTx.
func (t *tx) SaveTerritory(ctx context.Context, r dispatch.Territory) error {
	args := territoryArgs(r)
	if err := t.checkBoundary(ctx, args); err != nil {
		return err
	}
	return t.save(ctx, r.Name(), r.Version, saveTerritorySQL, args)
}

func (t *tx) checkBoundary(ctx context.Context, args pgx.NamedArgs) error {
	var valid bool
	var why string
	err := t.db.QueryRow(ctx, boundaryIsValidSQL, pgx.NamedArgs{"boundary": args["boundary"]}).Scan(&valid, &why)
	if sqlState(err) == pgerrcode.InternalError || (err == nil && !valid) {
		return dispatch.InvalidField(dispatch.ReasonPolygonInvalid, "territory.boundary", "it is not a valid surface: %s", why).Because(err)
	}
	return err
}

func toMultiPolygon(boundary []dispatch.Polygon) *geom.MultiPolygon {
	coords := make([][][]geom.Coord, len(boundary))
	for i, polygon := range boundary {
		coords[i] = make([][]geom.Coord, len(polygon))
		for j, ring := range polygon {
			for _, p := range ring {
				coords[i][j] = append(coords[i][j], geom.Coord{p.Longitude, p.Latitude})
			}
		}
	}
	return geom.NewMultiPolygon(geom.XY).MustSetCoords(coords).SetSRID(srid)
}

func fromMultiPolygon(shape *geom.MultiPolygon) []dispatch.Polygon {
	if shape == nil {
		return nil
	}
	boundary := make([]dispatch.Polygon, shape.NumPolygons())
	for i := range boundary {
		polygon := shape.Polygon(i)
		for j := range polygon.NumLinearRings() {
			var ring []dispatch.Point
			for _, c := range polygon.LinearRing(j).Coords() {
				ring = append(ring, dispatch.Point{Longitude: c.X(), Latitude: c.Y()})
			}
			boundary[i] = append(boundary[i], ring)
		}
	}
	return boundary
}

// fromDate turns a nullable date into the domain's, zero for null.
func fromDate(t *time.Time) dispatch.Date {
	if t == nil {
		return dispatch.Date{}
	}
	return dispatch.DateOf(*t, time.UTC)
}

// dateOrNull gives nil for the zero date.
func dateOrNull(d dispatch.Date) *time.Time {
	if d.IsZero() {
		return nil
	}
	midnight := d.UTC()
	return &midnight
}

// toDates is days as drivers want them, an empty list for none.
func toDates(days []dispatch.Date) []time.Time {
	out := make([]time.Time, len(days))
	for i, day := range days {
		out[i] = day.UTC()
	}
	return out
}

// fromDates is the other way round.
func fromDates(days []time.Time) []dispatch.Date {
	var out []dispatch.Date
	for _, day := range days {
		out = append(out, dispatch.DateOf(day, time.UTC))
	}
	return out
}

// array is a list as the database keeps it, where none is an empty one.
func array[E any](list []E) []E {
	if list == nil {
		return []E{}
	}
	return list
}
