package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/firstfix/firstfix/dispatch"
)

const getTenantSQL = `
SELECT id, slug, display_name, currency, time_zone, language
FROM tenants WHERE id = @tenant`

// GetTenant implements dispatch.TenantTx.
func (t *tx) GetTenant(ctx context.Context) (dispatch.Tenant, error) {
	return one(ctx, t, t.tenant.Name(), getTenantSQL, pgx.NamedArgs{}, func(row pgx.CollectableRow) (dispatch.Tenant, error) {
		var n dispatch.Tenant
		err := row.Scan(&n.ID, &n.Slug, &n.DisplayName, &n.Currency, &n.TimeZone, &n.Language)
		return n, err
	})
}

const createTenantSQL = `
INSERT INTO tenants (id, slug, display_name, currency, time_zone, language)
VALUES (@tenant, @slug, @name, @currency, @zone, @language)`

// CreateTenant implements dispatch.TenantTx.
func (t *tx) CreateTenant(ctx context.Context, n dispatch.Tenant) error {
	return t.create(ctx, n.Name(), createTenantSQL, pgx.NamedArgs{
		"slug": n.Slug, "name": n.DisplayName, "currency": n.Currency, "zone": n.TimeZone, "language": n.Language,
	})
}

const memberColumns = `issuer, subject, role, display_name, email, technician_id, customer_id, disabled, version`

func scanMember(row pgx.CollectableRow) (dispatch.Member, error) {
	var m dispatch.Member
	var technician, customer *uuid.UUID
	err := row.Scan(&m.Issuer, &m.Subject, &m.Role, &m.DisplayName, &m.Email, &technician, &customer, &m.Disabled, &m.Version)
	m.Technician.UUID, m.Customer.UUID = uuidOrZero(technician), uuidOrZero(customer)
	return m, err
}

const findMemberSQL = `SELECT ` + memberColumns + `
FROM members WHERE tenant_id = @tenant AND issuer = @issuer AND subject = @subject`

// FindMember implements dispatch.TenantTx.
func (t *tx) FindMember(ctx context.Context, issuer, subject string) (dispatch.Member, bool, error) {
	return oneOrNone(ctx, t, findMemberSQL, pgx.NamedArgs{"issuer": issuer, "subject": subject}, scanMember)
}

const listMembersSQL = `SELECT ` + memberColumns + `
FROM members WHERE tenant_id = @tenant AND role = @role AND NOT disabled
ORDER BY subject, issuer`

// ListMembers implements dispatch.TenantTx.
func (t *tx) ListMembers(ctx context.Context, role dispatch.Role) ([]dispatch.Member, error) {
	return many(ctx, t, listMembersSQL, pgx.NamedArgs{"role": role}, scanMember)
}

const lockAdministratorsSQL = `SELECT ` + memberColumns + `
FROM members WHERE tenant_id = @tenant AND role = 'administrator' AND NOT disabled
ORDER BY subject, issuer
FOR UPDATE`

// LockAdministrators implements dispatch.TenantTx.
func (t *tx) LockAdministrators(ctx context.Context) ([]dispatch.Member, error) {
	return many(ctx, t, lockAdministratorsSQL, pgx.NamedArgs{}, scanMember)
}

const pageMembersSQL = `SELECT ` + memberColumns + `
FROM members
WHERE tenant_id = @tenant AND (NOT disabled OR @disabled::boolean) AND (issuer, subject) > (@issuer::text, @subject::text)
ORDER BY issuer, subject LIMIT @limit`

// PageMembers implements dispatch.TenantTx. Neither part of its key can hold a
// line break: both are one line of text.
func (t *tx) PageMembers(ctx context.Context, showDisabled bool, page dispatch.Page) ([]dispatch.Member, string, error) {
	issuer, subject := splitLine(page.After)
	rows, err := many(ctx, t, pageMembersSQL, pgx.NamedArgs{
		"disabled": showDisabled, "issuer": issuer, "subject": subject, "limit": page.Size + 1,
	}, scanMember)
	rows, next := cut(rows, page.Size, func(m dispatch.Member) string { return m.Issuer + "\n" + m.Subject })
	return rows, next, err
}

const putMemberSQL = `
INSERT INTO members (tenant_id, issuer, subject, role, display_name, email, technician_id, customer_id, disabled)
VALUES (@tenant, @issuer, @subject, @role, @name, @email, @technician, @customer, @disabled)
ON CONFLICT (tenant_id, issuer, subject) DO UPDATE SET
	role = excluded.role, display_name = excluded.display_name, email = excluded.email,
	technician_id = excluded.technician_id, customer_id = excluded.customer_id, disabled = excluded.disabled,
	version = members.version + 1
RETURNING ` + memberColumns

// PutMember implements dispatch.TenantTx.
func (t *tx) PutMember(ctx context.Context, m dispatch.Member) (dispatch.Member, error) {
	return one(ctx, t, "member", putMemberSQL, pgx.NamedArgs{
		"issuer": m.Issuer, "subject": m.Subject, "role": m.Role, "name": m.DisplayName, "email": m.Email,
		"technician": orNull(m.Technician), "customer": orNull(m.Customer), "disabled": m.Disabled,
	}, scanMember)
}

// create runs an insert. That the primary key is taken means that name exists,
// within the tenant: other tenants' rows are not in the way.
func (t *tx) create(ctx context.Context, name, sql string, pairs pgx.NamedArgs) error {
	_, err := t.exec(ctx, sql, pairs)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == pgerrcode.UniqueViolation && strings.HasSuffix(pg.ConstraintName, "_pkey") {
		return dispatch.Refuse(dispatch.ReasonResourceExists, name, "exists already").Because(err)
	}
	return err
}
