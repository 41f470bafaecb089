package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/firstfix/firstfix/dispatch"
)

const followUpPlanColumns = `p.id, coalesce(p.service_id, ''), p.installed_after_days, p.used_after_days, p.saving_after_days, p.retired, p.version`

func scanFollowUpPlan(row pgx.CollectableRow) (dispatch.FollowUpPlan, error) {
	var p dispatch.FollowUpPlan
	err := row.Scan(&p.ID, &p.Service, &p.InstalledAfterDays, &p.UsedAfterDays, &p.SavingAfterDays, &p.Retired, &p.Version)
	return p, err
}

func followUpPlanArgs(p dispatch.FollowUpPlan) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": p.ID, "service": p.Service, "installed": p.InstalledAfterDays, "used": p.UsedAfterDays, "saving": p.SavingAfterDays,
		"retired": p.Retired, "version": p.Version,
	}
}

const createFollowUpPlanSQL = `
INSERT INTO follow_up_plans (tenant_id, id, service_id, installed_after_days, used_after_days, saving_after_days, retired)
VALUES (@tenant, @id, nullif(@service, ''), @installed, @used, @saving, @retired)`

// CreateFollowUpPlan implements dispatch.AfterSaleTx.
func (t *tx) CreateFollowUpPlan(ctx context.Context, p dispatch.FollowUpPlan) error {
	err := t.create(ctx, p.Name(), createFollowUpPlanSQL, followUpPlanArgs(p))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == pgerrcode.UniqueViolation {
		return dispatch.Refuse(dispatch.ReasonResourceExists, p.Name(), "another plan is for the same product: change that one").Because(err)
	}
	return err
}

const getFollowUpPlanSQL = `SELECT ` + followUpPlanColumns + `
FROM follow_up_plans p WHERE p.tenant_id = @tenant AND p.id = @id`

// GetFollowUpPlan implements dispatch.AfterSaleTx.
func (t *tx) GetFollowUpPlan(ctx context.Context, id dispatch.FollowUpPlanID) (dispatch.FollowUpPlan, error) {
	return one(ctx, t, dispatch.FollowUpPlan{ID: id}.Name(), getFollowUpPlanSQL, pgx.NamedArgs{"id": id}, scanFollowUpPlan)
}

const pageFollowUpPlansSQL = `SELECT ` + followUpPlanColumns + `
FROM follow_up_plans p WHERE p.tenant_id = @tenant AND p.id > @after ORDER BY p.id LIMIT @limit`

// PageFollowUpPlans implements dispatch.AfterSaleTx.
func (t *tx) PageFollowUpPlans(ctx context.Context, page dispatch.Page) ([]dispatch.FollowUpPlan, string, error) {
	rows, err := many(ctx, t, pageFollowUpPlansSQL, pgx.NamedArgs{"after": page.After, "limit": page.Size + 1}, scanFollowUpPlan)
	rows, next := cut(rows, page.Size, func(p dispatch.FollowUpPlan) string { return string(p.ID) })
	return rows, next, err
}

const saveFollowUpPlanSQL = `
UPDATE follow_up_plans SET installed_after_days = @installed, used_after_days = @used, saving_after_days = @saving,
	retired = @retired, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveFollowUpPlan implements dispatch.AfterSaleTx.
func (t *tx) SaveFollowUpPlan(ctx context.Context, p dispatch.FollowUpPlan) error {
	return t.save(ctx, p.Name(), p.Version, saveFollowUpPlanSQL, followUpPlanArgs(p))
}

const followUpPlanForSQL = `SELECT ` + followUpPlanColumns + `
FROM follow_up_plans p
WHERE p.tenant_id = @tenant AND (p.service_id = @service OR p.service_id IS NULL)
ORDER BY p.service_id NULLS LAST LIMIT 1`

// FollowUpPlanFor implements dispatch.AfterSaleTx.
func (t *tx) FollowUpPlanFor(ctx context.Context, service dispatch.ServiceID) (dispatch.FollowUpPlan, bool, error) {
	return oneOrNone(ctx, t, followUpPlanForSQL, pgx.NamedArgs{"service": service}, scanFollowUpPlan)
}

const followUpColumns = `f.id, f.referral_id, f.question, f.side, f.state, f.due_at, f.asked_at, f.answer, f.measured, f.note,
	f.answered_at, f.answered_by, f.case_id, f.version,
	coalesce(v.display_name, nullif(r.suggestion, ''), r.need), s.promised, s.promised_unit`

// followUpTables joins what a question is about: the product by the catalogue's name,
// else in the words of who noticed it.
const followUpTables = `
FROM follow_ups f
JOIN referrals r ON r.tenant_id = f.tenant_id AND r.id = f.referral_id
JOIN sales s ON s.tenant_id = f.tenant_id AND s.referral_id = f.referral_id
LEFT JOIN services v ON v.tenant_id = r.tenant_id AND v.id = r.service_id`

func scanFollowUp(row pgx.CollectableRow) (dispatch.FollowUp, error) {
	var f dispatch.FollowUp
	var asked, answered *time.Time
	var opened *uuid.UUID
	var promised *float64
	var unit string
	err := row.Scan(&f.ID, &f.Referral, &f.Question, &f.Side, &f.State, &f.DueAt, &asked, &f.Answer, &f.Measured, &f.Note,
		&answered, &f.AnsweredBy, &opened, &f.Version, &f.Product, &promised, &unit)
	f.Promised = measureOrNone(promised, unit)
	f.AskedAt, f.AnsweredAt = timeOrZero(asked), timeOrZero(answered)
	f.Case.UUID = uuidOrZero(opened)
	return f, err
}

func followUpArgs(f dispatch.FollowUp) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": f.ID, "referral": f.Referral, "question": f.Question, "side": f.Side, "state": f.State, "due": f.DueAt,
		"asked": timeOrNull(f.AskedAt), "answer": f.Answer, "measured": f.Measured, "note": f.Note,
		"answered": timeOrNull(f.AnsweredAt), "answered_by": f.AnsweredBy, "case": orNull(f.Case), "version": f.Version,
	}
}

// A question that was planned already stays as it is.
const createFollowUpSQL = `
INSERT INTO follow_ups (tenant_id, id, referral_id, question, side, state, due_at)
VALUES (@tenant, @id, @referral, @question, @side, @state, @due)
ON CONFLICT (tenant_id, referral_id, question, side) DO NOTHING`

// CreateFollowUp implements dispatch.AfterSaleTx.
func (t *tx) CreateFollowUp(ctx context.Context, f dispatch.FollowUp) error {
	_, err := t.exec(ctx, createFollowUpSQL, followUpArgs(f))
	return err
}

const getFollowUpSQL = `SELECT ` + followUpColumns + followUpTables + `
WHERE f.tenant_id = @tenant AND f.id = @id`

// GetFollowUp implements dispatch.AfterSaleTx.
func (t *tx) GetFollowUp(ctx context.Context, id dispatch.FollowUpID) (dispatch.FollowUp, error) {
	return one(ctx, t, id.Name(), getFollowUpSQL, pgx.NamedArgs{"id": id}, scanFollowUp)
}

const followUpsOfSQL = `SELECT ` + followUpColumns + followUpTables + `
WHERE f.tenant_id = @tenant AND f.referral_id = @referral ORDER BY f.due_at, f.id`

// FollowUpsOf implements dispatch.AfterSaleTx.
func (t *tx) FollowUpsOf(ctx context.Context, id dispatch.ReferralID) ([]dispatch.FollowUp, error) {
	return many(ctx, t, followUpsOfSQL, pgx.NamedArgs{"referral": id}, scanFollowUp)
}

const saveFollowUpSQL = `
UPDATE follow_ups SET state = @state, asked_at = @asked, answer = @answer, measured = @measured, note = @note,
	answered_at = @answered, answered_by = @answered_by, case_id = @case, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveFollowUp implements dispatch.AfterSaleTx.
func (t *tx) SaveFollowUp(ctx context.Context, f dispatch.FollowUp) error {
	return t.save(ctx, f.Name(), f.Version, saveFollowUpSQL, followUpArgs(f))
}

const pageFollowUpsSQL = `SELECT ` + followUpColumns + followUpTables + `
WHERE f.tenant_id = @tenant AND f.id > @after
	AND (@state = '' OR f.state = @state)
	AND (@side = '' OR f.side = @side)
	AND (@referral::uuid IS NULL OR f.referral_id = @referral)
	AND (@owner = '' OR r.owner = @owner)
ORDER BY f.id
LIMIT @limit`

// PageFollowUps implements dispatch.AfterSaleTx.
func (t *tx) PageFollowUps(ctx context.Context, f dispatch.FollowUpFilter, page dispatch.Page) ([]dispatch.FollowUp, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, pageFollowUpsSQL, pgx.NamedArgs{
		"after": after, "state": f.State, "side": f.Side, "referral": orNull(f.Referral), "owner": f.Owner, "limit": page.Size + 1,
	}, scanFollowUp)
	rows, next := cut(rows, page.Size, func(f dispatch.FollowUp) string { return f.ID.String() })
	return rows, next, err
}

const serviceCaseColumns = `c.id, c.referral_id, c.customer_id, c.question, c.owner, c.state, c.problem, c.resolution,
	c.opened_at, c.closed_at, c.version`

func scanServiceCase(row pgx.CollectableRow) (dispatch.ServiceCase, error) {
	var c dispatch.ServiceCase
	var closed *time.Time
	err := row.Scan(&c.ID, &c.Referral, &c.Customer, &c.Question, &c.Owner, &c.State, &c.Problem, &c.Resolution,
		&c.OpenedAt, &closed, &c.Version)
	c.ClosedAt = timeOrZero(closed)
	return c, err
}

func serviceCaseArgs(c dispatch.ServiceCase) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": c.ID, "referral": c.Referral, "customer": c.Customer, "question": c.Question, "owner": c.Owner, "state": c.State,
		"problem": c.Problem, "resolution": c.Resolution, "opened": c.OpenedAt, "closed": timeOrNull(c.ClosedAt), "version": c.Version,
	}
}

const createServiceCaseSQL = `
INSERT INTO service_cases (tenant_id, id, referral_id, customer_id, question, owner, state, problem, opened_at)
VALUES (@tenant, @id, @referral, @customer, @question, @owner, @state, @problem, @opened)`

// CreateServiceCase implements dispatch.AfterSaleTx.
func (t *tx) CreateServiceCase(ctx context.Context, c dispatch.ServiceCase) error {
	_, err := t.exec(ctx, createServiceCaseSQL, serviceCaseArgs(c))
	return err
}

const getServiceCaseSQL = `SELECT ` + serviceCaseColumns + `
FROM service_cases c WHERE c.tenant_id = @tenant AND c.id = @id`

// GetServiceCase implements dispatch.AfterSaleTx.
func (t *tx) GetServiceCase(ctx context.Context, id dispatch.ServiceCaseID) (dispatch.ServiceCase, error) {
	return one(ctx, t, id.Name(), getServiceCaseSQL, pgx.NamedArgs{"id": id}, scanServiceCase)
}

const lockServiceCaseSQL = getServiceCaseSQL + ` FOR NO KEY UPDATE`

// LockServiceCase implements dispatch.AfterSaleTx.
func (t *tx) LockServiceCase(ctx context.Context, id dispatch.ServiceCaseID) (dispatch.ServiceCase, error) {
	return one(ctx, t, id.Name(), lockServiceCaseSQL, pgx.NamedArgs{"id": id}, scanServiceCase)
}

const saveServiceCaseSQL = `
UPDATE service_cases SET owner = @owner, state = @state, resolution = @resolution, closed_at = @closed, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveServiceCase implements dispatch.AfterSaleTx.
func (t *tx) SaveServiceCase(ctx context.Context, c dispatch.ServiceCase) error {
	return t.save(ctx, c.Name(), c.Version, saveServiceCaseSQL, serviceCaseArgs(c))
}

const openCaseAboutSQL = `SELECT ` + serviceCaseColumns + `
FROM service_cases c
WHERE c.tenant_id = @tenant AND c.referral_id = @referral AND c.question = @question AND c.state = 'open'`

// OpenCaseAbout implements dispatch.AfterSaleTx.
func (t *tx) OpenCaseAbout(ctx context.Context, id dispatch.ReferralID, q dispatch.FollowUpQuestion) (dispatch.ServiceCase, bool, error) {
	return oneOrNone(ctx, t, openCaseAboutSQL, pgx.NamedArgs{"referral": id, "question": q}, scanServiceCase)
}

const openCasesOfSQL = `
SELECT customer_id, id FROM service_cases
WHERE tenant_id = @tenant AND customer_id = ANY(@ids) AND state = 'open'
ORDER BY id`

// OpenCasesOf implements dispatch.AfterSaleTx.
func (t *tx) OpenCasesOf(ctx context.Context, list []dispatch.CustomerID) (map[dispatch.CustomerID][]dispatch.ServiceCaseID, error) {
	rows, err := t.db.Query(ctx, openCasesOfSQL, t.args(pgx.NamedArgs{"ids": ids(list)}))
	if err != nil {
		return nil, err
	}
	out := map[dispatch.CustomerID][]dispatch.ServiceCaseID{}
	var customer dispatch.CustomerID
	var id dispatch.ServiceCaseID
	_, err = pgx.ForEachRow(rows, []any{&customer, &id}, func() error {
		out[customer] = append(out[customer], id)
		return nil
	})
	return out, err
}

const pageServiceCasesSQL = `SELECT ` + serviceCaseColumns + `
FROM service_cases c
WHERE c.tenant_id = @tenant AND c.id > @after
	AND (@state = '' OR c.state = @state)
	AND (@owner = '' OR c.owner = @owner)
	AND (@customer::uuid IS NULL OR c.customer_id = @customer)
ORDER BY c.id
LIMIT @limit`

// PageServiceCases implements dispatch.AfterSaleTx.
func (t *tx) PageServiceCases(ctx context.Context, f dispatch.ServiceCaseFilter, page dispatch.Page) ([]dispatch.ServiceCase, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, pageServiceCasesSQL, pgx.NamedArgs{
		"after": after, "state": f.State, "owner": f.Owner, "customer": orNull(f.Customer), "limit": page.Size + 1,
	}, scanServiceCase)
	rows, next := cut(rows, page.Size, func(c dispatch.ServiceCase) string { return c.ID.String() })
	return rows, next, err
}
