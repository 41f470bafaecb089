package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const addPostingSQL = `
INSERT INTO pay_postings (tenant_id, id, referral_id, payroll_id, reason, actor, at)
VALUES (@tenant, @id, @referral, @payroll, @reason, @actor, @at)`

const addPayEntrySQL = `
INSERT INTO pay_entries (tenant_id, posting_id, line, payee, account, amount_minor, rule_id, rule_version, referral_id, at)
VALUES (@tenant, @id, @line, @payee, @account, @amount, nullif(@rule, ''), nullif(@version, 0), @referral, @at)`

// Post implements dispatch.PayTx.
func (t *tx) Post(ctx context.Context, p dispatch.PayPosting) error {
	id := uuid.Must(uuid.NewV7())
	batch := &pgx.Batch{}
	batch.Queue(addPostingSQL, t.args(pgx.NamedArgs{
		"id": id, "referral": orNull(p.Referral), "payroll": orNull(p.Payroll), "reason": p.Reason, "actor": p.Actor, "at": p.At,
	}))
	for i, e := range p.Entries {
		batch.Queue(addPayEntrySQL, t.args(pgx.NamedArgs{
			"id": id, "line": i + 1, "payee": e.Payee, "account": e.Account, "amount": e.Amount, "rule": e.Rule,
			"version": e.Version, "referral": orNull(p.Referral), "at": p.At,
		}))
	}
	return t.db.SendBatch(ctx, batch).Close()
}

const balancesOfSQL = `
SELECT payee, account, sum(amount_minor)::bigint FROM pay_entries
WHERE tenant_id = @tenant AND referral_id = @referral GROUP BY payee, account`

// BalancesOf implements dispatch.PayTx.
func (t *tx) BalancesOf(ctx context.Context, id dispatch.ReferralID) (dispatch.PayBalances, error) {
	rows, err := t.db.Query(ctx, balancesOfSQL, t.args(pgx.NamedArgs{"referral": id}))
	if err != nil {
		return nil, err
	}
	out := dispatch.PayBalances{}
	var key dispatch.PayBalanceKey
	var amount int64
	_, err = pgx.ForEachRow(rows, []any{&key.Payee, &key.Account, &amount}, func() error {
		out[key] = amount
		return nil
	})
	return out, err
}

const settlementsSQL = `
SELECT r.id, coalesce(s.state, ''), coalesce(s.reason, ''), s.installed_at, s.promised, coalesce(s.promised_unit, ''), n.currency, coalesce(e.payable, 0), coalesce(e.held, 0)
FROM referrals r
JOIN tenants n ON n.id = r.tenant_id
LEFT JOIN sales s ON s.tenant_id = r.tenant_id AND s.referral_id = r.id
LEFT JOIN LATERAL (
	SELECT (sum(amount_minor) FILTER (WHERE account = 'payable'))::bigint AS payable,
		(sum(amount_minor) FILTER (WHERE account = 'held'))::bigint AS held
	FROM pay_entries WHERE tenant_id = r.tenant_id AND referral_id = r.id AND payee = 'technicians/' || r.technician_id
) e ON true
WHERE r.tenant_id = @tenant AND r.id = ANY(@referrals) AND (s.state IS NOT NULL OR e.payable IS NOT NULL OR e.held IS NOT NULL)`

// SettlementsOf implements dispatch.PayTx.
func (t *tx) SettlementsOf(ctx context.Context, referrals []dispatch.ReferralID) (map[dispatch.ReferralID]dispatch.Settlement, error) {
	rows, err := t.db.Query(ctx, settlementsSQL, t.args(pgx.NamedArgs{"referrals": ids(referrals)}))
	if err != nil {
		return nil, err
	}
	out := map[dispatch.ReferralID]dispatch.Settlement{}
	var id dispatch.ReferralID
	var s dispatch.Settlement
	var installed *time.Time
	var promised *float64
	var unit string
	_, err = pgx.ForEachRow(rows, []any{&id, &s.Sale, &s.SaleReason, &installed, &promised, &unit, &s.Earned.Currency, &s.Earned.Minor, &s.Held.Minor}, func() error {
		s.Held.Currency, s.InstalledAt, s.Promised = s.Earned.Currency, timeOrZero(installed), measureOrNone(promised, unit)
		out[id] = s
		return nil
	})
	return out, err
}

const payeeBalanceSQL = `
SELECT coalesce(sum(amount_minor) FILTER (WHERE account = 'payable'), 0)::bigint,
	coalesce(sum(amount_minor) FILTER (WHERE account = 'held'), 0)::bigint
FROM pay_entries WHERE tenant_id = @tenant AND payee = @payee AND at < @before`

// PayeeBalance implements dispatch.PayTx.
func (t *tx) PayeeBalance(ctx context.Context, payee string, before time.Time) (payable, held int64, err error) {
	sums, err := one(ctx, t, payee, payeeBalanceSQL, pgx.NamedArgs{"payee": payee, "before": before}, func(row pgx.CollectableRow) (out [2]int64, err error) {
		err = row.Scan(&out[0], &out[1])
		return out, err
	})
	return sums[0], sums[1], err
}

const pagePayLinesSQL = `
SELECT e.posting_id, e.at, p.reason, p.referral_id, p.payroll_id,
	coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'payable'), 0)::bigint,
	coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'held'), 0)::bigint
FROM pay_entries e
JOIN pay_postings p ON p.tenant_id = e.tenant_id AND p.id = e.posting_id
WHERE e.tenant_id = @tenant AND e.payee = @payee AND e.at >= @from AND e.at < @to AND (e.at, e.posting_id) > (@after_at, @after_id)
GROUP BY e.posting_id, e.at, p.reason, p.referral_id, p.payroll_id
ORDER BY e.at, e.posting_id
LIMIT @limit`

// PagePayLines implements dispatch.PayTx.
func (t *tx) PagePayLines(ctx context.Context, payee string, period dispatch.Span, page dispatch.Page) ([]dispatch.PayLine, string, error) {
	at, id, err := timeAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := many(ctx, t, pagePayLinesSQL, pgx.NamedArgs{
		"payee": payee, "from": period.Start, "to": period.End, "after_at": at, "after_id": id, "limit": page.Size + 1,
	}, func(row pgx.CollectableRow) (dispatch.PayLine, error) {
		var l dispatch.PayLine
		var referral, payroll *uuid.UUID
		err := row.Scan(&l.Posting, &l.At, &l.Reason, &referral, &payroll, &l.Payable, &l.Held)
		l.Referral.UUID, l.Payroll.UUID = uuidOrZero(referral), uuidOrZero(payroll)
		return l, err
	})
	rows, next := cut(rows, page.Size, func(l dispatch.PayLine) string { return timeKey(l.At, l.Posting) })
	return rows, next, err
}

const lockPayrollSQL = `SELECT pg_advisory_xact_lock(hashtextextended('payroll ' || @tenant::text, 0))`

// LockPayroll implements dispatch.PayTx.
func (t *tx) LockPayroll(ctx context.Context) error {
	_, err := t.exec(ctx, lockPayrollSQL, pgx.NamedArgs{})
	return err
}

// A payee is a technician by his resource name or a member by his principal, which
// is the issuer's subject behind a word.
const payeeNames = `
WITH names (payee, display_name) AS (
	SELECT 'technicians/' || id, display_name FROM technicians WHERE tenant_id = @tenant
	UNION ALL
	SELECT 'member:' || subject, min(display_name) FROM members WHERE tenant_id = @tenant GROUP BY subject
)`

const payablesSQL = payeeNames + `
SELECT e.payee, coalesce(n.display_name, ''), e.amount
FROM (
	SELECT payee, sum(amount_minor)::bigint AS amount FROM pay_entries
	WHERE tenant_id = @tenant AND account = 'payable'
	GROUP BY payee HAVING sum(amount_minor) > 0
) e
LEFT JOIN names n ON n.payee = e.payee
ORDER BY e.payee`

func scanPayrollLine(row pgx.CollectableRow) (dispatch.PayrollLine, error) {
	var l dispatch.PayrollLine
	err := row.Scan(&l.Payee, &l.DisplayName, &l.Amount)
	return l, err
}

// Payables implements dispatch.PayTx.
func (t *tx) Payables(ctx context.Context) ([]dispatch.PayrollLine, error) {
	return many(ctx, t, payablesSQL, pgx.NamedArgs{}, scanPayrollLine)
}

const createPayrollSQL = `
INSERT INTO payrolls (tenant_id, id, created_at, created_by, total_minor, currency)
VALUES (@tenant, @id, @at, @by, @total, @currency)`

// CreatePayroll implements dispatch.PayTx.
func (t *tx) CreatePayroll(ctx context.Context, p dispatch.Payroll) error {
	_, err := t.exec(ctx, createPayrollSQL, pgx.NamedArgs{
		"id": p.ID, "at": p.CreatedAt, "by": p.CreatedBy, "total": p.Total.Minor, "currency": p.Total.Currency,
	})
	return err
}

const payrollColumns = `id, created_at, created_by, total_minor, currency`

func scanPayroll(row pgx.CollectableRow) (dispatch.Payroll, error) {
	var p dispatch.Payroll
	err := row.Scan(&p.ID, &p.CreatedAt, &p.CreatedBy, &p.Total.Minor, &p.Total.Currency)
	return p, err
}

const getPayrollSQL = `SELECT ` + payrollColumns + ` FROM payrolls WHERE tenant_id = @tenant AND id = @id`

const payrollLinesSQL = payeeNames + `
SELECT e.payee, coalesce(n.display_name, ''), e.amount_minor
FROM pay_postings p
JOIN pay_entries e ON e.tenant_id = p.tenant_id AND e.posting_id = p.id AND e.account = 'paid'
LEFT JOIN names n ON n.payee = e.payee
WHERE p.tenant_id = @tenant AND p.payroll_id = @id
ORDER BY e.payee`

// GetPayroll implements dispatch.PayTx.
func (t *tx) GetPayroll(ctx context.Context, id dispatch.PayrollID) (dispatch.Payroll, error) {
	p, err := one(ctx, t, id.Name(), getPayrollSQL, pgx.NamedArgs{"id": id}, scanPayroll)
	if err != nil {
		return p, err
	}
	p.Lines, err = many(ctx, t, payrollLinesSQL, pgx.NamedArgs{"id": id}, scanPayrollLine)
	return p, err
}

const pagePayrollsSQL = `SELECT ` + payrollColumns + `
FROM payrolls WHERE tenant_id = @tenant AND id > @after ORDER BY id LIMIT @limit`

// PagePayrolls implements dispatch.PayTx.
func (t *tx) PagePayrolls(ctx context.Context, page dispatch.Page) ([]dispatch.Payroll, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := many(ctx, t, pagePayrollsSQL, pgx.NamedArgs{"after": after, "limit": page.Size + 1}, scanPayroll)
	rows, next := cut(rows, page.Size, func(p dispatch.Payroll) string { return p.ID.String() })
	return rows, next, err
}
