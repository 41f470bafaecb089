package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const appointmentColumns = `id, work_order_id, customer_id, state, service_id, tier_id, window_start, window_end,
	time_zone, price_minor, currency, price_lines, promise, link_epoch, cancel_reason, booked_by, booked_at, version`

func scanAppointment(row pgx.CollectableRow) (dispatch.Appointment, error) {
	var a dispatch.Appointment
	err := row.Scan(&a.ID, &a.WorkOrder, &a.Customer, &a.State, &a.Service, &a.Tier, &a.Window.Start, &a.Window.End,
		&a.Window.Zone, &a.Price.Minor, &a.Price.Currency, &a.PriceLines, &a.Promise, &a.LinkEpoch, &a.CancelReason,
		&a.BookedBy, &a.BookedAt, &a.Version)
	return a, err
}

func appointmentArgs(a dispatch.Appointment) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": a.ID, "work_order": a.WorkOrder, "customer": a.Customer, "state": a.State, "service": a.Service,
		"tier": a.Tier, "window_start": a.Window.Start, "window_end": a.Window.End, "zone": a.Window.Zone,
		"price": a.Price.Minor, "currency": a.Price.Currency, "price_lines": array(a.PriceLines), "promise": a.Promise, "link_epoch": a.LinkEpoch,
		"cancel_reason": a.CancelReason, "booked_by": a.BookedBy, "booked_at": a.BookedAt, "version": a.Version,
	}
}

const getAppointmentSQL = `SELECT ` + appointmentColumns + `
FROM appointments WHERE tenant_id = @tenant AND id = @id`

// GetAppointment implements dispatch.WorkTx.
func (t *tx) GetAppointment(ctx context.Context, id dispatch.AppointmentID) (dispatch.Appointment, error) {
	return one(ctx, t, id.Name(), getAppointmentSQL, pgx.NamedArgs{"id": id}, scanAppointment)
}

const lockAppointmentSQL = getAppointmentSQL + ` FOR NO KEY UPDATE`

// LockAppointment implements dispatch.WorkTx.
func (t *tx) LockAppointment(ctx context.Context, id dispatch.AppointmentID) (dispatch.Appointment, error) {
	return one(ctx, t, id.Name(), lockAppointmentSQL, pgx.NamedArgs{"id": id}, scanAppointment)
}

const createAppointmentSQL = `
INSERT INTO appointments (tenant_id, id, work_order_id, customer_id, state, service_id, tier_id, window_start,
	window_end, time_zone, price_minor, currency, price_lines, promise, link_epoch, cancel_reason,
	booked_by, booked_at)
VALUES (@tenant, @id, @work_order, @customer, @state, @service, @tier, @window_start,
	@window_end, @zone, @price, @currency, @price_lines, @promise, @link_epoch, @cancel_reason,
	@booked_by, @booked_at)`

// CreateAppointment implements dispatch.WorkTx.
func (t *tx) CreateAppointment(ctx context.Context, a dispatch.Appointment) error {
	_, err := t.exec(ctx, createAppointmentSQL, appointmentArgs(a))
	return err
}

const saveAppointmentSQL = `
UPDATE appointments SET customer_id = @customer, state = @state, tier_id = @tier, window_start = @window_start,
	window_end = @window_end, time_zone = @zone, price_minor = @price, currency = @currency,
	price_lines = @price_lines, promise = @promise, link_epoch = @link_epoch, cancel_reason = @cancel_reason, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveAppointment implements dispatch.WorkTx.
func (t *tx) SaveAppointment(ctx context.Context, a dispatch.Appointment) error {
	return t.save(ctx, a.Name(), a.Version, saveAppointmentSQL, appointmentArgs(a))
}

// An appointment may have had several visits, when nobody was at home; the
// live one is the last.
const visitOfSQL = `SELECT ` + visitColumns + `
FROM visits WHERE tenant_id = @tenant AND appointment_id = @appointment
ORDER BY ordinal DESC LIMIT 1`

// VisitOf implements dispatch.WorkTx.
func (t *tx) VisitOf(ctx context.Context, id dispatch.AppointmentID) (dispatch.Visit, error) {
	return one(ctx, t, id.Name()+"/visit", visitOfSQL, pgx.NamedArgs{"appointment": id}, scanVisit)
}

const addPromiseSQL = `
INSERT INTO promises (tenant_id, appointment_id, ordinal, window_start, window_end, time_zone, wall_start,
	made_at, made_by, reason, outcome)
VALUES (@tenant, @appointment, @ordinal, @window_start, @window_end, @zone, @wall_start,
	@made_at, @made_by, @reason, @outcome)`

// AddPromise implements dispatch.WorkTx. The wall-clock start is written beside
// the instant, as our own zone database reads it today: when the law of a zone
// changes, the two disagree and a person can decide.
func (t *tx) AddPromise(ctx context.Context, p dispatch.Promise) error {
	zone, err := time.LoadLocation(p.Window.Zone)
	if err != nil {
		return fmt.Errorf("promise %d of %s: %w", p.Ordinal, p.Appointment.Name(), err)
	}
	local := p.Window.Start.In(zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
	_, err = t.exec(ctx, addPromiseSQL, pgx.NamedArgs{
		"appointment": p.Appointment, "ordinal": p.Ordinal, "window_start": p.Window.Start,
		"window_end": p.Window.End, "zone": p.Window.Zone, "wall_start": wall, "made_at": p.MadeAt,
		"made_by": p.MadeBy, "reason": p.Reason, "outcome": p.Outcome,
	})
	return err
}

const judgePromiseSQL = `
UPDATE promises SET outcome = @outcome, judged_at = @at
WHERE tenant_id = @tenant AND appointment_id = @appointment AND ordinal = @ordinal AND outcome = 'open'`

// JudgePromise implements dispatch.WorkTx.
func (t *tx) JudgePromise(ctx context.Context, id dispatch.AppointmentID, ordinal int, outcome dispatch.PromiseOutcome, at time.Time) error {
	_, err := t.exec(ctx, judgePromiseSQL, pgx.NamedArgs{
		"appointment": id, "ordinal": ordinal, "outcome": outcome, "at": at,
	})
	return err
}

const listPromisesSQL = `
SELECT appointment_id, ordinal, window_start, window_end, time_zone, made_at, made_by, reason, outcome, judged_at
FROM promises WHERE tenant_id = @tenant AND appointment_id = @appointment ORDER BY ordinal`

// ListPromises implements dispatch.WorkTx.
func (t *tx) ListPromises(ctx context.Context, id dispatch.AppointmentID) ([]dispatch.Promise, error) {
	return many(ctx, t, listPromisesSQL, pgx.NamedArgs{"appointment": id}, scanPromise)
}

func scanPromise(row pgx.CollectableRow) (dispatch.Promise, error) {
	var p dispatch.Promise
	var judged *time.Time
	err := row.Scan(&p.Appointment, &p.Ordinal, &p.Window.Start, &p.Window.End, &p.Window.Zone, &p.MadeAt,
		&p.MadeBy, &p.Reason, &p.Outcome, &judged)
	p.JudgedAt = timeOrZero(judged)
	return p, err
}
