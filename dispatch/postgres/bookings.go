package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// The cut-off is the planning area's, whose work it is; the visit is the live
// one, as in visitOfSQL.
const listedAppointmentSQL = `
SELECT a.id, a.work_order_id, a.customer_id, a.state, a.service_id, a.tier_id, a.window_start, a.window_end,
	a.time_zone, a.price_minor, a.currency, a.price_lines, a.promise, a.link_epoch, a.cancel_reason, a.booked_by, a.booked_at,
	a.version, v.id, a.window_start - make_interval(secs => p.change_cutoff_seconds)
FROM appointments a
JOIN work_orders w ON w.tenant_id = a.tenant_id AND w.id = a.work_order_id
JOIN planning_areas p ON p.tenant_id = w.tenant_id AND p.id = w.planning_area_id
CROSS JOIN LATERAL (
	SELECT id FROM visits v
	WHERE v.tenant_id = a.tenant_id AND v.appointment_id = a.id ORDER BY v.ordinal DESC LIMIT 1
) v
WHERE a.tenant_id = @tenant`

func scanListedAppointment(row pgx.CollectableRow) (dispatch.ListedAppointment, error) {
	var a dispatch.ListedAppointment
	err := row.Scan(&a.ID, &a.WorkOrder, &a.Customer, &a.State, &a.Service, &a.Tier, &a.Window.Start, &a.Window.End,
		&a.Window.Zone, &a.Price.Minor, &a.Price.Currency, &a.PriceLines, &a.Promise, &a.LinkEpoch, &a.CancelReason, &a.BookedBy,
		&a.BookedAt, &a.Version, &a.Visit, &a.CutoffAt)
	return a, err
}

const getListedAppointmentSQL = listedAppointmentSQL + ` AND a.id = @id`

// GetListedAppointment implements dispatch.BookingTx.
func (t *tx) GetListedAppointment(ctx context.Context, id dispatch.AppointmentID) (dispatch.ListedAppointment, error) {
	return one(ctx, t, id.Name(), getListedAppointmentSQL, pgx.NamedArgs{"id": id}, scanListedAppointment)
}

const listAppointmentsSQL = listedAppointmentSQL + `
	AND (a.window_start, a.id) > (@after, @after_id)
	AND (@state = '' OR a.state = @state)
	AND (@customer::uuid IS NULL OR a.customer_id = @customer)
	AND (@work_order::uuid IS NULL OR a.work_order_id = @work_order)
	AND (@service = '' OR a.service_id = @service)
	AND (@site::uuid IS NULL OR w.site_id = @site)
	AND (@booked_by = '' OR a.booked_by = @booked_by)
	AND (@id::uuid IS NULL OR a.id = @id)
	AND (@from::timestamptz IS NULL OR a.window_start >= @from)
	AND (@to::timestamptz IS NULL OR a.window_start < @to)
ORDER BY a.window_start, a.id
LIMIT @size`

// ListAppointments implements dispatch.BookingTx.
func (t *tx) ListAppointments(ctx context.Context, f dispatch.AppointmentFilter, page dispatch.Page) ([]dispatch.ListedAppointment, string, error) {
	after, afterID, err := timeAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, listAppointmentsSQL, pgx.NamedArgs{
		"after": after, "after_id": afterID, "state": f.State, "customer": orNull(f.Customer),
		"work_order": orNull(f.WorkOrder), "service": f.Service, "site": orNull(f.Site), "booked_by": f.BookedBy,
		"id": orNull(f.ID), "from": timeOrNull(f.StartsIn.Start), "to": timeOrNull(f.StartsIn.End), "size": page.Size + 1,
	}, scanListedAppointment)
	if err != nil {
		return nil, "", err
	}
	list, next := cut(rows, page.Size, func(a dispatch.ListedAppointment) string { return timeKey(a.Window.Start, a.ID.UUID) })
	return list, next, nil
}

const servesAtSQL = `
SELECT EXISTS (
	SELECT FROM work_orders WHERE tenant_id = @tenant AND site_id = @site AND customer_id = @customer)`

// ServesAt implements dispatch.BookingTx.
func (t *tx) ServesAt(ctx context.Context, customer dispatch.CustomerID, site dispatch.SiteID) (bool, error) {
	return one(ctx, t, "", servesAtSQL, pgx.NamedArgs{"customer": customer, "site": site}, pgx.RowTo[bool])
}

// Mail addresses are kept in lower case, see dispatch.CleanEmail, so that both
// questions are answered by plain equality, which an index serves also under
// row-level security.
const (
	customersAtSQL = `
SELECT id, display_name, email, phone, language, mail_allowed, text_allowed, external_reference, version
FROM customers
WHERE tenant_id = @tenant AND merged_into IS NULL`
	customersByMailSQL  = customersAtSQL + ` AND email = @email AND email <> '' ORDER BY id LIMIT 20`
	customersByPhoneSQL = customersAtSQL + ` AND phone = @phone AND phone <> '' ORDER BY id LIMIT 20`
)

// CustomersAt implements dispatch.BookingTx.
func (t *tx) CustomersAt(ctx context.Context, email, phone string) ([]dispatch.Customer, error) {
	sql := customersByMailSQL
	if email == "" {
		sql = customersByPhoneSQL
	}
	return many(ctx, t, sql, pgx.NamedArgs{"email": email, "phone": phone},
		func(row pgx.CollectableRow) (dispatch.Customer, error) {
			var c dispatch.Customer
			err := row.Scan(&c.ID, &c.DisplayName, &c.Email, &c.Phone, &c.Language, &c.MailAllowed, &c.TextAllowed,
				&c.ExternalReference, &c.Version)
			return c, err
		})
}
