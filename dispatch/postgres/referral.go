package postgres

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const referralColumns = `r.id, r.visit_id, r.work_order_id, r.site_id, r.customer_id, r.technician_id, r.need, r.suggestion,
	r.service_id, r.urgency, r.consent_channel, r.estimate_minor, r.currency, r.state, r.state_reason, r.duplicate_of,
	r.photos, r.sales_desk_id, r.owner, r.accept_due_at, r.step_due_at, r.escalation, r.escalated_to, r.paused_at, r.paused_until, r.pause_reason, r.value_minor, r.logged_at, r.accepted_at, r.contacted_at, r.closed_at,
	r.version`

func scanReferral(row pgx.CollectableRow) (dispatch.Referral, error) {
	var r dispatch.Referral
	var service, currency, desk *string
	var estimate, value *int64
	var duplicate *uuid.UUID
	var due, stepDue, accepted, contacted, closed, pausedAt, pausedUntil *time.Time
	var pauseReason string
	err := row.Scan(&r.ID, &r.Visit, &r.WorkOrder, &r.Site, &r.Customer, &r.Technician, &r.Need, &r.Suggestion,
		&service, &r.Urgency, &r.ConsentChannel, &estimate, &currency, &r.State, &r.StateReason, &duplicate,
		&r.Photos, &desk, &r.Owner, &due, &stepDue, &r.Escalation, &r.EscalatedTo, &pausedAt, &pausedUntil, &pauseReason, &value, &r.LoggedAt, &accepted, &contacted, &closed,
		&r.Version)
	if service != nil {
		r.Service = dispatch.ServiceID(*service)
	}
	if desk != nil {
		r.Desk = dispatch.SalesDeskID(*desk)
	}
	if pausedAt != nil {
		r.Pause = &dispatch.Pause{Since: *pausedAt, Until: timeOrZero(pausedUntil), Reason: pauseReason}
	}
	r.DuplicateOf.UUID = uuidOrZero(duplicate)
	r.Estimate, r.Value = moneyOrNone(estimate, currency), moneyOrNone(value, currency)
	r.AcceptDueAt, r.StepDueAt, r.AcceptedAt = timeOrZero(due), timeOrZero(stepDue), timeOrZero(accepted)
	r.ContactedAt, r.ClosedAt = timeOrZero(contacted), timeOrZero(closed)
	return r, err
}

// moneyOrNone is an amount whose columns may be null.
func moneyOrNone(minor *int64, currency *string) *dispatch.Money {
	if minor == nil || currency == nil {
		return nil
	}
	return &dispatch.Money{Minor: *minor, Currency: *currency}
}

func referralArgs(r dispatch.Referral) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"id": r.ID, "visit": r.Visit, "order": r.WorkOrder, "site": r.Site, "customer": r.Customer,
		"technician": r.Technician, "need": r.Need, "suggestion": r.Suggestion, "service": nil, "urgency": r.Urgency,
		"consent": r.ConsentChannel, "estimate": nil, "currency": nil, "state": r.State, "state_reason": r.StateReason,
		"duplicate": orNull(r.DuplicateOf), "owner": r.Owner, "due": timeOrNull(r.AcceptDueAt), "step_due": timeOrNull(r.StepDueAt), "escalation": r.Escalation,
		"photos": texts(r.Photos), "desk": nil, "escalated_to": r.EscalatedTo, "paused_at": nil, "paused_until": nil, "pause_reason": "",
		"value": nil, "logged": r.LoggedAt, "accepted": timeOrNull(r.AcceptedAt), "contacted": timeOrNull(r.ContactedAt),
		"closed": timeOrNull(r.ClosedAt), "version": r.Version,
	}
	if r.Service != "" {
		args["service"] = r.Service
	}
	if r.Desk != "" {
		args["desk"] = r.Desk
	}
	if p := r.Pause; p != nil {
		args["paused_at"], args["paused_until"], args["pause_reason"] = p.Since, p.Until, p.Reason
	}
	// One currency serves both amounts: the use cases take none but the tenant's.
	if r.Estimate != nil {
		args["estimate"], args["currency"] = r.Estimate.Minor, r.Estimate.Currency
	}
	if r.Value != nil {
		args["value"], args["currency"] = r.Value.Minor, r.Value.Currency
	}
	return args
}

const createReferralSQL = `
INSERT INTO referrals (tenant_id, id, visit_id, work_order_id, site_id, customer_id, technician_id, need, suggestion,
	service_id, urgency, consent_channel, estimate_minor, currency, state, state_reason, duplicate_of, photos, sales_desk_id, owner,
	accept_due_at, step_due_at, escalation, escalated_to, value_minor, logged_at, accepted_at, contacted_at, closed_at)
VALUES (@tenant, @id, @visit, @order, @site, @customer, @technician, @need, @suggestion,
	@service, @urgency, @consent, @estimate, @currency, @state, @state_reason, @duplicate, @photos, @desk, @owner,
	@due, @step_due, @escalation, @escalated_to, @value, @logged, @accepted, @contacted, @closed)`

// CreateReferral implements dispatch.ReferralTx.
func (t *tx) CreateReferral(ctx context.Context, r dispatch.Referral) error {
	_, err := t.exec(ctx, createReferralSQL, referralArgs(r))
	return err
}

const getReferralSQL = `SELECT ` + referralColumns + `
FROM referrals r WHERE r.tenant_id = @tenant AND r.id = @id`

// GetReferral implements dispatch.ReferralTx.
func (t *tx) GetReferral(ctx context.Context, id dispatch.ReferralID) (dispatch.Referral, error) {
	return one(ctx, t, id.Name(), getReferralSQL, pgx.NamedArgs{"id": id}, scanReferral)
}

const lockReferralSQL = getReferralSQL + ` FOR NO KEY UPDATE`

// LockReferral implements dispatch.ReferralTx.
func (t *tx) LockReferral(ctx context.Context, id dispatch.ReferralID) (dispatch.Referral, error) {
	return one(ctx, t, id.Name(), lockReferralSQL, pgx.NamedArgs{"id": id}, scanReferral)
}

// What was fixed when it was logged is not among the columns.
const saveReferralSQL = `
UPDATE referrals SET currency = @currency, state = @state, state_reason = @state_reason, owner = @owner,
	sales_desk_id = @desk, accept_due_at = @due, step_due_at = @step_due, escalation = @escalation, escalated_to = @escalated_to,
	paused_at = @paused_at, paused_until = @paused_until, pause_reason = @pause_reason, value_minor = @value, accepted_at = @accepted,
	contacted_at = @contacted, closed_at = @closed, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveReferral implements dispatch.ReferralTx.
func (t *tx) SaveReferral(ctx context.Context, r dispatch.Referral) error {
	return t.save(ctx, r.Name(), r.Version, saveReferralSQL, referralArgs(r))
}

// Each filter that is not asked for is true by itself, so that the planner sees
// only the others.
const pageReferralsSQL = `SELECT ` + referralColumns + `
FROM referrals r
WHERE r.tenant_id = @tenant AND r.id > @after` + referralConditions

const referralConditions = `
	AND (@state = '' OR r.state = @state)
	AND (@owner = '' OR r.owner = @owner)
	AND (@escalated_to = '' OR r.escalated_to = @escalated_to)
	AND (@desk = '' OR r.sales_desk_id = @desk)
	AND (@technician::uuid IS NULL OR r.technician_id = @technician)
	AND (@customer::uuid IS NULL OR r.customer_id = @customer)
	AND (@service = '' OR r.service_id = @service)
	AND (@from::timestamptz IS NULL OR r.logged_at >= @from)
	AND (@to::timestamptz IS NULL OR r.logged_at < @to)
ORDER BY r.id
LIMIT @limit`

// PageReferrals implements dispatch.ReferralTx.
func (t *tx) PageReferrals(ctx context.Context, f dispatch.ReferralFilter, page dispatch.Page) ([]dispatch.Referral, string, error) {
	return t.pageOfReferrals(ctx, pageReferralsSQL, pgx.NamedArgs{}, f, page)
}

func (t *tx) pageOfReferrals(ctx context.Context, sql string, args pgx.NamedArgs, f dispatch.ReferralFilter, page dispatch.Page) ([]dispatch.Referral, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	maps.Copy(args, pgx.NamedArgs{
		"after": after, "state": f.State, "owner": f.Owner, "escalated_to": f.EscalatedTo, "desk": f.Desk, "technician": orNull(f.Technician),
		"customer": orNull(f.Customer), "service": f.Service, "from": timeOrNull(f.Logged.Start),
		"to": timeOrNull(f.Logged.End), "limit": page.Size + 1,
	})
	rows, err := narrowed(ctx, t, sql, args, scanReferral)
	if err != nil {
		return nil, "", err
	}
	rows, next := cut(rows, page.Size, func(r dispatch.Referral) string { return r.ID.String() })
	return rows, next, nil
}

const addReferralMoveSQL = `
INSERT INTO referral_moves (tenant_id, referral_id, version, from_state, to_state, owner, actor, reason, at)
VALUES (@tenant, @referral, @version, @from, @to, @owner, @actor, @reason, @at)`

// AddReferralMove implements dispatch.ReferralTx.
func (t *tx) AddReferralMove(ctx context.Context, m dispatch.ReferralMove) error {
	_, err := t.exec(ctx, addReferralMoveSQL, pgx.NamedArgs{
		"referral": m.Referral, "version": m.Version, "from": m.From, "to": m.To, "owner": m.Owner,
		"actor": m.Actor, "reason": m.Reason, "at": m.At,
	})
	return err
}

const referralMovesSQL = `
SELECT referral_id, version, from_state, to_state, owner, actor, reason, at
FROM referral_moves WHERE tenant_id = @tenant AND referral_id = @referral ORDER BY version`

// ReferralMoves implements dispatch.ReferralTx.
func (t *tx) ReferralMoves(ctx context.Context, id dispatch.ReferralID) ([]dispatch.ReferralMove, error) {
	return many(ctx, t, referralMovesSQL, pgx.NamedArgs{"referral": id}, func(row pgx.CollectableRow) (dispatch.ReferralMove, error) {
		var m dispatch.ReferralMove
		err := row.Scan(&m.Referral, &m.Version, &m.From, &m.To, &m.Owner, &m.Actor, &m.Reason, &m.At)
		return m, err
	})
}

const lockReferringTechnicianSQL = `
SELECT id FROM technicians WHERE tenant_id = @tenant AND id = @technician FOR NO KEY UPDATE`

const lockReferredCustomerSQL = `
SELECT id FROM customers WHERE tenant_id = @tenant AND id = @customer FOR NO KEY UPDATE`

// LockReferrer implements dispatch.ReferralTx: the technician first, then the
// customer, always.
func (t *tx) LockReferrer(ctx context.Context, technician dispatch.TechnicianID, customer dispatch.CustomerID) error {
	_, err := one(ctx, t, technician.Name(), lockReferringTechnicianSQL, pgx.NamedArgs{"technician": technician}, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	_, err = one(ctx, t, customer.Name(), lockReferredCustomerSQL, pgx.NamedArgs{"customer": customer}, pgx.RowTo[uuid.UUID])
	return err
}

const countReferralsSQL = `
SELECT count(*) FROM referrals
WHERE tenant_id = @tenant AND technician_id = @technician AND logged_at >= @since`

// CountReferrals implements dispatch.ReferralTx.
func (t *tx) CountReferrals(ctx context.Context, technician dispatch.TechnicianID, since time.Time) (int, error) {
	return one(ctx, t, technician.Name(), countReferralsSQL, pgx.NamedArgs{"technician": technician, "since": since}, pgx.RowTo[int])
}

const openReferralsOfSQL = `SELECT ` + referralColumns + `
FROM referrals r
WHERE r.tenant_id = @tenant AND r.customer_id = @customer AND r.logged_at >= @since
	AND r.state NOT IN ('won', 'lost', 'declined', 'expired')
ORDER BY r.logged_at, r.id`

// OpenReferralsOf implements dispatch.ReferralTx.
func (t *tx) OpenReferralsOf(ctx context.Context, customer dispatch.CustomerID, since time.Time) ([]dispatch.Referral, error) {
	return many(ctx, t, openReferralsOfSQL, pgx.NamedArgs{"customer": customer, "since": since}, scanReferral)
}

const openReferralLoadSQL = `
SELECT owner, count(*)
FROM referrals
WHERE tenant_id = @tenant AND state IN ('routed', 'accepted', 'contacted', 'qualified', 'quoted')
GROUP BY owner`

// OpenReferralLoad implements dispatch.ReferralTx.
func (t *tx) OpenReferralLoad(ctx context.Context) (map[string]int, error) {
	rows, err := t.db.Query(ctx, openReferralLoadSQL, t.args(pgx.NamedArgs{}))
	if err != nil {
		return nil, err
	}
	load := map[string]int{}
	var owner string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&owner, &n}, func() error {
		load[owner] = n
		return nil
	})
	return load, err
}
