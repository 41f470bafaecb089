package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// Many shifts are one statement, since a company makes them by the hundred.
const createShiftsSQL = `
INSERT INTO shifts (tenant_id, id, technician_id, planning_area_id, local_date, starts_at, ends_at)
SELECT @tenant, n.id, n.technician, n.area, n.day, n.starts, n.ends
FROM unnest(@ids::uuid[], @technicians::uuid[], @areas::text[], @days::date[], @starts::timestamptz[], @ends::timestamptz[])
	AS n (id, technician, area, day, starts, ends)`

// CreateShifts implements dispatch.TechnicianTx.
func (t *tx) CreateShifts(ctx context.Context, shifts []dispatch.Shift) error {
	var ids, technicians []uuid.UUID
	var areas []string
	var days, starts, ends []time.Time
	for _, s := range shifts {
		ids, technicians = append(ids, s.ID.UUID), append(technicians, s.Technician.UUID)
		areas, days = append(areas, string(s.PlanningArea)), append(days, s.Date.UTC())
		starts, ends = append(starts, s.Span.Start), append(ends, s.Span.End)
	}
	_, err := t.exec(ctx, createShiftsSQL, pgx.NamedArgs{
		"ids": ids, "technicians": technicians, "areas": areas, "days": days, "starts": starts, "ends": ends,
	})
	if err != nil {
		return err
	}
	return t.addBreaks(ctx, shifts)
}

const addBreaksSQL = `
INSERT INTO commitments (tenant_id, id, technician_id, shift_id, kind, state, starts_at, ends_at)
SELECT @tenant, n.id, n.technician, n.shift, 'break', 'planned', n.starts, n.ends
FROM unnest(@ids::uuid[], @technicians::uuid[], @shifts::uuid[], @starts::timestamptz[], @ends::timestamptz[])
	AS n (id, technician, shift, starts, ends)`

func (t *tx) addBreaks(ctx context.Context, shifts []dispatch.Shift) error {
	var ids, technicians, of []uuid.UUID
	var starts, ends []time.Time
	for _, s := range shifts {
		for _, pause := range s.Breaks {
			ids, technicians, of = append(ids, newUUID()), append(technicians, s.Technician.UUID), append(of, s.ID.UUID)
			starts, ends = append(starts, pause.Start), append(ends, pause.End)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := t.exec(ctx, addBreaksSQL, pgx.NamedArgs{
		"ids": ids, "technicians": technicians, "shifts": of, "starts": starts, "ends": ends,
	})
	return err
}

// A shift is at most 24 hours long: the lower bound keeps the index scan short.
const firstShiftClashSQL = `
SELECT n.ordinal - 1
FROM unnest(@ids::uuid[], @technicians::uuid[], @starts::timestamptz[], @ends::timestamptz[])
	WITH ORDINALITY AS n (id, technician, starts, ends, ordinal)
WHERE EXISTS (
	SELECT FROM shifts s
	WHERE s.tenant_id = @tenant AND s.technician_id = n.technician AND s.id <> n.id
		AND s.starts_at > n.starts - interval '24 hours' AND s.starts_at < n.ends AND s.ends_at > n.starts)
ORDER BY n.ordinal LIMIT 1`

// FirstShiftClash implements dispatch.TechnicianTx.
func (t *tx) FirstShiftClash(ctx context.Context, shifts []dispatch.Shift) (int, bool, error) {
	var ids, technicians []uuid.UUID
	var starts, ends []time.Time
	for _, s := range shifts {
		ids, technicians = append(ids, s.ID.UUID), append(technicians, s.Technician.UUID)
		starts, ends = append(starts, s.Span.Start), append(ends, s.Span.End)
	}
	return oneOrNone(ctx, t, firstShiftClashSQL, pgx.NamedArgs{
		"ids": ids, "technicians": technicians, "starts": starts, "ends": ends,
	}, pgx.RowTo[int])
}

// The breaks come as arrays in parallel, so that a shift is one row.
const shiftWithBreaksColumns = `s.id, s.technician_id, s.planning_area_id, s.local_date, s.starts_at, s.ends_at, s.version,
	ARRAY(SELECT c.starts_at FROM commitments c WHERE c.tenant_id = s.tenant_id AND c.shift_id = s.id
		AND c.kind = 'break' AND c.state <> 'released' ORDER BY c.starts_at),
	ARRAY(SELECT c.ends_at FROM commitments c WHERE c.tenant_id = s.tenant_id AND c.shift_id = s.id
		AND c.kind = 'break' AND c.state <> 'released' ORDER BY c.starts_at)`

func scanShiftWithBreaks(row pgx.CollectableRow) (dispatch.Shift, error) {
	var s dispatch.Shift
	var day time.Time
	var starts, ends []time.Time
	err := row.Scan(&s.ID, &s.Technician, &s.PlanningArea, &day, &s.Span.Start, &s.Span.End, &s.Version, &starts, &ends)
	s.Date = dispatch.DateOf(day, time.UTC)
	for i := range starts {
		s.Breaks = append(s.Breaks, dispatch.Span{Start: starts[i], End: ends[i]})
	}
	return s, err
}

const getShiftSQL = `SELECT ` + shiftWithBreaksColumns + `
FROM shifts s WHERE s.tenant_id = @tenant AND s.id = @id`

// GetShift implements dispatch.TechnicianTx.
func (t *tx) GetShift(ctx context.Context, id dispatch.ShiftID) (dispatch.Shift, error) {
	return one(ctx, t, id.Name(), getShiftSQL, pgx.NamedArgs{"id": id}, scanShiftWithBreaks)
}

const pageShiftsSQL = `SELECT ` + shiftWithBreaksColumns + `
FROM shifts s
WHERE s.tenant_id = @tenant AND s.local_date >= @from AND s.local_date < @to
	AND (@area::text = '' OR s.planning_area_id = @area)
	AND (@technician::uuid IS NULL OR s.technician_id = @technician)
	AND (s.starts_at, s.id) > (@after_start::timestamptz, @after_id::uuid)
ORDER BY s.starts_at, s.id LIMIT @limit`

// PageShifts implements dispatch.TechnicianTx.
func (t *tx) PageShifts(ctx context.Context, filter dispatch.ShiftFilter, page dispatch.Page) ([]dispatch.Shift, string, error) {
	start, id, err := timeAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, pageShiftsSQL, pgx.NamedArgs{
		"from": filter.From.UTC(), "to": filter.To.UTC(), "area": filter.PlanningArea,
		"technician": orNull(filter.Technician), "after_start": start, "after_id": id, "limit": page.Size + 1,
	}, scanShiftWithBreaks)
	rows, next := cut(rows, page.Size, func(s dispatch.Shift) string { return timeKey(s.Span.Start, s.ID.UUID) })
	return rows, next, err
}

const saveShiftSQL = `
UPDATE shifts SET planning_area_id = @area, local_date = @day, starts_at = @starts, ends_at = @ends, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

const clearBreaksSQL = `
DELETE FROM commitments WHERE tenant_id = @tenant AND shift_id = @shift AND kind = 'break'`

// SaveShift implements dispatch.TechnicianTx.
func (t *tx) SaveShift(ctx context.Context, s dispatch.Shift) error {
	err := t.save(ctx, s.Name(), s.Version, saveShiftSQL, pgx.NamedArgs{
		"id": s.ID, "area": s.PlanningArea, "day": s.Date.UTC(), "starts": s.Span.Start, "ends": s.Span.End, "version": s.Version,
	})
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, clearBreaksSQL, pgx.NamedArgs{"shift": s.ID}); err != nil {
		return err
	}
	return t.addBreaks(ctx, []dispatch.Shift{s})
}

const clearShiftSQL = `
DELETE FROM commitments WHERE tenant_id = @tenant AND shift_id = @shift AND kind IN ('break', 'absence')`

const deleteShiftSQL = `
DELETE FROM shifts WHERE tenant_id = @tenant AND id = @shift`

// DeleteShift implements dispatch.TechnicianTx.
func (t *tx) DeleteShift(ctx context.Context, id dispatch.ShiftID) error {
	args := pgx.NamedArgs{"shift": id}
	if _, err := t.exec(ctx, clearShiftSQL, args); err != nil {
		return err
	}
	deleted, err := t.exec(ctx, deleteShiftSQL, args)
	if sqlState(err) == pgerrcode.ForeignKeyViolation {
		return dispatch.Refuse(dispatch.ReasonResourceInUse, id.Name(), "visits or plans of the past refer to it").Because(err)
	}
	if err == nil && deleted == 0 {
		return dispatch.NotFound(id.Name())
	}
	return err
}

const shiftsOfSQL = `SELECT ` + shiftColumns + `
FROM shifts
WHERE tenant_id = @tenant AND technician_id = @technician
	AND starts_at > @from::timestamptz - interval '24 hours' AND starts_at < @to AND ends_at > @from
ORDER BY starts_at`

// ShiftsOf implements dispatch.TechnicianTx.
func (t *tx) ShiftsOf(ctx context.Context, id dispatch.TechnicianID, from, to time.Time) ([]dispatch.Shift, error) {
	return many(ctx, t, shiftsOfSQL, pgx.NamedArgs{"technician": id, "from": from, "to": to}, scanShift)
}

const absenceColumns = `b.id, b.technician_id, b.starts_at, b.ends_at, b.reason, b.cancelled, b.version,
	ARRAY(SELECT a.id FROM absence_visits x
		JOIN visits v ON v.tenant_id = x.tenant_id AND v.id = x.visit_id
		JOIN appointments a ON a.tenant_id = v.tenant_id AND a.id = v.appointment_id AND a.state = 'confirmed'
		WHERE x.tenant_id = b.tenant_id AND x.absence_id = b.id ORDER BY a.id)`

func scanAbsence(row pgx.CollectableRow) (dispatch.Absence, error) {
	var a dispatch.Absence
	var affected []uuid.UUID
	err := row.Scan(&a.ID, &a.Technician, &a.Span.Start, &a.Span.End, &a.Reason, &a.Cancelled, &a.Version, &affected)
	for _, id := range affected {
		a.Affected = append(a.Affected, dispatch.AppointmentID{UUID: id})
	}
	return a, err
}

func absenceArgs(a dispatch.Absence) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": a.ID, "technician": a.Technician, "starts": a.Span.Start, "ends": a.Span.End,
		"reason": a.Reason, "cancelled": a.Cancelled, "version": a.Version,
	}
}

const createAbsenceSQL = `
INSERT INTO absences (tenant_id, id, technician_id, starts_at, ends_at, reason, cancelled)
VALUES (@tenant, @id, @technician, @starts, @ends, @reason, @cancelled)`

// CreateAbsence implements dispatch.TechnicianTx.
func (t *tx) CreateAbsence(ctx context.Context, a dispatch.Absence) error {
	return t.create(ctx, a.Name(), createAbsenceSQL, absenceArgs(a))
}

const getAbsenceSQL = `SELECT ` + absenceColumns + `
FROM absences b WHERE b.tenant_id = @tenant AND b.id = @id`

// GetAbsence implements dispatch.TechnicianTx.
func (t *tx) GetAbsence(ctx context.Context, id dispatch.AbsenceID) (dispatch.Absence, error) {
	return one(ctx, t, id.Name(), getAbsenceSQL, pgx.NamedArgs{"id": id}, scanAbsence)
}

const getAbsencesSQL = `SELECT ` + absenceColumns + `
FROM absences b WHERE b.tenant_id = @tenant AND b.id = ANY(@ids)
ORDER BY b.id`

// GetAbsences implements dispatch.TechnicianTx.
func (t *tx) GetAbsences(ctx context.Context, list []dispatch.AbsenceID) ([]dispatch.Absence, error) {
	return many(ctx, t, getAbsencesSQL, pgx.NamedArgs{"ids": ids(list)}, scanAbsence)
}

const pageAbsencesSQL = `SELECT ` + absenceColumns + `
FROM absences b
WHERE b.tenant_id = @tenant AND (@technician::uuid IS NULL OR b.technician_id = @technician)
	AND (@from::timestamptz IS NULL OR b.ends_at > @from) AND (@to::timestamptz IS NULL OR b.starts_at < @to)
	AND (b.starts_at, b.id) > (@after_start::timestamptz, @after_id::uuid)
ORDER BY b.starts_at, b.id LIMIT @limit`

// PageAbsences implements dispatch.TechnicianTx.
func (t *tx) PageAbsences(ctx context.Context, filter dispatch.AbsenceFilter, page dispatch.Page) ([]dispatch.Absence, string, error) {
	start, id, err := timeAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, pageAbsencesSQL, pgx.NamedArgs{
		"technician": orNull(filter.Technician), "from": timeOrNull(filter.Period.Start), "to": timeOrNull(filter.Period.End),
		"after_start": start, "after_id": id, "limit": page.Size + 1,
	}, scanAbsence)
	rows, next := cut(rows, page.Size, func(a dispatch.Absence) string { return timeKey(a.Span.Start, a.ID.UUID) })
	return rows, next, err
}

const saveAbsenceSQL = `
UPDATE absences SET starts_at = @starts, ends_at = @ends, reason = @reason, cancelled = @cancelled, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveAbsence implements dispatch.TechnicianTx.
func (t *tx) SaveAbsence(ctx context.Context, a dispatch.Absence) error {
	return t.save(ctx, a.Name(), a.Version, saveAbsenceSQL, absenceArgs(a))
}

// What an absence affects is not asked here: shifts are fitted around its time.
const absencesOfSQL = `
SELECT b.id, b.technician_id, b.starts_at, b.ends_at, b.reason, b.cancelled, b.version, '{}'::uuid[]
FROM absences b
WHERE b.tenant_id = @tenant AND b.technician_id = ANY(@technicians) AND NOT b.cancelled
	AND b.starts_at < @to AND b.ends_at > @from
ORDER BY b.starts_at, b.id`

// AbsencesOf implements dispatch.TechnicianTx.
func (t *tx) AbsencesOf(ctx context.Context, technicians []dispatch.TechnicianID, from, to time.Time) ([]dispatch.Absence, error) {
	return many(ctx, t, absencesOfSQL, pgx.NamedArgs{"technicians": ids(technicians), "from": from, "to": to}, scanAbsence)
}

const noteDisplacedSQL = `
INSERT INTO absence_visits (tenant_id, absence_id, visit_id) VALUES (@tenant, @absence, @visit)
ON CONFLICT DO NOTHING`

// NoteDisplaced implements dispatch.TechnicianTx.
func (t *tx) NoteDisplaced(ctx context.Context, absence dispatch.AbsenceID, visit dispatch.VisitID) error {
	_, err := t.exec(ctx, noteDisplacedSQL, pgx.NamedArgs{"absence": absence, "visit": visit})
	return err
}

const releaseAbsenceSQL = `
UPDATE commitments SET state = 'released', version = version + 1
WHERE tenant_id = @tenant AND absence_id = @absence AND state <> 'released'`

// ReleaseAbsence implements dispatch.TechnicianTx.
func (t *tx) ReleaseAbsence(ctx context.Context, id dispatch.AbsenceID) error {
	_, err := t.exec(ctx, releaseAbsenceSQL, pgx.NamedArgs{"absence": id})
	return err
}
