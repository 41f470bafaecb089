package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// An entry comes with its latest offer, and that with what its hold keeps.
const waitlistSQL = `
SELECT e.id, e.planning_area_id, e.customer_id, e.work_order_id, e.appointment_id, e.service_id, e.tier_id, e.price_minor,
	e.currency, e.first_day, e.end_day, e.state, e.lapses, e.joined_at, e.joined_by, e.version, ` + waitlistOfferColumns + `
FROM waitlist_entries e
LEFT JOIN LATERAL (
	SELECT * FROM waitlist_offers l WHERE l.tenant_id = e.tenant_id AND l.entry_id = e.id ORDER BY l.ordinal DESC LIMIT 1
) o ON true
LEFT JOIN holds h ON h.tenant_id = o.tenant_id AND h.id = o.hold_id
WHERE e.tenant_id = @tenant`

const waitlistOfferColumns = `o.entry_id, o.ordinal, o.hold_id, o.outcome, o.offered_at, o.answered_at,
	h.window_start, h.window_end, h.time_zone, h.price_minor, h.currency, h.price_lines, h.expires_at`

// waitlistOfferRow is an offer's columns, all NULL where there is none.
type waitlistOfferRow struct {
	entry, hold                               *uuid.UUID
	ordinal                                   *int
	outcome, zone, currency                   *string
	offered, answered, start, end, expiration *time.Time
	minor                                     *int64
	lines                                     []dispatch.PriceLine
}

func (r *waitlistOfferRow) targets() []any {
	return []any{
		&r.entry, &r.ordinal, &r.hold, &r.outcome, &r.offered, &r.answered,
		&r.start, &r.end, &r.zone, &r.minor, &r.currency, &r.lines, &r.expiration,
	}
}

func (r *waitlistOfferRow) offer() *dispatch.WaitlistOffer {
	if r.entry == nil {
		return nil
	}
	return &dispatch.WaitlistOffer{
		Entry: dispatch.WaitlistEntryID{UUID: *r.entry}, Ordinal: *r.ordinal, Hold: dispatch.HoldID{UUID: *r.hold},
		Outcome: dispatch.WaitlistOutcome(*r.outcome), OfferedAt: *r.offered, AnsweredAt: timeOrZero(r.answered),
		Window: dispatch.Window{Span: dispatch.Span{Start: *r.start, End: *r.end}, Zone: *r.zone},
		Price:  dispatch.Money{Minor: *r.minor, Currency: *r.currency}, PriceLines: r.lines, ExpiresAt: *r.expiration,
	}
}

func scanWaitlistEntry(row pgx.CollectableRow) (dispatch.WaitlistEntry, error) {
	var e dispatch.WaitlistEntry
	var appointment *uuid.UUID
	var first, end time.Time
	var offer waitlistOfferRow
	err := row.Scan(append([]any{
		&e.ID, &e.PlanningArea, &e.Customer, &e.WorkOrder, &appointment, &e.Service, &e.Tier, &e.Price.Minor,
		&e.Price.Currency, &first, &end, &e.State, &e.Lapses, &e.JoinedAt, &e.JoinedBy, &e.Version,
	}, offer.targets()...)...)
	e.Appointment.UUID = uuidOrZero(appointment)
	e.From, e.Until = dispatch.DateOf(first, time.UTC), dispatch.DateOf(end, time.UTC)
	e.Offer = offer.offer()
	return e, err
}

const createWaitlistEntrySQL = `
INSERT INTO waitlist_entries (tenant_id, id, planning_area_id, customer_id, work_order_id, appointment_id, service_id,
	tier_id, price_minor, currency, first_day, end_day, state, joined_at, joined_by)
VALUES (@tenant, @id, @area, @customer, @work_order, @appointment, @service,
	@tier, @price, @currency, @first, @end, @state, @joined_at, @joined_by)`

// CreateWaitlistEntry implements dispatch.WaitlistTx.
func (t *tx) CreateWaitlistEntry(ctx context.Context, e dispatch.WaitlistEntry) error {
	return t.create(ctx, e.Name(), createWaitlistEntrySQL, pgx.NamedArgs{
		"id": e.ID, "area": e.PlanningArea, "customer": e.Customer, "work_order": e.WorkOrder, "appointment": orNull(e.Appointment),
		"service": e.Service, "tier": e.Tier, "price": e.Price.Minor, "currency": e.Price.Currency, "first": e.From.UTC(),
		"end": e.Until.UTC(), "state": e.State, "joined_at": e.JoinedAt, "joined_by": e.JoinedBy,
	})
}

const getWaitlistEntrySQL = waitlistSQL + ` AND e.id = @id`

// GetWaitlistEntry implements dispatch.WaitlistTx.
func (t *tx) GetWaitlistEntry(ctx context.Context, id dispatch.WaitlistEntryID) (dispatch.WaitlistEntry, error) {
	return one(ctx, t, id.Name(), getWaitlistEntrySQL, pgx.NamedArgs{"id": id}, scanWaitlistEntry)
}

const saveWaitlistEntrySQL = `
UPDATE waitlist_entries SET state = @state, lapses = @lapses, appointment_id = @appointment, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveWaitlistEntry implements dispatch.WaitlistTx.
func (t *tx) SaveWaitlistEntry(ctx context.Context, e dispatch.WaitlistEntry) error {
	return t.save(ctx, e.Name(), e.Version, saveWaitlistEntrySQL, pgx.NamedArgs{
		"id": e.ID, "state": e.State, "lapses": e.Lapses, "appointment": orNull(e.Appointment), "version": e.Version,
	})
}

const pageWaitlistEntriesSQL = waitlistSQL + `
	AND e.id > @after
	AND (@state = '' OR e.state = @state)
	AND (@area = '' OR e.planning_area_id = @area)
	AND (@customer::uuid IS NULL OR e.customer_id = @customer)
	AND (@work_order::uuid IS NULL OR e.work_order_id = @work_order)
	AND (@appointment::uuid IS NULL OR e.appointment_id = @appointment)
ORDER BY e.id
LIMIT @limit`

// PageWaitlistEntries implements dispatch.WaitlistTx.
func (t *tx) PageWaitlistEntries(ctx context.Context, f dispatch.WaitlistFilter, page dispatch.Page) ([]dispatch.WaitlistEntry, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, pageWaitlistEntriesSQL, pgx.NamedArgs{
		"after": after, "state": f.State, "area": f.PlanningArea, "customer": orNull(f.Customer), "work_order": orNull(f.WorkOrder),
		"appointment": orNull(f.Appointment), "limit": page.Size + 1,
	}, scanWaitlistEntry)
	rows, next := cut(rows, page.Size, func(e dispatch.WaitlistEntry) string { return e.ID.String() })
	return rows, next, err
}

const openWaitlistSQL = waitlistSQL + `
	AND e.planning_area_id = @area AND e.state IN ('waiting', 'offered')
ORDER BY CASE WHEN @order = 'price' THEN -e.price_minor ELSE 0 END, e.joined_at, e.id`

// OpenWaitlist implements dispatch.WaitlistTx.
func (t *tx) OpenWaitlist(ctx context.Context, area dispatch.PlanningAreaID, order dispatch.WaitlistOrder) ([]dispatch.WaitlistEntry, error) {
	return many(ctx, t, openWaitlistSQL, pgx.NamedArgs{"area": area, "order": order}, scanWaitlistEntry)
}

const waitsForSQL = waitlistSQL + `
	AND e.customer_id = @customer AND e.service_id = @service AND e.state IN ('waiting', 'offered')
	AND EXISTS (SELECT 1 FROM work_orders w WHERE w.tenant_id = e.tenant_id AND w.id = e.work_order_id AND w.site_id = @site)
LIMIT 1`

// WaitsFor implements dispatch.WaitlistTx.
func (t *tx) WaitsFor(ctx context.Context, customer dispatch.CustomerID, site dispatch.SiteID, service dispatch.ServiceID) (dispatch.WaitlistEntry, bool, error) {
	return oneOrNone(ctx, t, waitsForSQL, pgx.NamedArgs{"customer": customer, "site": site, "service": service}, scanWaitlistEntry)
}

const waitedForSQL = `
SELECT s.planning_area_id FROM shifts s
WHERE s.tenant_id = @tenant AND s.id = @shift AND EXISTS (
	SELECT 1 FROM waitlist_entries e
	WHERE e.tenant_id = s.tenant_id AND e.planning_area_id = s.planning_area_id AND e.state IN ('waiting', 'offered'))`

// WaitedFor implements dispatch.WaitlistTx.
func (t *tx) WaitedFor(ctx context.Context, shift dispatch.ShiftID) (dispatch.PlanningAreaID, bool, error) {
	return oneOrNone(ctx, t, waitedForSQL, pgx.NamedArgs{"shift": shift}, pgx.RowTo[dispatch.PlanningAreaID])
}

const addWaitlistOfferSQL = `
INSERT INTO waitlist_offers (tenant_id, entry_id, ordinal, hold_id, outcome, offered_at)
VALUES (@tenant, @entry, @ordinal, @hold, @outcome, @offered)`

// AddWaitlistOffer implements dispatch.WaitlistTx.
func (t *tx) AddWaitlistOffer(ctx context.Context, o dispatch.WaitlistOffer) error {
	_, err := t.exec(ctx, addWaitlistOfferSQL, pgx.NamedArgs{
		"entry": o.Entry, "ordinal": o.Ordinal, "hold": o.Hold, "outcome": o.Outcome, "offered": o.OfferedAt,
	})
	return err
}

const judgeWaitlistOfferSQL = `
UPDATE waitlist_offers SET outcome = @outcome, answered_at = @answered
WHERE tenant_id = @tenant AND entry_id = @entry AND ordinal = @ordinal AND outcome = 'open'`

// JudgeWaitlistOffer implements dispatch.WaitlistTx.
func (t *tx) JudgeWaitlistOffer(ctx context.Context, o dispatch.WaitlistOffer) error {
	_, err := t.exec(ctx, judgeWaitlistOfferSQL, pgx.NamedArgs{
		"entry": o.Entry, "ordinal": o.Ordinal, "outcome": o.Outcome, "answered": o.AnsweredAt,
	})
	return err
}

const waitlistOffersOfSQL = `SELECT ` + waitlistOfferColumns + `
FROM waitlist_offers o
JOIN holds h ON h.tenant_id = o.tenant_id AND h.id = o.hold_id
WHERE o.tenant_id = @tenant AND o.entry_id = @entry
ORDER BY o.ordinal`

// WaitlistOffersOf implements dispatch.WaitlistTx.
func (t *tx) WaitlistOffersOf(ctx context.Context, id dispatch.WaitlistEntryID) ([]dispatch.WaitlistOffer, error) {
	return many(ctx, t, waitlistOffersOfSQL, pgx.NamedArgs{"entry": id}, func(row pgx.CollectableRow) (dispatch.WaitlistOffer, error) {
		var offer waitlistOfferRow
		if err := row.Scan(offer.targets()...); err != nil {
			return dispatch.WaitlistOffer{}, err
		}
		return *offer.offer(), nil
	})
}
