package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// The methods of dispatch.RelayStore run as the relay's role, which sees what is
// due of every tenant and may change leases and little else.
var _ dispatch.RelayStore = (*Store)(nil)

// Only the oldest notice of a subject can be claimed, so that none overtakes it.
// It is looked up row by row with a limit, which can be nothing but a step in an
// index: as a join, before the statistics knew of a burst, it took quadratic time.
const claimNoticesSQL = `
WITH heads AS (
    SELECT n.tenant_id, n.id
    FROM notices n
    WHERE n.delivered_at IS NULL AND (n.kind IN ('work_order_opened', 'work_order_resolved')) = @bulk
      AND (n.leased_until IS NULL OR n.leased_until <= clock_timestamp())
      AND n.id = (
          SELECT oldest.id FROM notices oldest
          WHERE oldest.tenant_id = n.tenant_id AND oldest.subject = n.subject AND oldest.delivered_at IS NULL
          ORDER BY oldest.version, oldest.id
          LIMIT 1)
    ORDER BY n.id
    LIMIT @limit
    FOR UPDATE SKIP LOCKED)
UPDATE notices n
SET lease = @lease, leased_until = clock_timestamp() + @length, attempts = n.attempts + 1
FROM heads
WHERE n.tenant_id = heads.tenant_id AND n.id = heads.id
RETURNING n.id, n.tenant_id, n.subject, n.version, n.kind, n.payload, n.lease, n.attempts`

// ClaimNotices implements dispatch.RelayStore.
func (s *Store) ClaimNotices(ctx context.Context, bulk bool, limit int, lease time.Duration) ([]dispatch.LeasedNotice, error) {
	return relay(ctx, s, func(t *tx) ([]dispatch.LeasedNotice, error) {
		args := pgx.NamedArgs{"bulk": bulk, "limit": limit, "lease": newUUID(), "length": lease}
		claimed, err := many(ctx, t, claimNoticesSQL, args, scanNotice)
		slices.SortFunc(claimed, func(a, b dispatch.LeasedNotice) int { return bytes.Compare(a.ID.UUID[:], b.ID.UUID[:]) })
		return claimed, err
	})
}

func scanNotice(row pgx.CollectableRow) (dispatch.LeasedNotice, error) {
	var n dispatch.LeasedNotice
	err := row.Scan(&n.ID, &n.Tenant, &n.Subject, &n.Version, &n.Kind, &n.Payload, &n.Lease, &n.Attempts)
	return n, err
}

// The rows are written in one order, so that two relays do not wait for each
// other in a circle.
const askLooksSQL = `
INSERT INTO wakeups (tenant_id, workflow_id, kind, subject, due_at, asked_at, leased_until)
SELECT DISTINCT ON (a.tenant_id, a.workflow_id)
    a.tenant_id, a.workflow_id, a.kind, a.subject,
    (SELECT domain_now()), clock_timestamp(), clock_timestamp() + @length
FROM unnest(@tenants::uuid[], @workflows::text[], @kinds::text[], @subjects::text[]) AS a (tenant_id, workflow_id, kind, subject)
ORDER BY a.tenant_id, a.workflow_id
ON CONFLICT (tenant_id, workflow_id) DO UPDATE SET
    asked_at = EXCLUDED.asked_at,
    leased_until = EXCLUDED.leased_until,
    nudges = 0`

// AskLooks implements dispatch.RelayStore.
func (s *Store) AskLooks(ctx context.Context, asked []dispatch.Wakeup, lease time.Duration) error {
	return s.execRelay(ctx, askLooksSQL, wakeupArgs(asked, pgx.NamedArgs{"length": lease}))
}

const forgetLooksSQL = `
DELETE FROM wakeups w
USING unnest(@tenants::uuid[], @workflows::text[]) AS e (tenant_id, workflow_id)
WHERE w.tenant_id = e.tenant_id AND w.workflow_id = e.workflow_id`

// ForgetLooks implements dispatch.RelayStore.
func (s *Store) ForgetLooks(ctx context.Context, ended []dispatch.Wakeup) error {
	return s.execRelay(ctx, forgetLooksSQL, wakeupArgs(ended, pgx.NamedArgs{}))
}

const markDeliveredSQL = `
UPDATE notices n
SET delivered_at = clock_timestamp(), leased_until = NULL, lease = NULL, last_error = ''
FROM unnest(@tenants::uuid[], @ids::uuid[], @leases::uuid[]) AS d (tenant_id, id, lease)
WHERE n.tenant_id = d.tenant_id AND n.id = d.id AND n.lease = d.lease AND n.delivered_at IS NULL`

// MarkDelivered implements dispatch.RelayStore.
func (s *Store) MarkDelivered(ctx context.Context, notices []dispatch.LeasedNotice) (int, error) {
	return relay(ctx, s, func(t *tx) (int, error) {
		n, err := t.exec(ctx, markDeliveredSQL, noticeArgs(notices))
		return int(n), err
	})
}

const postponeNoticesSQL = `
UPDATE notices n
SET leased_until = clock_timestamp() + p.retry_in, lease = NULL, last_error = p.last_error
FROM unnest(@tenants::uuid[], @ids::uuid[], @leases::uuid[], @retries::interval[], @errors::text[])
    AS p (tenant_id, id, lease, retry_in, last_error)
WHERE n.tenant_id = p.tenant_id AND n.id = p.id AND n.lease = p.lease AND n.delivered_at IS NULL`

// PostponeNotices implements dispatch.RelayStore.
func (s *Store) PostponeNotices(ctx context.Context, notices []dispatch.LeasedNotice) error {
	args := noticeArgs(notices)
	retries, errs := make([]time.Duration, len(notices)), make([]string, len(notices))
	for i, n := range notices {
		retries[i], errs[i] = n.RetryIn, n.LastError
	}
	args["retries"], args["errors"] = retries, errs
	return s.execRelay(ctx, postponeNoticesSQL, args)
}

// The CASE is the one of the index. domain_now() stands in a subquery: called row
// by row it could use no index.
const claimWakeupsSQL = `
WITH due AS (
    SELECT w.tenant_id, w.workflow_id
    FROM wakeups w
    WHERE CASE WHEN w.asked_at IS NULL THEN w.due_at ELSE '-infinity'::timestamptz END <= (SELECT domain_now()) - @grace::interval
      AND (w.leased_until IS NULL OR w.leased_until <= clock_timestamp())
    ORDER BY CASE WHEN w.asked_at IS NULL THEN w.due_at ELSE '-infinity'::timestamptz END, w.workflow_id
    LIMIT @limit
    FOR UPDATE SKIP LOCKED)
UPDATE wakeups w
SET leased_until = clock_timestamp() + @length::interval * power(2, least(w.nudges, 7)), nudges = w.nudges + 1
FROM due
WHERE w.tenant_id = due.tenant_id AND w.workflow_id = due.workflow_id
RETURNING w.tenant_id, w.workflow_id, w.kind, w.subject, w.due_at`

// ClaimWakeups implements dispatch.RelayStore.
func (s *Store) ClaimWakeups(ctx context.Context, limit int, grace, lease time.Duration) ([]dispatch.Wakeup, error) {
	return relay(ctx, s, func(t *tx) ([]dispatch.Wakeup, error) {
		args := pgx.NamedArgs{"limit": limit, "grace": grace, "length": lease}
		return many(ctx, t, claimWakeupsSQL, args, func(row pgx.CollectableRow) (dispatch.Wakeup, error) {
			var w dispatch.Wakeup
			err := row.Scan(&w.Tenant, &w.Workflow, &w.Kind, &w.Subject, &w.DueAt)
			return w, err
		})
	})
}

const releaseWakeupsSQL = `
UPDATE wakeups w
SET leased_until = NULL, nudges = greatest(w.nudges - 1, 0)
FROM unnest(@tenants::uuid[], @workflows::text[]) AS r (tenant_id, workflow_id)
WHERE w.tenant_id = r.tenant_id AND w.workflow_id = r.workflow_id`

// ReleaseWakeups implements dispatch.RelayStore.
func (s *Store) ReleaseWakeups(ctx context.Context, wakeups []dispatch.Wakeup) error {
	return s.execRelay(ctx, releaseWakeupsSQL, wakeupArgs(wakeups, pgx.NamedArgs{}))
}

const claimDeliveriesSQL = `
WITH due AS (
    SELECT d.tenant_id, d.id
    FROM deliveries d
    WHERE d.state = 'pending' AND d.channel = @channel AND d.due_at <= (SELECT domain_now())
      AND (d.leased_until IS NULL OR d.leased_until <= clock_timestamp())
    ORDER BY d.due_at, d.id
    LIMIT @limit
    FOR UPDATE SKIP LOCKED)
UPDATE deliveries d
SET lease = @lease, leased_until = clock_timestamp() + @length, attempts = d.attempts + 1
FROM due
WHERE d.tenant_id = due.tenant_id AND d.id = due.id
RETURNING d.tenant_id, d.id, d.channel, d.template, d.subject, d.recipient, d.dedupe_key, d.state,
    d.state_reason, d.receipt, d.attempts, d.due_at, d.lease, d.created_at`

// ClaimDeliveries implements dispatch.RelayStore.
func (s *Store) ClaimDeliveries(ctx context.Context, channel dispatch.Channel, limit int, lease time.Duration) ([]dispatch.LeasedDelivery, error) {
	return relay(ctx, s, func(t *tx) ([]dispatch.LeasedDelivery, error) {
		args := pgx.NamedArgs{"channel": channel, "limit": limit, "lease": newUUID(), "length": lease}
		return many(ctx, t, claimDeliveriesSQL, args, func(row pgx.CollectableRow) (dispatch.LeasedDelivery, error) {
			var d dispatch.LeasedDelivery
			err := row.Scan(&d.Tenant, &d.ID, &d.Channel, &d.Template, &d.Subject, &d.Recipient, &d.DedupeKey, &d.State,
				&d.Reason, &d.Receipt, &d.Attempts, &d.DueAt, &d.Lease, &d.CreatedAt)
			return d, err
		})
	})
}

// One row per kind of work, each a step in an index. A notice behind one that is
// leased counts: who claims it will find out. The order of wakeups is what makes
// PostgreSQL use their index, and EXISTS would drop it: it believes that a third of
// them is due, and would read all that sleep to find that none is.
const whatIsDueSQL = `
SELECT kind
FROM (VALUES
    ('notices', EXISTS (
        SELECT FROM notices
        WHERE delivered_at IS NULL AND (kind IN ('work_order_opened', 'work_order_resolved')) = false
          AND (leased_until IS NULL OR leased_until <= clock_timestamp()))),
    ('bulk', EXISTS (
        SELECT FROM notices
        WHERE delivered_at IS NULL AND (kind IN ('work_order_opened', 'work_order_resolved')) = true
          AND (leased_until IS NULL OR leased_until <= clock_timestamp()))),
    ('wakeups', (
        SELECT true FROM wakeups
        WHERE CASE WHEN asked_at IS NULL THEN due_at ELSE '-infinity'::timestamptz END <= (SELECT domain_now()) - @grace::interval
          AND (leased_until IS NULL OR leased_until <= clock_timestamp())
        ORDER BY CASE WHEN asked_at IS NULL THEN due_at ELSE '-infinity'::timestamptz END
        LIMIT 1)),
    ('mail', EXISTS (
        SELECT FROM deliveries
        WHERE state = 'pending' AND channel = 'mail' AND due_at <= (SELECT domain_now())
          AND (leased_until IS NULL OR leased_until <= clock_timestamp()))),
    ('text', EXISTS (
        SELECT FROM deliveries
        WHERE state = 'pending' AND channel = 'text' AND due_at <= (SELECT domain_now())
          AND (leased_until IS NULL OR leased_until <= clock_timestamp()))),
    ('holds', EXISTS (
        SELECT FROM holds WHERE state = 'held' AND expires_at <= (SELECT domain_now()))),
    ('webhooks', EXISTS (
        SELECT FROM (` + readyEndpoints + `) e
        WHERE e.under_way < @per_endpoint AND EXISTS (
            SELECT FROM webhook_deliveries p
            WHERE ` + handOffIsDue + `)))
) AS work (kind, due)
WHERE due`

// WhatIsDue implements dispatch.RelayStore.
func (s *Store) WhatIsDue(ctx context.Context, grace time.Duration) ([]dispatch.Due, error) {
	return relay(ctx, s, func(t *tx) ([]dispatch.Due, error) {
		return many(ctx, t, whatIsDueSQL, pgx.NamedArgs{"grace": grace, "per_endpoint": dispatch.WebhooksPerEndpoint}, pgx.RowTo[dispatch.Due])
	})
}

const overdueHoldsSQL = `
SELECT tenant_id, id
FROM holds
WHERE state = 'held' AND expires_at <= (SELECT domain_now())
ORDER BY expires_at, id
LIMIT @limit`

// OverdueHolds implements dispatch.RelayStore.
func (s *Store) OverdueHolds(ctx context.Context, limit int) ([]dispatch.OverdueHold, error) {
	return relay(ctx, s, func(t *tx) ([]dispatch.OverdueHold, error) {
		return many(ctx, t, overdueHoldsSQL, pgx.NamedArgs{"limit": limit}, pgx.RowToStructByPos[dispatch.OverdueHold])
	})
}

// The relay may read when keys were written and nothing else of them, so they
// are deleted up to the age of the limit-th oldest.
const trimRequestsSQL = `
DELETE FROM idempotency_keys
WHERE created_at <= (
    SELECT max(oldest.created_at)
    FROM (
        SELECT created_at FROM idempotency_keys
        WHERE created_at < clock_timestamp() - @retention::interval
        ORDER BY created_at
        LIMIT @limit) AS oldest)`

const trimNoticesSQL = `
DELETE FROM notices n
USING (
    SELECT tenant_id, id FROM notices
    WHERE delivered_at < clock_timestamp() - @retention::interval
    ORDER BY delivered_at
    LIMIT @limit) AS oldest
WHERE n.tenant_id = oldest.tenant_id AND n.id = oldest.id`

const trimHandOffsSQL = `
DELETE FROM webhook_deliveries d
USING (
    SELECT tenant_id, id FROM webhook_deliveries
    WHERE finished_at < (SELECT domain_now()) - @retention::interval
    ORDER BY finished_at
    LIMIT @limit) AS oldest
WHERE d.tenant_id = oldest.tenant_id AND d.id = oldest.id`

// Trim implements dispatch.RelayStore.
func (s *Store) Trim(ctx context.Context, limit int, keep dispatch.Retention) (int, error) {
	return relay(ctx, s, func(t *tx) (sum int, err error) {
		for _, trim := range []struct {
			sql       string
			retention time.Duration
		}{{trimRequestsSQL, keep.Requests}, {trimNoticesSQL, keep.Notices}, {trimHandOffsSQL, keep.Webhooks}} {
			n, err := t.exec(ctx, trim.sql, pgx.NamedArgs{"limit": limit, "retention": trim.retention})
			if err != nil {
				return 0, err
			}
			sum += int(n)
		}
		return sum, nil
	})
}

const backlogSQL = `
SELECT
    (SELECT count(*) FROM notices WHERE delivered_at IS NULL),
    (SELECT count(*) FROM wakeups
     WHERE CASE WHEN asked_at IS NULL THEN due_at ELSE '-infinity'::timestamptz END <= (SELECT domain_now())),
    (SELECT count(*) FROM deliveries WHERE state = 'pending' AND due_at <= (SELECT domain_now()))
    + (SELECT count(*) FROM webhook_deliveries d JOIN webhook_endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
       WHERE d.state = 'pending' AND d.due_at <= (SELECT domain_now()) AND ` + endpointIsReady + `),
    (SELECT count(*) FROM holds WHERE state = 'held' AND expires_at <= (SELECT domain_now()))`

// Backlog implements dispatch.RelayStore.
func (s *Store) Backlog(ctx context.Context) (dispatch.Backlog, error) {
	return relay(ctx, s, func(t *tx) (dispatch.Backlog, error) {
		return one(ctx, t, "", backlogSQL, pgx.NamedArgs{}, pgx.RowToStructByPos[dispatch.Backlog])
	})
}

// relay runs fn in a transaction of the relay's role and gives what it gives.
func relay[T any](ctx context.Context, s *Store, fn func(*tx) (T, error)) (T, error) {
	var out T
	err := s.inRelay(ctx, func(_ context.Context, t *tx) error {
		var err error
		out, err = fn(t)
		return err
	})
	return out, err
}

func (s *Store) execRelay(ctx context.Context, sql string, args pgx.NamedArgs) error {
	_, err := relay(ctx, s, func(t *tx) (int64, error) { return t.exec(ctx, sql, args) })
	return err
}

// noticeArgs spreads notices into the arrays that name them and their leases.
func noticeArgs(notices []dispatch.LeasedNotice) pgx.NamedArgs {
	tenants, ids, leases := make([]uuid.UUID, len(notices)), make([]uuid.UUID, len(notices)), make([]uuid.UUID, len(notices))
	for i, n := range notices {
		tenants[i], ids[i], leases[i] = n.Tenant.UUID, n.ID.UUID, n.Lease
	}
	return pgx.NamedArgs{"tenants": tenants, "ids": ids, "leases": leases}
}

// wakeupArgs spreads wakeups into arrays, beside args.
func wakeupArgs(wakeups []dispatch.Wakeup, args pgx.NamedArgs) pgx.NamedArgs {
	n := len(wakeups)
	tenants, workflows, kinds, subjects := make([]uuid.UUID, n), make([]string, n), make([]string, n), make([]string, n)
	for i, w := range wakeups {
		tenants[i], workflows[i], kinds[i], subjects[i] = w.Tenant.UUID, w.Workflow, w.Kind, w.Subject
	}
	args["tenants"], args["workflows"], args["kinds"], args["subjects"] = tenants, workflows, kinds, subjects
	return args
}
