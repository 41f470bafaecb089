package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
)

const shiftColumns = `id, technician_id, planning_area_id, local_date, starts_at, ends_at, version`

func scanShift(row pgx.CollectableRow) (dispatch.Shift, error) {
	var s dispatch.Shift
	var day time.Time
	err := row.Scan(&s.ID, &s.Technician, &s.PlanningArea, &day, &s.Span.Start, &s.Span.End, &s.Version)
	s.Date = dispatch.DateOf(day, time.UTC)
	return s, err
}

// A shift is at most 24 hours long, so those that overlap [from, to) started
// less than a day before from: the lower bound keeps the index scan short.
const shiftsBetweenSQL = `SELECT ` + shiftColumns + `
FROM shifts
WHERE tenant_id = @tenant AND planning_area_id = @area
	AND local_date BETWEEN @from_day AND @to_day
	AND starts_at < @to AND ends_at > @from
ORDER BY starts_at, technician_id`

// ShiftsBetween implements dispatch.WorkTx.
func (t *tx) ShiftsBetween(ctx context.Context, area dispatch.PlanningAreaID, from, to time.Time) ([]dispatch.Shift, error) {
	return many(ctx, t, shiftsBetweenSQL, pgx.NamedArgs{
		"area": area, "from": from, "to": to,
		// Local days lie within 14 hours of UTC's; a day on either side is enough.
		"from_day": dispatch.DateOf(from, time.UTC).AddDays(-2).UTC(),
		"to_day":   dispatch.DateOf(to, time.UTC).AddDays(1).UTC(),
	}, scanShift)
}

const lockShiftsSQL = `SELECT ` + shiftColumns + `
FROM shifts WHERE tenant_id = @tenant AND id = ANY(@ids)
ORDER BY starts_at, technician_id
FOR NO KEY UPDATE`

// LockShifts implements dispatch.WorkTx.
func (t *tx) LockShifts(ctx context.Context, list []dispatch.ShiftID) ([]dispatch.Shift, error) {
	locked, err := many(ctx, t, lockShiftsSQL, pgx.NamedArgs{"ids": ids(list)}, scanShift)
	if err != nil {
		return nil, err
	}
	there := make(map[dispatch.ShiftID]bool, len(locked))
	for _, s := range locked {
		there[s.ID] = true
	}
	for _, id := range list {
		if !there[id] {
			return nil, dispatch.NotFound(id.Name())
		}
	}
	return locked, nil
}

const touchShiftsSQL = `
UPDATE shifts SET version = version + 1 WHERE tenant_id = @tenant AND id = ANY(@ids)`

// TouchShifts implements dispatch.WorkTx.
func (t *tx) TouchShifts(ctx context.Context, list []dispatch.ShiftID) error {
	_, err := t.exec(ctx, touchShiftsSQL, pgx.NamedArgs{"ids": ids(list)})
	return err
}

const commitmentColumns = `c.id, c.technician_id, c.shift_id, c.kind, c.state, c.hold_id, c.visit_id, c.absence_id,
	c.starts_at, c.ends_at, c.travel_seconds, c.pinned_by, c.overlap_allowed_by, c.version`

// commitmentRow holds what a commitment's columns are scanned into.
type commitmentRow struct {
	c                    dispatch.Commitment
	hold, visit, absence *uuid.UUID
	travel               int64
	overlap              *string
}

func (r *commitmentRow) targets() []any {
	return []any{
		&r.c.ID, &r.c.Technician, &r.c.Shift, &r.c.Kind, &r.c.State, &r.hold, &r.visit, &r.absence,
		&r.c.Span.Start, &r.c.Span.End, &r.travel, &r.c.PinnedBy, &r.overlap, &r.c.Version,
	}
}

func (r *commitmentRow) commitment() dispatch.Commitment {
	c := r.c
	c.Hold.UUID, c.Visit.UUID, c.Absence.UUID = uuidOrZero(r.hold), uuidOrZero(r.visit), uuidOrZero(r.absence)
	c.Travel = fromSeconds(r.travel)
	if r.overlap != nil {
		c.OverlapAllowedBy = *r.overlap
	}
	return c
}

func scanCommitment(row pgx.CollectableRow) (dispatch.Commitment, error) {
	var r commitmentRow
	err := row.Scan(r.targets()...)
	return r.commitment(), err
}

func commitmentArgs(c dispatch.Commitment) pgx.NamedArgs {
	var overlap *string
	if c.OverlapAllowedBy != "" {
		overlap = &c.OverlapAllowedBy
	}
	return pgx.NamedArgs{
		"id": c.ID, "technician": c.Technician, "shift": c.Shift, "kind": c.Kind, "state": c.State,
		"hold": orNull(c.Hold), "visit": orNull(c.Visit), "absence": orNull(c.Absence),
		"starts": c.Span.Start, "ends": c.Span.End, "travel": toSeconds(c.Travel), "pinned": c.PinnedBy,
		"overlap": overlap, "version": c.Version,
	}
}

const commitmentsOnSQL = `SELECT ` + commitmentColumns + `
FROM commitments c
WHERE c.tenant_id = @tenant AND c.shift_id = ANY(@shifts) AND c.state <> 'released'
ORDER BY c.shift_id, c.starts_at, c.id`

// CommitmentsOn implements dispatch.WorkTx.
func (t *tx) CommitmentsOn(ctx context.Context, shifts []dispatch.ShiftID) ([]dispatch.Commitment, error) {
	return many(ctx, t, commitmentsOnSQL, pgx.NamedArgs{"shifts": ids(shifts)}, scanCommitment)
}

// Where a stop is, and what was promised there, hangs on what made it: a hold
// carries both, a visit has them through its work order and its appointment.
const stopsOnSQL = `SELECT ` + commitmentColumns + `,
	coalesce(s.location, h.location), coalesce(v.duration_seconds, h.duration_seconds, 0),
	coalesce(a.window_start, h.window_start), coalesce(a.window_end, h.window_end),
	coalesce(a.time_zone, h.time_zone, ''), coalesce(e.id, ''), coalesce(e.spread_seconds, 0),
	coalesce(w.priority, 0), w.due_at, h.expires_at, v.arrived_at, v.started_at, v.finished_at, coalesce(v.version, 0)
FROM commitments c
LEFT JOIN holds h ON h.tenant_id = c.tenant_id AND h.id = c.hold_id AND c.kind = 'hold'
LEFT JOIN visits v ON v.tenant_id = c.tenant_id AND v.id = c.visit_id
LEFT JOIN work_orders w ON w.tenant_id = v.tenant_id AND w.id = v.work_order_id
LEFT JOIN sites s ON s.tenant_id = w.tenant_id AND s.id = w.site_id
LEFT JOIN appointments a ON a.tenant_id = v.tenant_id AND a.id = v.appointment_id
LEFT JOIN services e ON e.tenant_id = c.tenant_id AND e.id = coalesce(w.service_id, h.service_id)
WHERE c.tenant_id = @tenant AND c.shift_id = ANY(@shifts) AND c.state <> 'released'
ORDER BY c.shift_id, c.starts_at, c.id`

// StopsOn implements dispatch.WorkTx.
func (t *tx) StopsOn(ctx context.Context, shifts []dispatch.ShiftID) ([]dispatch.Stop, error) {
	return many(ctx, t, stopsOnSQL, pgx.NamedArgs{"shifts": ids(shifts)}, scanStop)
}

func scanStop(row pgx.CollectableRow) (dispatch.Stop, error) {
	var r commitmentRow
	var s dispatch.Stop
	var at *geom.Point
	var duration, spread int64
	var from, to, due, expires, arrived, started, finished *time.Time
	err := row.Scan(append(r.targets(), &at, &duration, &from, &to, &s.Window.Zone, &s.Service, &spread,
		&s.Priority, &due, &expires, &arrived, &started, &finished, &s.VisitVersion)...)
	s.Commitment = r.commitment()
	s.Location, s.Duration, s.Spread = fromPoint(at), fromSeconds(duration), fromSeconds(spread)
	s.Window.Start, s.Window.End = timeOrZero(from), timeOrZero(to)
	s.DueAt, s.ExpiresAt = timeOrZero(due), timeOrZero(expires)
	s.ArrivedAt, s.StartedAt, s.FinishedAt = timeOrZero(arrived), timeOrZero(started), timeOrZero(finished)
	return s, err
}

const commitmentOfVisitSQL = `SELECT ` + commitmentColumns + `
FROM commitments c WHERE c.tenant_id = @tenant AND c.visit_id = @visit AND c.state <> 'released'`

// CommitmentOfVisit implements dispatch.WorkTx.
func (t *tx) CommitmentOfVisit(ctx context.Context, id dispatch.VisitID) (dispatch.Commitment, bool, error) {
	return oneOrNone(ctx, t, commitmentOfVisitSQL, pgx.NamedArgs{"visit": id}, scanCommitment)
}

const createCommitmentSQL = `
INSERT INTO commitments (tenant_id, id, technician_id, shift_id, kind, state, hold_id, visit_id, absence_id,
	starts_at, ends_at, travel_seconds, pinned_by, overlap_allowed_by)
VALUES (@tenant, @id, @technician, @shift, @kind, @state, @hold, @visit, @absence,
	@starts, @ends, @travel, @pinned, @overlap)`

// CreateCommitment implements dispatch.WorkTx.
func (t *tx) CreateCommitment(ctx context.Context, c dispatch.Commitment) error {
	_, err := t.exec(ctx, createCommitmentSQL, commitmentArgs(c))
	return err
}

const saveCommitmentSQL = `
UPDATE commitments SET technician_id = @technician, shift_id = @shift, kind = @kind, state = @state,
	hold_id = @hold, visit_id = @visit, absence_id = @absence, starts_at = @starts, ends_at = @ends,
	travel_seconds = @travel, pinned_by = @pinned, overlap_allowed_by = @overlap, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveCommitment implements dispatch.WorkTx.
func (t *tx) SaveCommitment(ctx context.Context, c dispatch.Commitment) error {
	return t.save(ctx, c.ID.Name(), c.Version, saveCommitmentSQL, commitmentArgs(c))
}

const deferOverlapCheckSQL = `SET CONSTRAINTS commitments_do_not_overlap DEFERRED`

// DeferOverlapCheck implements dispatch.WorkTx.
func (t *tx) DeferOverlapCheck(ctx context.Context) error {
	_, err := t.db.Exec(ctx, deferOverlapCheckSQL)
	return err
}
