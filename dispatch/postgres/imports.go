package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// The boxes of the territories are compared as plain numbers before geometry is,
// as in territoryAtSQL.
const territoriesAtSQL = `
SELECT coalesce(t.id, ''), coalesce(t.planning_area_id, ''), coalesce(t.time_zone, '')
FROM unnest(@longitudes::float8[], @latitudes::float8[]) WITH ORDINALITY AS p (longitude, latitude, ordinal)
LEFT JOIN LATERAL (
	SELECT r.id, r.planning_area_id, r.time_zone FROM territories r
	WHERE r.tenant_id = @tenant AND r.west <= p.longitude AND r.south <= p.latitude
		AND r.east >= p.longitude AND r.north >= p.latitude
		AND ST_Covers(r.boundary, ST_SetSRID(ST_MakePoint(p.longitude, p.latitude), 4326))
	ORDER BY r.id LIMIT 1
) t ON true
ORDER BY p.ordinal`

// TerritoriesAt implements dispatch.ImportTx.
func (t *tx) TerritoriesAt(ctx context.Context, places []dispatch.Point) ([]dispatch.Territory, error) {
	longitudes, latitudes := make([]float64, len(places)), make([]float64, len(places))
	for i, p := range places {
		longitudes[i], latitudes[i] = p.Longitude, p.Latitude
	}
	return many(ctx, t, territoriesAtSQL, pgx.NamedArgs{"longitudes": longitudes, "latitudes": latitudes},
		func(row pgx.CollectableRow) (dispatch.Territory, error) {
			var r dispatch.Territory
			err := row.Scan(&r.ID, &r.PlanningArea, &r.TimeZone)
			return r, err
		})
}

const knownReferencesSQL = `
SELECT external_reference FROM work_orders
WHERE tenant_id = @tenant AND external_reference = ANY(@references) AND external_reference <> ''`

// KnownReferences implements dispatch.ImportTx.
func (t *tx) KnownReferences(ctx context.Context, references []string) (map[string]bool, error) {
	list, err := many(ctx, t, knownReferencesSQL, pgx.NamedArgs{"references": references}, pgx.RowTo[string])
	known := make(map[string]bool, len(list))
	for _, reference := range list {
		known[reference] = true
	}
	return known, err
}

const addWorkOrdersSQL = `
INSERT INTO work_orders (tenant_id, id, site_id, service_id, planning_area_id, state, priority, issue, due_at,
	external_reference, opened_at, resolved_at)
SELECT @tenant, n.id, n.site, n.service, n.area, n.state, n.priority, n.issue, n.due, n.external, n.opened, n.resolved
FROM unnest(@ids::uuid[], @sites::uuid[], @services::text[], @areas::text[], @states::text[], @priorities::int[],
	@issues::text[], @dues::timestamptz[], @externals::text[], @openeds::timestamptz[], @resolveds::timestamptz[])
	AS n (id, site, service, area, state, priority, issue, due, external, opened, resolved)`

const addVisitsSQL = `
INSERT INTO visits (tenant_id, id, work_order_id, planning_area_id, ordinal, state, duration_seconds, created_at)
SELECT @tenant, n.id, n.work_order, n.area, n.ordinal, n.state, n.duration, n.created
FROM unnest(@ids::uuid[], @work_orders::uuid[], @areas::text[], @ordinals::int[], @states::text[],
	@durations::bigint[], @createds::timestamptz[])
	AS n (id, work_order, area, ordinal, state, duration, created)`

const publishOpenedSQL = `
INSERT INTO notices (tenant_id, id, subject, version, kind)
SELECT @tenant, n.notice, 'workOrders/' || n.id, 1, 'work_order_opened'
FROM unnest(@ids::uuid[], @notices::uuid[]) AS n (id, notice)
WHERE EXISTS (
	SELECT FROM work_orders w
	JOIN work_orders e ON e.tenant_id = w.tenant_id AND e.site_id = w.site_id AND e.service_id = w.service_id
		AND e.id <> w.id AND e.episode > 0
	WHERE w.tenant_id = @tenant AND w.id = n.id)`

// AddWork implements dispatch.ImportTx.
func (t *tx) AddWork(ctx context.Context, orders []dispatch.WorkOrder, visits []dispatch.Visit) error {
	if err := t.addWorkOrders(ctx, orders); err != nil {
		return err
	}
	return t.addVisits(ctx, visits)
}

func (t *tx) addWorkOrders(ctx context.Context, orders []dispatch.WorkOrder) error {
	n := len(orders)
	ids, sites, notices := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]uuid.UUID, n)
	services, areas, states, issues, externals := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	priorities, opened := make([]int, n), make([]time.Time, n)
	due, resolved := make([]*time.Time, n), make([]*time.Time, n)
	for i, w := range orders {
		ids[i], sites[i], notices[i] = w.ID.UUID, w.Site.UUID, newUUID()
		services[i], areas[i], states[i] = string(w.Service), string(w.PlanningArea), string(w.State)
		issues[i], externals[i], priorities[i] = w.Issue, w.ExternalReference, w.Priority
		opened[i], due[i], resolved[i] = w.OpenedAt, timeOrNull(w.DueAt), timeOrNull(w.ResolvedAt)
	}
	_, err := t.exec(ctx, addWorkOrdersSQL, pgx.NamedArgs{
		"ids": ids, "sites": sites, "services": services, "areas": areas, "states": states, "priorities": priorities,
		"issues": issues, "dues": due, "externals": externals, "openeds": opened, "resolveds": resolved,
	})
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, publishOpenedSQL, pgx.NamedArgs{"ids": ids, "notices": notices})
	return err
}

func (t *tx) addVisits(ctx context.Context, visits []dispatch.Visit) error {
	n := len(visits)
	ids, orders, areas, states := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]string, n), make([]string, n)
	ordinals, durations, created := make([]int, n), make([]int64, n), make([]time.Time, n)
	for i, v := range visits {
		ids[i], orders[i], areas[i], states[i] = v.ID.UUID, v.WorkOrder.UUID, string(v.PlanningArea), string(v.State)
		ordinals[i], durations[i], created[i] = v.Ordinal, toSeconds(v.Duration), v.CreatedAt
	}
	_, err := t.exec(ctx, addVisitsSQL, pgx.NamedArgs{
		"ids": ids, "work_orders": orders, "areas": areas, "ordinals": ordinals, "states": states,
		"durations": durations, "createds": created,
	})
	return err
}
