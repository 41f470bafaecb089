package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
)

// A condition whose argument is null or empty does not narrow.
const listWorkOrdersSQL = `SELECT ` + workOrderColumns + ` FROM work_orders
WHERE tenant_id = @tenant AND id > @after
	AND (@state = '' OR state = @state)
	AND (@area = '' OR planning_area_id = @area)
	AND (@site::uuid IS NULL OR site_id = @site)
	AND (@customer::uuid IS NULL OR customer_id = @customer)
	AND (@service = '' OR service_id = @service)
	AND (@external = '' OR external_reference = @external)
	AND (@priority = 0 OR priority <= @priority)
	AND (@opened_from::timestamptz IS NULL OR opened_at >= @opened_from)
	AND (@opened_to::timestamptz IS NULL OR opened_at < @opened_to)
	AND (@due_from::timestamptz IS NULL OR due_at >= @due_from)
	AND (@due_to::timestamptz IS NULL OR due_at < @due_to)
ORDER BY id
LIMIT @limit`

// ListWorkOrders implements dispatch.PlanningTx.
func (t *tx) ListWorkOrders(ctx context.Context, f dispatch.WorkOrderFilter, page dispatch.Page) ([]dispatch.WorkOrder, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	orders, err := narrowed(ctx, t, listWorkOrdersSQL, pgx.NamedArgs{
		"after": after, "limit": page.Size + 1, "state": f.State, "area": f.PlanningArea, "site": orNull(f.Site),
		"customer": orNull(f.Customer), "service": f.Service, "external": f.ExternalReference, "priority": f.MostPriority,
		"opened_from": timeOrNull(f.Opened.Start), "opened_to": timeOrNull(f.Opened.End),
		"due_from": timeOrNull(f.Due.Start), "due_to": timeOrNull(f.Due.End),
	}, scanWorkOrder)
	if err != nil {
		return nil, "", err
	}
	orders, next := cut(orders, page.Size, func(w dispatch.WorkOrder) string { return w.ID.String() })
	return orders, next, nil
}

const listedVisitColumns = `
SELECT v.id, v.work_order_id, v.appointment_id, v.planning_area_id, v.ordinal, v.state, v.duration_seconds,
	v.technician_id, v.en_route_at, v.arrived_at, v.started_at, v.finished_at, v.outcome, v.outcome_reason,
	v.late_told_at, v.created_at, v.version,
	a.window_start, a.window_end, coalesce(a.time_zone, ''), a.customer_id, w.service_id, w.priority,
	s.id, s.address, s.postal_code, s.location, s.time_zone, coalesce(s.territory_id, ''), s.access_notes, s.version,
	c.id, c.technician_id, c.shift_id, c.state, c.starts_at, c.ends_at, c.travel_seconds, c.pinned_by
FROM visits v
JOIN work_orders w ON w.tenant_id = v.tenant_id AND w.id = v.work_order_id
JOIN sites s ON s.tenant_id = w.tenant_id AND s.id = w.site_id
LEFT JOIN appointments a ON a.tenant_id = v.tenant_id AND a.id = v.appointment_id
LEFT JOIN commitments c ON c.tenant_id = v.tenant_id AND c.visit_id = v.id AND c.state <> 'released'`

const listVisitsSQL = listedVisitColumns + visitConditions

// Whose a visit is stands in it once it has begun, and before in its commitment:
// both ways lead through an index to the visits of one technician.
const listVisitsOfTechnicianSQL = listedVisitColumns + `
JOIN (
	SELECT id FROM visits WHERE tenant_id = @tenant AND technician_id = @technician
	UNION
	SELECT visit_id FROM commitments
	WHERE tenant_id = @tenant AND technician_id = @technician AND visit_id IS NOT NULL AND state <> 'released'
) own ON own.id = v.id AND coalesce(v.technician_id, c.technician_id) = @technician` + visitConditions

const visitConditions = `
WHERE v.tenant_id = @tenant AND v.id > @after
	AND (@state = '' OR v.state = @state)
	AND (@outcome = '' OR v.outcome = @outcome)
	AND (@area = '' OR v.planning_area_id = @area)
	AND (@order::uuid IS NULL OR v.work_order_id = @order)
	AND (@appointment::uuid IS NULL OR v.appointment_id = @appointment)
ORDER BY v.id
LIMIT @limit`

// ListVisits implements dispatch.PlanningTx.
func (t *tx) ListVisits(ctx context.Context, f dispatch.VisitFilter, page dispatch.Page) ([]dispatch.ListedVisit, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	args := pgx.NamedArgs{
		"after": after, "limit": page.Size + 1, "state": f.State, "outcome": f.Outcome, "area": f.PlanningArea,
		"order": orNull(f.WorkOrder), "appointment": orNull(f.Appointment),
	}
	sql := listVisitsSQL
	if !f.Technician.IsZero() {
		sql, args["technician"] = listVisitsOfTechnicianSQL, f.Technician
	}
	visits, err := narrowed(ctx, t, sql, args, scanListedVisit)
	if err != nil {
		return nil, "", err
	}
	visits, next := cut(visits, page.Size, func(v dispatch.ListedVisit) string { return v.ID.String() })
	return visits, next, nil
}

const getListedVisitsSQL = listedVisitColumns + `
WHERE v.tenant_id = @tenant AND v.id = ANY(@ids)
ORDER BY v.id`

// GetListedVisits implements dispatch.PlanningTx.
func (t *tx) GetListedVisits(ctx context.Context, list []dispatch.VisitID) ([]dispatch.ListedVisit, error) {
	return many(ctx, t, getListedVisitsSQL, pgx.NamedArgs{"ids": ids(list)}, scanListedVisit)
}

func scanListedVisit(row pgx.CollectableRow) (dispatch.ListedVisit, error) {
	var v dispatch.ListedVisit
	var appointment, promisee, technician, commitment, planned, shift *uuid.UUID
	var seconds int64
	var at *geom.Point
	var travel *int64
	var state, pinned *string
	var enRoute, arrived, started, finished, told, from, to, starts, ends *time.Time
	err := row.Scan(&v.ID, &v.WorkOrder, &appointment, &v.PlanningArea, &v.Ordinal, &v.State, &seconds,
		&technician, &enRoute, &arrived, &started, &finished, &v.Outcome, &v.OutcomeReason, &told, &v.CreatedAt, &v.Version,
		&from, &to, &v.Window.Zone, &promisee, &v.Service, &v.Priority,
		&v.Site.ID, &v.Site.Address, &v.Site.PostalCode, &at, &v.Site.TimeZone, &v.Site.Territory, &v.Site.AccessNotes, &v.Site.Version,
		&commitment, &planned, &shift, &state, &starts, &ends, &travel, &pinned)
	v.Appointment.UUID, v.Technician.UUID = uuidOrZero(appointment), uuidOrZero(technician)
	v.Promisee.UUID = uuidOrZero(promisee)
	v.Duration, v.Site.Location = fromSeconds(seconds), fromPoint(at)
	v.EnRouteAt, v.ArrivedAt, v.StartedAt = timeOrZero(enRoute), timeOrZero(arrived), timeOrZero(started)
	v.FinishedAt, v.LateToldAt = timeOrZero(finished), timeOrZero(told)
	v.Window.Start, v.Window.End = timeOrZero(from), timeOrZero(to)
	if commitment != nil && err == nil {
		v.Planned = dispatch.Commitment{
			ID: dispatch.CommitmentID{UUID: *commitment}, Technician: dispatch.TechnicianID{UUID: *planned},
			Shift: dispatch.ShiftID{UUID: *shift}, Kind: dispatch.CommitmentVisit, State: dispatch.CommitmentState(*state),
			Visit: v.ID, Span: dispatch.Span{Start: *starts, End: *ends}, Travel: fromSeconds(*travel), PinnedBy: *pinned,
		}
	}
	return v, err
}

const lastFixesSQL = `SELECT DISTINCT ON (work_order_id) ` + fixColumns + `
FROM fix_episodes WHERE tenant_id = @tenant AND work_order_id = ANY(@orders)
ORDER BY work_order_id, episode DESC`

// LastFixes implements dispatch.PlanningTx.
func (t *tx) LastFixes(ctx context.Context, orders []dispatch.WorkOrderID) (map[dispatch.WorkOrderID]dispatch.FixEpisode, error) {
	episodes, err := many(ctx, t, lastFixesSQL, pgx.NamedArgs{"orders": ids(orders)}, scanFix)
	last := map[dispatch.WorkOrderID]dispatch.FixEpisode{}
	for _, e := range episodes {
		last[e.WorkOrder] = e
	}
	return last, err
}
