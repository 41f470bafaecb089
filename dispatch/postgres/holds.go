package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
)

const lockHolderSQL = `SELECT pg_advisory_xact_lock(hashtextextended(@tenant::text || @holder, 0))`

// LockHolder implements dispatch.BookingTx.
func (t *tx) LockHolder(ctx context.Context, holder string) error {
	_, err := t.exec(ctx, lockHolderSQL, pgx.NamedArgs{"holder": holder})
	return err
}

const countHoldsSQL = `
SELECT count(*) FROM holds
WHERE tenant_id = @tenant AND holder = @holder AND state = 'held' AND expires_at > @at`

// CountHolds implements dispatch.BookingTx.
func (t *tx) CountHolds(ctx context.Context, holder string, at time.Time) (int, error) {
	return one(ctx, t, "", countHoldsSQL, pgx.NamedArgs{"holder": holder, "at": at}, pgx.RowTo[int])
}

const holdColumns = `h.id, h.holder, h.state, h.planning_area_id, h.service_id, h.tier_id, h.work_order_id,
	h.appointment_id, h.address, h.postal_code, h.location, h.window_start, h.window_end, h.time_zone,
	h.price_minor, h.currency, h.price_lines, h.duration_seconds, h.expires_at, h.extensions, h.version`

func scanHold(row pgx.CollectableRow) (dispatch.Hold, error) {
	var h dispatch.Hold
	var order, appointment *uuid.UUID
	var at *geom.Point
	var seconds int64
	err := row.Scan(&h.ID, &h.Holder, &h.State, &h.PlanningArea, &h.Service, &h.Tier, &order,
		&appointment, &h.Address, &h.PostalCode, &at, &h.Window.Start, &h.Window.End, &h.Window.Zone,
		&h.Price.Minor, &h.Price.Currency, &h.PriceLines, &seconds, &h.ExpiresAt, &h.Extensions, &h.Version)
	h.WorkOrder.UUID, h.Appointment.UUID = uuidOrZero(order), uuidOrZero(appointment)
	h.Location, h.Duration = fromPoint(at), fromSeconds(seconds)
	return h, err
}

const createHoldSQL = `
INSERT INTO holds (tenant_id, id, holder, state, planning_area_id, service_id, tier_id, work_order_id,
	appointment_id, address, postal_code, location, window_start, window_end, time_zone, price_minor, currency,
	price_lines, duration_seconds, expires_at, extensions)
VALUES (@tenant, @id, @holder, @state, @area, @service, @tier, @work_order,
	@appointment, @address, @postal_code, @location, @window_start, @window_end, @zone, @price, @currency,
	@price_lines, @duration, @expires, @extensions)`

// CreateHold implements dispatch.BookingTx.
func (t *tx) CreateHold(ctx context.Context, h dispatch.Hold) error {
	_, err := t.exec(ctx, createHoldSQL, pgx.NamedArgs{
		"id": h.ID, "holder": h.Holder, "state": h.State, "area": h.PlanningArea, "service": h.Service,
		"tier": h.Tier, "work_order": orNull(h.WorkOrder), "appointment": orNull(h.Appointment),
		"address": h.Address, "postal_code": h.PostalCode, "location": toPoint(h.Location),
		"window_start": h.Window.Start, "window_end": h.Window.End, "zone": h.Window.Zone,
		"price": h.Price.Minor, "currency": h.Price.Currency, "price_lines": array(h.PriceLines), "duration": toSeconds(h.Duration),
		"expires": h.ExpiresAt, "extensions": h.Extensions,
	})
	return err
}

const getHoldSQL = `SELECT ` + holdColumns + `
FROM holds h WHERE h.tenant_id = @tenant AND h.id = @id`

// GetHold implements dispatch.BookingTx.
func (t *tx) GetHold(ctx context.Context, id dispatch.HoldID) (dispatch.Hold, error) {
	return one(ctx, t, id.Name(), getHoldSQL, pgx.NamedArgs{"id": id}, scanHold)
}

const lockHoldSQL = getHoldSQL + ` FOR NO KEY UPDATE`

// LockHold implements dispatch.BookingTx.
func (t *tx) LockHold(ctx context.Context, id dispatch.HoldID) (dispatch.Hold, error) {
	return one(ctx, t, id.Name(), lockHoldSQL, pgx.NamedArgs{"id": id}, scanHold)
}

const saveHoldSQL = `
UPDATE holds SET state = @state, work_order_id = @work_order, appointment_id = @appointment,
	expires_at = @expires, extensions = @extensions, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveHold implements dispatch.BookingTx.
func (t *tx) SaveHold(ctx context.Context, h dispatch.Hold) error {
	return t.save(ctx, h.Name(), h.Version, saveHoldSQL, pgx.NamedArgs{
		"id": h.ID, "state": h.State, "work_order": orNull(h.WorkOrder), "appointment": orNull(h.Appointment),
		"expires": h.ExpiresAt, "extensions": h.Extensions, "version": h.Version,
	})
}

const lockOverdueHoldsSQL = `SELECT ` + holdColumns + `
FROM holds h
JOIN commitments c ON c.tenant_id = h.tenant_id AND c.hold_id = h.id AND c.kind = 'hold' AND c.state <> 'released'
WHERE c.tenant_id = @tenant AND c.shift_id = ANY(@shifts) AND h.state = 'held' AND h.expires_at <= @at
ORDER BY h.id
FOR NO KEY UPDATE OF h`

// LockOverdueHolds implements dispatch.BookingTx.
func (t *tx) LockOverdueHolds(ctx context.Context, shifts []dispatch.ShiftID, at time.Time) ([]dispatch.Hold, error) {
	return many(ctx, t, lockOverdueHoldsSQL, pgx.NamedArgs{"shifts": ids(shifts), "at": at}, scanHold)
}

const commitmentOfHoldSQL = `SELECT ` + commitmentColumns + `
FROM commitments c
WHERE c.tenant_id = @tenant AND c.hold_id = @hold AND c.kind = 'hold' AND c.state <> 'released'`

// CommitmentOfHold implements dispatch.BookingTx.
func (t *tx) CommitmentOfHold(ctx context.Context, id dispatch.HoldID) (dispatch.Commitment, bool, error) {
	return oneOrNone(ctx, t, commitmentOfHoldSQL, pgx.NamedArgs{"hold": id}, scanCommitment)
}

const holdOfSQL = `SELECT ` + holdColumns + `
FROM holds h WHERE h.tenant_id = @tenant AND h.appointment_id = @appointment AND h.state = 'confirmed'`

// HoldOf implements dispatch.BookingTx.
func (t *tx) HoldOf(ctx context.Context, id dispatch.AppointmentID) (dispatch.Hold, error) {
	return one(ctx, t, id.Name()+"/hold", holdOfSQL, pgx.NamedArgs{"appointment": id}, scanHold)
}

const addSlotSearchSQL = `
INSERT INTO slot_searches (tenant_id, id, at, planning_area_id, service_id, offered, no_offer_reason)
VALUES (@tenant, @id, @at, @area, @service, @offered, @reason)`

// AddSlotSearch implements dispatch.BookingTx.
func (t *tx) AddSlotSearch(ctx context.Context, s dispatch.SlotSearch) error {
	_, err := t.exec(ctx, addSlotSearchSQL, pgx.NamedArgs{
		"id": newUUID(), "at": s.At, "area": s.PlanningArea, "service": s.Service,
		"offered": s.Offered, "reason": s.NoOffer,
	})
	return err
}
