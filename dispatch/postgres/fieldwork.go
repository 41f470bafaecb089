package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// A commitment is at most 24 hours long, so those that overlap [from, to)
// started less than a day before from: the lower bound keeps the index scan
// short.
const itinerarySQL = `SELECT ` + commitmentColumns + `
FROM commitments c
WHERE c.tenant_id = @tenant AND c.technician_id = @technician AND c.state <> 'released' AND c.kind = 'visit'
	AND c.starts_at >= @from_early AND c.starts_at < @to AND c.ends_at > @from
ORDER BY c.starts_at, c.id`

const visitsByIDSQL = `SELECT ` + visitColumns + `
FROM visits WHERE tenant_id = @tenant AND id = ANY(@ids)`

const workOrdersByIDSQL = `SELECT ` + workOrderColumns + `
FROM work_orders WHERE tenant_id = @tenant AND id = ANY(@ids)`

const appointmentsByIDSQL = `SELECT ` + appointmentColumns + `
FROM appointments WHERE tenant_id = @tenant AND id = ANY(@ids)`

// ItineraryOf implements dispatch.FieldworkTx: one statement per kind of row,
// however many visits there are.
func (t *tx) ItineraryOf(ctx context.Context, id dispatch.TechnicianID, from, to time.Time) ([]dispatch.AssignedVisit, error) {
	commitments, err := many(ctx, t, itinerarySQL, pgx.NamedArgs{
		"technician": id, "from": from, "to": to, "from_early": from.Add(-24 * time.Hour),
	}, scanCommitment)
	if err != nil || len(commitments) == 0 {
		return nil, err
	}
	visits, err := byID(ctx, t, visitsByIDSQL, idsOf(commitments, func(c dispatch.Commitment) uuid.UUID { return c.Visit.UUID }),
		scanVisit, func(v dispatch.Visit) uuid.UUID { return v.ID.UUID })
	if err != nil {
		return nil, err
	}
	out := make([]dispatch.AssignedVisit, 0, len(commitments))
	for _, c := range commitments {
		out = append(out, dispatch.AssignedVisit{Commitment: c, Visit: visits[c.Visit.UUID]})
	}
	return out, t.fillItinerary(ctx, out)
}

func (t *tx) fillItinerary(ctx context.Context, all []dispatch.AssignedVisit) error {
	orders, err := byID(ctx, t, workOrdersByIDSQL, idsOf(all, func(a dispatch.AssignedVisit) uuid.UUID { return a.Visit.WorkOrder.UUID }),
		scanWorkOrder, func(w dispatch.WorkOrder) uuid.UUID { return w.ID.UUID })
	if err != nil {
		return err
	}
	appointments, err := byID(ctx, t, appointmentsByIDSQL, idsOf(all, func(a dispatch.AssignedVisit) uuid.UUID { return a.Visit.Appointment.UUID }),
		scanAppointment, func(a dispatch.Appointment) uuid.UUID { return a.ID.UUID })
	if err != nil {
		return err
	}
	for i := range all {
		a := &all[i]
		a.WorkOrder = orders[a.Visit.WorkOrder.UUID]
		a.Window = appointments[a.Visit.Appointment.UUID].Window
		a.Asset.ID, a.Service.ID = a.WorkOrder.Asset, a.WorkOrder.Service
	}
	if err := t.fillPlaces(ctx, all); err != nil {
		return err
	}
	return t.fillPast(ctx, all)
}

const sitesByIDSQL = `SELECT ` + siteColumns + `
FROM sites e WHERE e.tenant_id = @tenant AND e.id = ANY(@ids)`

const customersByIDSQL = `SELECT ` + customerColumns + `
FROM customers e WHERE e.tenant_id = @tenant AND e.id = ANY(@ids)`

func (t *tx) fillPlaces(ctx context.Context, all []dispatch.AssignedVisit) error {
	sites, err := byID(ctx, t, sitesByIDSQL, idsOf(all, func(a dispatch.AssignedVisit) uuid.UUID { return a.WorkOrder.Site.UUID }),
		scanSite, func(s dispatch.Site) uuid.UUID { return s.ID.UUID })
	if err != nil {
		return err
	}
	customers, err := byID(ctx, t, customersByIDSQL, idsOf(all, func(a dispatch.AssignedVisit) uuid.UUID { return a.WorkOrder.Customer.UUID }),
		scanCustomer, func(c dispatch.Customer) uuid.UUID { return c.ID.UUID })
	if err != nil {
		return err
	}
	for i := range all {
		a := &all[i]
		a.Site = sites[a.WorkOrder.Site.UUID]
		c := customers[a.WorkOrder.Customer.UUID]
		a.DisplayName, a.Phone, a.Language = c.DisplayName, c.Phone, c.Language
	}
	return nil
}

// pastVisits is how many earlier visits a technician is shown.
const pastVisits = 5

const pastVisitsSQL = `
SELECT mine.id, past.*
FROM work_orders mine
CROSS JOIN LATERAL (
	SELECT v.id, v.work_order_id, v.appointment_id, v.planning_area_id, v.ordinal, v.state, v.duration_seconds,
		v.technician_id, v.en_route_at, v.arrived_at, v.started_at, v.finished_at, v.outcome, v.outcome_reason,
		v.late_told_at, v.created_at, v.version
	FROM work_orders w
	JOIN visits v ON v.tenant_id = w.tenant_id AND v.work_order_id = w.id AND v.state = 'closed'
	WHERE w.tenant_id = @tenant AND w.site_id = mine.site_id
		AND (mine.asset_id IS NULL OR w.asset_id = mine.asset_id)
		AND v.id <> ALL(@visits)
	ORDER BY v.finished_at DESC, v.id DESC
	LIMIT @limit
) past
WHERE mine.tenant_id = @tenant AND mine.id = ANY(@orders)`

func (t *tx) fillPast(ctx context.Context, all []dispatch.AssignedVisit) error {
	type pastVisit struct {
		order dispatch.WorkOrderID
		visit dispatch.Visit
	}
	past, err := many(ctx, t, pastVisitsSQL, pgx.NamedArgs{
		"orders": idsOf(all, func(a dispatch.AssignedVisit) uuid.UUID { return a.WorkOrder.ID.UUID }),
		"visits": idsOf(all, func(a dispatch.AssignedVisit) uuid.UUID { return a.Visit.ID.UUID }),
		"limit":  pastVisits,
	}, func(row pgx.CollectableRow) (pastVisit, error) {
		var p pastVisit
		v, err := scanVisit(leadingColumn{row, &p.order})
		p.visit = v
		return p, err
	})
	if err != nil {
		return err
	}
	of := map[dispatch.WorkOrderID][]dispatch.Visit{}
	for _, p := range past {
		of[p.order] = append(of[p.order], p.visit)
	}
	for i := range all {
		all[i].Past = of[all[i].WorkOrder.ID]
	}
	return nil
}

// leadingColumn scans one column before those that a row's usual scan reads.
type leadingColumn struct {
	pgx.CollectableRow
	first any
}

func (r leadingColumn) Scan(dest ...any) error {
	return r.CollectableRow.Scan(append([]any{r.first}, dest...)...)
}

// byID reads rows by their ids; those that are not there are missing from the
// map.
func byID[T any](ctx context.Context, t *tx, sql string, list []uuid.UUID, scan pgx.RowToFunc[T], key func(T) uuid.UUID) (map[uuid.UUID]T, error) {
	if len(list) == 0 {
		return nil, nil
	}
	rows, err := many(ctx, t, sql, pgx.NamedArgs{"ids": list}, scan)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]T, len(rows))
	for _, row := range rows {
		out[key(row)] = row
	}
	return out, nil
}

// idsOf collects ids, each once and none that is zero.
func idsOf[T any](list []T, id func(T) uuid.UUID) []uuid.UUID {
	out := []uuid.UUID{}
	seen := map[uuid.UUID]bool{uuid.Nil: true}
	for _, item := range list {
		if key := id(item); !seen[key] {
			seen[key] = true
			out = append(out, key)
		}
	}
	return out
}

const referralsSinceSQL = `SELECT ` + referralColumns + `
FROM referrals r
WHERE r.tenant_id = @tenant AND r.technician_id = @technician
	AND EXISTS (SELECT FROM referral_moves m
		WHERE m.tenant_id = @tenant AND m.referral_id = r.id AND m.at >= @since)
ORDER BY r.id`

// ReferralsSince implements dispatch.FieldworkTx.
func (t *tx) ReferralsSince(ctx context.Context, id dispatch.TechnicianID, since time.Time) ([]dispatch.Referral, error) {
	return many(ctx, t, referralsSinceSQL, pgx.NamedArgs{"technician": id, "since": since}, scanReferral)
}

const wasAssignedSQL = `
SELECT EXISTS (
	SELECT FROM commitments
	WHERE tenant_id = @tenant AND visit_id = @visit AND technician_id = @technician
)`

// WasAssigned implements dispatch.FieldworkTx.
func (t *tx) WasAssigned(ctx context.Context, id dispatch.VisitID, technician dispatch.TechnicianID) (bool, error) {
	return one(ctx, t, id.Name(), wasAssignedSQL, pgx.NamedArgs{"visit": id, "technician": technician}, pgx.RowTo[bool])
}

const correctPromiseSQL = `
UPDATE promises SET outcome = @outcome, judged_at = @at
WHERE tenant_id = @tenant AND appointment_id = @appointment AND ordinal = @ordinal
	AND outcome IN ('open', 'kept', 'missed') AND outcome <> @outcome`

// CorrectPromise implements dispatch.FieldworkTx.
func (t *tx) CorrectPromise(ctx context.Context, id dispatch.AppointmentID, ordinal int, outcome dispatch.PromiseOutcome, at time.Time) (bool, error) {
	changed, err := t.exec(ctx, correctPromiseSQL, pgx.NamedArgs{
		"appointment": id, "ordinal": ordinal, "outcome": outcome, "at": at,
	})
	return changed == 1, err
}
