package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/firstfix/firstfix/dispatch"
)

const ruleColumns = `r.id, v.version, r.earner, coalesce(r.service_id, ''), v.accept_minor, v.win_minor, v.win_share, v.win_cap_minor,
	v.hold_back, v.retention_days, v.retired, v.effective_at, n.currency`

const ruleTables = `
FROM incentive_rules r
JOIN incentive_rule_versions v ON v.tenant_id = r.tenant_id AND v.rule_id = r.id
JOIN tenants n ON n.id = r.tenant_id`

func scanRule(row pgx.CollectableRow) (dispatch.IncentiveRule, error) {
	var r dispatch.IncentiveRule
	var limit *int64
	var currency string
	err := row.Scan(&r.ID, &r.Version, &r.Earner, &r.Service, &r.OnAccept.Minor, &r.OnWin.Minor, &r.WinShare, &limit,
		&r.HoldBack, &r.RetentionDays, &r.Retired, &r.EffectiveAt, &currency)
	r.OnAccept.Currency, r.OnWin.Currency = currency, currency
	r.WinCap = moneyOrNone(limit, &currency)
	return r, err
}

const createRuleSQL = `
INSERT INTO incentive_rules (tenant_id, id, earner, service_id) VALUES (@tenant, @id, @earner, nullif(@service, ''))`

const addRuleVersionSQL = `
INSERT INTO incentive_rule_versions (tenant_id, rule_id, version, accept_minor, win_minor, win_share, win_cap_minor,
	hold_back, retention_days, retired, effective_at)
VALUES (@tenant, @id, @version, @accept, @win, @share, @cap, @hold_back, @retention, @retired, @effective)`

func ruleArgs(r dispatch.IncentiveRule) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"id": r.ID, "version": r.Version, "accept": r.OnAccept.Minor, "win": r.OnWin.Minor, "share": r.WinShare, "cap": nil,
		"hold_back": r.HoldBack, "retention": r.RetentionDays, "retired": r.Retired, "effective": r.EffectiveAt,
	}
	if r.WinCap != nil {
		args["cap"] = r.WinCap.Minor
	}
	return args
}

// CreateIncentiveRule implements dispatch.PayTx.
func (t *tx) CreateIncentiveRule(ctx context.Context, r dispatch.IncentiveRule) error {
	err := t.create(ctx, r.Name(), createRuleSQL, pgx.NamedArgs{"id": r.ID, "earner": r.Earner, "service": r.Service})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == pgerrcode.UniqueViolation {
		return dispatch.Refuse(dispatch.ReasonResourceExists, r.Name(), "another rule pays the %s for the same product: change that one", r.Earner).Because(err)
	}
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, addRuleVersionSQL, ruleArgs(r))
	return err
}

const getRuleSQL = `SELECT ` + ruleColumns + ruleTables + ` AND v.version = r.version
WHERE r.tenant_id = @tenant AND r.id = @id`

// GetIncentiveRule implements dispatch.PayTx.
func (t *tx) GetIncentiveRule(ctx context.Context, id dispatch.IncentiveRuleID) (dispatch.IncentiveRule, error) {
	return one(ctx, t, dispatch.IncentiveRule{ID: id}.Name(), getRuleSQL, pgx.NamedArgs{"id": id}, scanRule)
}

const pageRulesSQL = `SELECT ` + ruleColumns + ruleTables + ` AND v.version = r.version
WHERE r.tenant_id = @tenant AND r.id > @after ORDER BY r.id LIMIT @limit`

// PageIncentiveRules implements dispatch.PayTx.
func (t *tx) PageIncentiveRules(ctx context.Context, page dispatch.Page) ([]dispatch.IncentiveRule, string, error) {
	rows, err := many(ctx, t, pageRulesSQL, pgx.NamedArgs{"after": page.After, "limit": page.Size + 1}, scanRule)
	rows, next := cut(rows, page.Size, func(r dispatch.IncentiveRule) string { return string(r.ID) })
	return rows, next, err
}

const advanceRuleSQL = `
UPDATE incentive_rules SET version = version + 1 WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveIncentiveRule implements dispatch.PayTx.
func (t *tx) SaveIncentiveRule(ctx context.Context, r dispatch.IncentiveRule) error {
	if err := t.save(ctx, r.Name(), r.Version, advanceRuleSQL, pgx.NamedArgs{"id": r.ID, "version": r.Version}); err != nil {
		return err
	}
	r.Version++
	_, err := t.exec(ctx, addRuleVersionSQL, ruleArgs(r))
	return err
}

const ruleVersionsSQL = `SELECT ` + ruleColumns + ruleTables + `
WHERE r.tenant_id = @tenant AND (r.service_id IS NULL OR r.service_id = @service)
ORDER BY r.id, v.version`

// RuleVersions implements dispatch.PayTx.
func (t *tx) RuleVersions(ctx context.Context, service dispatch.ServiceID) ([]dispatch.IncentiveRule, error) {
	return many(ctx, t, ruleVersionsSQL, pgx.NamedArgs{"service": service}, scanRule)
}

const createSaleSQL = `
INSERT INTO sales (tenant_id, referral_id, state, won_at, promised, promised_unit)
VALUES (@tenant, @referral, @state, @won, @promised, @unit)`

// CreateSale implements dispatch.PayTx.
func (t *tx) CreateSale(ctx context.Context, s dispatch.Sale) error {
	args := pgx.NamedArgs{"referral": s.Referral, "state": s.State, "won": s.WonAt, "promised": nil, "unit": ""}
	if s.Promised != nil {
		args["promised"], args["unit"] = s.Promised.Number, s.Promised.Unit
	}
	_, err := t.exec(ctx, createSaleSQL, args)
	return err
}

const saveSaleSQL = `
UPDATE sales SET state = @state, reason = @reason, left_at = @left, installed_at = @installed
WHERE tenant_id = @tenant AND referral_id = @referral`

// SaveSale implements dispatch.PayTx.
func (t *tx) SaveSale(ctx context.Context, s dispatch.Sale) error {
	_, err := t.exec(ctx, saveSaleSQL, pgx.NamedArgs{
		"referral": s.Referral, "state": s.State, "reason": s.Reason, "left": timeOrNull(s.LeftAt),
		"installed": timeOrNull(s.InstalledAt),
	})
	return err
}

const findSaleSQL = `
SELECT referral_id, state, reason, won_at, left_at, installed_at, promised, promised_unit FROM sales WHERE tenant_id = @tenant AND referral_id = @referral`

// FindSale implements dispatch.PayTx.
func (t *tx) FindSale(ctx context.Context, id dispatch.ReferralID) (dispatch.Sale, bool, error) {
	return oneOrNone(ctx, t, findSaleSQL, pgx.NamedArgs{"referral": id}, func(row pgx.CollectableRow) (dispatch.Sale, error) {
		var s dispatch.Sale
		var left, installed *time.Time
		var promised *float64
		var unit string
		err := row.Scan(&s.Referral, &s.State, &s.Reason, &s.WonAt, &left, &installed, &promised, &unit)
		s.LeftAt, s.InstalledAt = timeOrZero(left), timeOrZero(installed)
		s.Promised = measureOrNone(promised, unit)
		return s, err
	})
}

const lockDuplicatesSQL = `SELECT ` + referralColumns + `
FROM referrals r WHERE r.tenant_id = @tenant AND r.duplicate_of = @id
ORDER BY r.id FOR NO KEY UPDATE OF r`

// LockDuplicatesOf implements dispatch.PayTx.
func (t *tx) LockDuplicatesOf(ctx context.Context, id dispatch.ReferralID) ([]dispatch.Referral, error) {
	return many(ctx, t, lockDuplicatesSQL, pgx.NamedArgs{"id": id}, scanReferral)
}

// measureOrNone is a number whose column may be null.
func measureOrNone(number *float64, unit string) *dispatch.Measure {
	if number == nil {
		return nil
	}
	return &dispatch.Measure{Number: *number, Unit: unit}
}
