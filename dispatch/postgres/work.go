package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const workOrderColumns = `id, customer_id, site_id, asset_id, service_id, planning_area_id, state, priority,
	issue, due_at, external_reference, corrects_id, episode, opened_at, resolved_at, version`

func scanWorkOrder(row pgx.CollectableRow) (dispatch.WorkOrder, error) {
	var w dispatch.WorkOrder
	var customer, asset, corrects *uuid.UUID
	var due, resolved *time.Time
	err := row.Scan(&w.ID, &customer, &w.Site, &asset, &w.Service, &w.PlanningArea, &w.State, &w.Priority,
		&w.Issue, &due, &w.ExternalReference, &corrects, &w.Episode, &w.OpenedAt, &resolved, &w.Version)
	w.Customer.UUID, w.Asset.UUID, w.Corrects.UUID = uuidOrZero(customer), uuidOrZero(asset), uuidOrZero(corrects)
	w.DueAt, w.ResolvedAt = timeOrZero(due), timeOrZero(resolved)
	return w, err
}

func workOrderArgs(w dispatch.WorkOrder) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": w.ID, "customer": orNull(w.Customer), "site": w.Site, "asset": orNull(w.Asset),
		"service": w.Service, "area": w.PlanningArea, "state": w.State, "priority": w.Priority,
		"issue": w.Issue, "due": timeOrNull(w.DueAt), "external": w.ExternalReference,
		"corrects": orNull(w.Corrects), "episode": w.Episode, "opened": w.OpenedAt,
		"resolved": timeOrNull(w.ResolvedAt), "version": w.Version,
	}
}

const getWorkOrderSQL = `SELECT ` + workOrderColumns + `
FROM work_orders WHERE tenant_id = @tenant AND id = @id`

// GetWorkOrder implements dispatch.WorkTx.
func (t *tx) GetWorkOrder(ctx context.Context, id dispatch.WorkOrderID) (dispatch.WorkOrder, error) {
	return one(ctx, t, id.Name(), getWorkOrderSQL, pgx.NamedArgs{"id": id}, scanWorkOrder)
}

// Rows are locked FOR NO KEY UPDATE throughout: it keeps writers apart without
// standing in the way of new rows that merely refer to the locked one.
const lockWorkOrderSQL = getWorkOrderSQL + ` FOR NO KEY UPDATE`

// LockWorkOrder implements dispatch.WorkTx.
func (t *tx) LockWorkOrder(ctx context.Context, id dispatch.WorkOrderID) (dispatch.WorkOrder, error) {
	return one(ctx, t, id.Name(), lockWorkOrderSQL, pgx.NamedArgs{"id": id}, scanWorkOrder)
}

const createWorkOrderSQL = `
INSERT INTO work_orders (tenant_id, id, customer_id, site_id, asset_id, service_id, planning_area_id, state,
	priority, issue, due_at, external_reference, corrects_id, episode, opened_at, resolved_at)
VALUES (@tenant, @id, @customer, @site, @asset, @service, @area, @state,
	@priority, @issue, @due, @external, @corrects, @episode, @opened, @resolved)`

// CreateWorkOrder implements dispatch.WorkTx.
func (t *tx) CreateWorkOrder(ctx context.Context, w dispatch.WorkOrder) error {
	_, err := t.exec(ctx, createWorkOrderSQL, workOrderArgs(w))
	return err
}

const saveWorkOrderSQL = `
UPDATE work_orders SET customer_id = @customer, site_id = @site, asset_id = @asset, service_id = @service,
	planning_area_id = @area, state = @state, priority = @priority, issue = @issue, due_at = @due,
	external_reference = @external, corrects_id = @corrects, episode = @episode, opened_at = @opened,
	resolved_at = @resolved, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveWorkOrder implements dispatch.WorkTx.
func (t *tx) SaveWorkOrder(ctx context.Context, w dispatch.WorkOrder) error {
	return t.save(ctx, w.Name(), w.Version, saveWorkOrderSQL, workOrderArgs(w))
}

const visitColumns = `id, work_order_id, appointment_id, planning_area_id, ordinal, state, duration_seconds,
	technician_id, en_route_at, arrived_at, started_at, finished_at, outcome, outcome_reason, late_told_at,
	created_at, version`

func scanVisit(row pgx.CollectableRow) (dispatch.Visit, error) {
	var v dispatch.Visit
	var appointment, technician *uuid.UUID
	var seconds int64
	var enRoute, arrived, started, finished, told *time.Time
	err := row.Scan(&v.ID, &v.WorkOrder, &appointment, &v.PlanningArea, &v.Ordinal, &v.State, &seconds,
		&technician, &enRoute, &arrived, &started, &finished, &v.Outcome, &v.OutcomeReason, &told,
		&v.CreatedAt, &v.Version)
	v.Appointment.UUID, v.Technician.UUID = uuidOrZero(appointment), uuidOrZero(technician)
	v.Duration = fromSeconds(seconds)
	v.EnRouteAt, v.ArrivedAt, v.StartedAt = timeOrZero(enRoute), timeOrZero(arrived), timeOrZero(started)
	v.FinishedAt, v.LateToldAt = timeOrZero(finished), timeOrZero(told)
	return v, err
}

func visitArgs(v dispatch.Visit) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": v.ID, "work_order": v.WorkOrder, "appointment": orNull(v.Appointment), "area": v.PlanningArea,
		"ordinal": v.Ordinal, "state": v.State, "duration": toSeconds(v.Duration), "technician": orNull(v.Technician),
		"en_route": timeOrNull(v.EnRouteAt), "arrived": timeOrNull(v.ArrivedAt), "started": timeOrNull(v.StartedAt),
		"finished": timeOrNull(v.FinishedAt), "outcome": v.Outcome, "outcome_reason": v.OutcomeReason,
		"late_told": timeOrNull(v.LateToldAt), "created": v.CreatedAt, "version": v.Version,
	}
}

const getVisitSQL = `SELECT ` + visitColumns + `
FROM visits WHERE tenant_id = @tenant AND id = @id`

// GetVisit implements dispatch.WorkTx.
func (t *tx) GetVisit(ctx context.Context, id dispatch.VisitID) (dispatch.Visit, error) {
	return one(ctx, t, id.Name(), getVisitSQL, pgx.NamedArgs{"id": id}, scanVisit)
}

const lockVisitSQL = getVisitSQL + ` FOR NO KEY UPDATE`

// LockVisit implements dispatch.WorkTx.
func (t *tx) LockVisit(ctx context.Context, id dispatch.VisitID) (dispatch.Visit, error) {
	return one(ctx, t, id.Name(), lockVisitSQL, pgx.NamedArgs{"id": id}, scanVisit)
}

const createVisitSQL = `
INSERT INTO visits (tenant_id, id, work_order_id, appointment_id, planning_area_id, ordinal, state,
	duration_seconds, technician_id, en_route_at, arrived_at, started_at, finished_at, outcome,
	outcome_reason, late_told_at, created_at)
VALUES (@tenant, @id, @work_order, @appointment, @area, @ordinal, @state,
	@duration, @technician, @en_route, @arrived, @started, @finished, @outcome,
	@outcome_reason, @late_told, @created)`

// CreateVisit implements dispatch.WorkTx.
func (t *tx) CreateVisit(ctx context.Context, v dispatch.Visit) error {
	_, err := t.exec(ctx, createVisitSQL, visitArgs(v))
	return err
}

const saveVisitSQL = `
UPDATE visits SET appointment_id = @appointment, planning_area_id = @area, state = @state,
	duration_seconds = @duration, technician_id = @technician, en_route_at = @en_route, arrived_at = @arrived,
	started_at = @started, finished_at = @finished, outcome = @outcome, outcome_reason = @outcome_reason,
	late_told_at = @late_told, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveVisit implements dispatch.WorkTx.
func (t *tx) SaveVisit(ctx context.Context, v dispatch.Visit) error {
	return t.save(ctx, v.Name(), v.Version, saveVisitSQL, visitArgs(v))
}

const visitsOfSQL = `SELECT ` + visitColumns + `
FROM visits WHERE tenant_id = @tenant AND work_order_id = @work_order ORDER BY ordinal`

// VisitsOf implements dispatch.WorkTx.
func (t *tx) VisitsOf(ctx context.Context, id dispatch.WorkOrderID) ([]dispatch.Visit, error) {
	return many(ctx, t, visitsOfSQL, pgx.NamedArgs{"work_order": id}, scanVisit)
}

// save runs an update that names the version it expects and refuses when the
// row has moved on.
func (t *tx) save(ctx context.Context, name string, version int64, sql string, args pgx.NamedArgs) error {
	changed, err := t.exec(ctx, sql, args)
	if err != nil || changed == 1 {
		return err
	}
	return etagMismatch(name, version)
}
