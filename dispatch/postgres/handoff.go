package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const endpointColumns = `e.id, e.display_name, e.url, e.format, e.state, e.state_reason, e.key_number, e.previous_until,
	e.failures, e.rests_until, e.created_at, e.version`

func scanEndpoint(row pgx.CollectableRow) (dispatch.WebhookEndpoint, error) {
	var e dispatch.WebhookEndpoint
	var previous, rests *time.Time
	err := row.Scan(&e.ID, &e.DisplayName, &e.URL, &e.Format, &e.State, &e.StateReason, &e.KeyNumber, &previous,
		&e.Failures, &rests, &e.CreatedAt, &e.Version)
	e.PreviousUntil, e.RestsUntil = timeOrZero(previous), timeOrZero(rests)
	return e, err
}

const createEndpointSQL = `
INSERT INTO webhook_endpoints (tenant_id, id, display_name, url, format, state, key_number, created_at)
VALUES (@tenant, @id, @display_name, @url, @format, @state, @key_number, @created_at)`

// CreateWebhookEndpoint implements dispatch.HandOffTx.
func (t *tx) CreateWebhookEndpoint(ctx context.Context, e dispatch.WebhookEndpoint) error {
	return t.create(ctx, e.Name(), createEndpointSQL, pgx.NamedArgs{
		"id": e.ID, "display_name": e.DisplayName, "url": e.URL, "format": e.Format, "state": e.State,
		"key_number": e.KeyNumber, "created_at": e.CreatedAt,
	})
}

const getEndpointSQL = `SELECT ` + endpointColumns + `
FROM webhook_endpoints e WHERE e.tenant_id = @tenant AND e.id = @id`

// GetWebhookEndpoint implements dispatch.HandOffTx.
func (t *tx) GetWebhookEndpoint(ctx context.Context, id dispatch.WebhookEndpointID) (dispatch.WebhookEndpoint, error) {
	return one(ctx, t, id.Name(), getEndpointSQL, pgx.NamedArgs{"id": id}, scanEndpoint)
}

const lockEndpointSQL = getEndpointSQL + ` FOR NO KEY UPDATE`

// LockWebhookEndpoint implements dispatch.HandOffTx.
func (t *tx) LockWebhookEndpoint(ctx context.Context, id dispatch.WebhookEndpointID) (dispatch.WebhookEndpoint, error) {
	return one(ctx, t, id.Name(), lockEndpointSQL, pgx.NamedArgs{"id": id}, scanEndpoint)
}

const saveEndpointSQL = `
UPDATE webhook_endpoints SET display_name = @display_name, url = @url, format = @format, state = @state,
	state_reason = @state_reason, key_number = @key_number, previous_until = @previous, failures = @failures,
	rests_until = @rests, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveWebhookEndpoint implements dispatch.HandOffTx.
func (t *tx) SaveWebhookEndpoint(ctx context.Context, e dispatch.WebhookEndpoint) error {
	return t.save(ctx, e.Name(), e.Version, saveEndpointSQL, pgx.NamedArgs{
		"id": e.ID, "display_name": e.DisplayName, "url": e.URL, "format": e.Format, "state": e.State, "state_reason": e.StateReason,
		"key_number": e.KeyNumber, "previous": timeOrNull(e.PreviousUntil), "failures": e.Failures, "rests": timeOrNull(e.RestsUntil),
		"version": e.Version,
	})
}

const pageEndpointsSQL = `SELECT ` + endpointColumns + `
FROM webhook_endpoints e WHERE e.tenant_id = @tenant AND e.id > @after ORDER BY e.id LIMIT @limit`

// PageWebhookEndpoints implements dispatch.HandOffTx.
func (t *tx) PageWebhookEndpoints(ctx context.Context, page dispatch.Page) ([]dispatch.WebhookEndpoint, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := many(ctx, t, pageEndpointsSQL, pgx.NamedArgs{"after": after, "limit": page.Size + 1}, scanEndpoint)
	rows, next := cut(rows, page.Size, func(e dispatch.WebhookEndpoint) string { return e.ID.String() })
	return rows, next, err
}

const countEndpointsSQL = `SELECT count(*) FROM webhook_endpoints WHERE tenant_id = @tenant`

// CountWebhookEndpoints implements dispatch.HandOffTx.
func (t *tx) CountWebhookEndpoints(ctx context.Context) (int, error) {
	return one(ctx, t, "", countEndpointsSQL, pgx.NamedArgs{}, pgx.RowTo[int])
}

const enabledEndpointsSQL = `SELECT id FROM webhook_endpoints WHERE tenant_id = @tenant AND state = 'enabled' ORDER BY id`

// EnabledWebhookEndpoints implements dispatch.HandOffTx.
func (t *tx) EnabledWebhookEndpoints(ctx context.Context) ([]dispatch.WebhookEndpointID, error) {
	return many(ctx, t, enabledEndpointsSQL, pgx.NamedArgs{}, pgx.RowTo[dispatch.WebhookEndpointID])
}

const noteReachableSQL = `
UPDATE webhook_endpoints SET failures = @failures, rests_until = @rests WHERE tenant_id = @tenant AND id = @id`

// NoteReachable implements dispatch.HandOffTx.
func (t *tx) NoteReachable(ctx context.Context, id dispatch.WebhookEndpointID, failures int, restsUntil time.Time) error {
	_, err := t.exec(ctx, noteReachableSQL, pgx.NamedArgs{"id": id, "failures": failures, "rests": timeOrNull(restsUntil)})
	return err
}

const handOffColumns = `d.id, d.endpoint_id, d.referral_id, d.version, d.event, d.lead, d.state, d.state_reason, d.status,
	d.attempts, d.due_at, d.retry_since, d.lease, d.created_at, d.finished_at`

func scanHandOff(row pgx.CollectableRow) (dispatch.WebhookDelivery, error) {
	var d dispatch.WebhookDelivery
	var referral, lease *uuid.UUID
	var lead []byte
	var finished *time.Time
	err := row.Scan(&d.ID, &d.Endpoint, &referral, &d.Version, &d.Event, &lead, &d.State, &d.Reason, &d.Status,
		&d.Attempts, &d.DueAt, &d.RetrySince, &lease, &d.CreatedAt, &finished)
	if err != nil {
		return d, err
	}
	d.Referral.UUID, d.Lease, d.FinishedAt = uuidOrZero(referral), uuidOrZero(lease), timeOrZero(finished)
	if lead != nil {
		if err := json.Unmarshal(lead, &d.Lead); err != nil {
			return d, fmt.Errorf("read the lead of %s: %w", d.Name(), err)
		}
	}
	return d, nil
}

const createHandOffSQL = `
INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, referral_id, version, event, lead, state, due_at, retry_since, created_at)
VALUES (@tenant, @id, @endpoint, @referral, @version, @event, @lead, @state, @due, @due, @created)`

// CreateWebhookDelivery implements dispatch.HandOffTx.
func (t *tx) CreateWebhookDelivery(ctx context.Context, d dispatch.WebhookDelivery) error {
	args := pgx.NamedArgs{
		"id": d.ID, "endpoint": d.Endpoint, "referral": orNull(d.Referral), "version": d.Version, "event": d.Event, "lead": nil,
		"state": d.State, "due": d.DueAt, "created": d.CreatedAt,
	}
	if d.Lead != nil {
		lead, err := json.Marshal(d.Lead)
		if err != nil {
			return fmt.Errorf("write the lead of %s: %w", d.Name(), err)
		}
		args["lead"] = lead
	}
	_, err := t.exec(ctx, createHandOffSQL, args)
	return err
}

const getHandOffSQL = `SELECT ` + handOffColumns + `
FROM webhook_deliveries d WHERE d.tenant_id = @tenant AND d.id = @id`

// GetWebhookDelivery implements dispatch.HandOffTx.
func (t *tx) GetWebhookDelivery(ctx context.Context, id dispatch.WebhookDeliveryID) (dispatch.WebhookDelivery, error) {
	return one(ctx, t, id.Name(), getHandOffSQL, pgx.NamedArgs{"id": id}, scanHandOff)
}

// Each filter that is not asked for is true by itself, so that the planner sees
// only the others.
const pageHandOffsSQL = `SELECT ` + handOffColumns + `
FROM webhook_deliveries d
WHERE d.tenant_id = @tenant AND d.id > @after
	AND (@endpoint::uuid IS NULL OR d.endpoint_id = @endpoint)
	AND (@referral::uuid IS NULL OR d.referral_id = @referral)
	AND (@state = '' OR d.state = @state)
ORDER BY d.id
LIMIT @limit`

// PageWebhookDeliveries implements dispatch.HandOffTx.
func (t *tx) PageWebhookDeliveries(ctx context.Context, f dispatch.WebhookDeliveryFilter, page dispatch.Page) ([]dispatch.WebhookDelivery, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, pageHandOffsSQL, pgx.NamedArgs{
		"after": after, "endpoint": orNull(f.Endpoint), "referral": orNull(f.Referral), "state": f.State, "limit": page.Size + 1,
	}, scanHandOff)
	rows, next := cut(rows, page.Size, func(d dispatch.WebhookDelivery) string { return d.ID.String() })
	return rows, next, err
}

const reviveHandOffsSQL = `
UPDATE webhook_deliveries
SET state = 'pending', state_reason = '', attempts = 0, due_at = @now, retry_since = @now, finished_at = NULL
WHERE tenant_id = @tenant AND endpoint_id = @endpoint AND state = 'dead'
	AND (@from::timestamptz IS NULL OR created_at >= @from) AND (@to::timestamptz IS NULL OR created_at < @to)`

// ReviveWebhookDeliveries implements dispatch.HandOffTx.
func (t *tx) ReviveWebhookDeliveries(ctx context.Context, id dispatch.WebhookEndpointID, made dispatch.Span, now time.Time) (int64, error) {
	return t.exec(ctx, reviveHandOffsSQL, pgx.NamedArgs{
		"endpoint": id, "from": timeOrNull(made.Start), "to": timeOrNull(made.End), "now": now,
	})
}

const killHandOffsSQL = `
UPDATE webhook_deliveries
SET state = 'dead', state_reason = @reason, finished_at = @now, leased_until = NULL, lease = NULL
WHERE tenant_id = @tenant AND endpoint_id = @endpoint AND state = 'pending'`

// KillWebhookDeliveries implements dispatch.HandOffTx.
func (t *tx) KillWebhookDeliveries(ctx context.Context, id dispatch.WebhookEndpointID, reason string, now time.Time) error {
	_, err := t.exec(ctx, killHandOffsSQL, pgx.NamedArgs{"endpoint": id, "reason": reason, "now": now})
	return err
}

// What was delivered is forgotten: the referral still says it, and the CRM has it.
const settleHandOffSQL = `
UPDATE webhook_deliveries
SET state = @state, state_reason = @reason, status = @status, due_at = @due, finished_at = @finished,
	lead = CASE WHEN @state = 'delivered' THEN NULL ELSE lead END, leased_until = NULL, lease = NULL
WHERE tenant_id = @tenant AND id = @id AND lease = @lease AND state = 'pending'`

// SettleWebhookDelivery implements dispatch.HandOffTx.
func (t *tx) SettleWebhookDelivery(ctx context.Context, d dispatch.WebhookDelivery) (bool, error) {
	n, err := t.exec(ctx, settleHandOffSQL, pgx.NamedArgs{
		"id": d.ID, "state": d.State, "reason": d.Reason, "status": d.Status, "due": d.DueAt,
		"finished": timeOrNull(d.FinishedAt), "lease": d.Lease,
	})
	return n == 1, err
}

// readyEndpoints are those that may be posted to now, with how many posts are under
// way. They are few: what is due is looked up endpoint by endpoint, so that a
// million rows of one that rests are not read for another.
const readyEndpoints = `
SELECT e.tenant_id, e.id, (
		SELECT count(*) FROM webhook_deliveries u
		WHERE u.tenant_id = e.tenant_id AND u.endpoint_id = e.id AND u.state = 'pending' AND u.leased_until > clock_timestamp()
	) AS under_way
FROM webhook_endpoints e
WHERE ` + endpointIsReady

const endpointIsReady = `e.state = 'enabled' AND (e.rests_until IS NULL OR e.rests_until <= (SELECT domain_now()))`

// handOffIsDue is a delivery p to an endpoint e that somebody may claim.
const handOffIsDue = `p.tenant_id = e.tenant_id AND p.endpoint_id = e.id AND p.state = 'pending' AND p.due_at <= (SELECT domain_now())
			AND (p.leased_until IS NULL OR p.leased_until <= clock_timestamp())`

// Endpoints with the fewest posts under way come first, then those that have waited
// longest: where there is little room, none takes it all. No more rows are locked than
// could be claimed.
const claimWebhooksSQL = `
WITH ready AS (
	SELECT e.tenant_id, e.id, e.under_way, first.due_at
	FROM (` + readyEndpoints + `) e
	CROSS JOIN LATERAL (
		SELECT p.due_at
		FROM webhook_deliveries p
		WHERE ` + handOffIsDue + `
		ORDER BY p.due_at, p.id
		LIMIT 1) first
	WHERE e.under_way < @per_endpoint
	ORDER BY e.under_way, first.due_at
	LIMIT @limit),
due AS (
	SELECT d.tenant_id, d.id
	FROM ready e
	CROSS JOIN LATERAL (
		SELECT p.tenant_id, p.id
		FROM webhook_deliveries p
		WHERE ` + handOffIsDue + `
		ORDER BY p.due_at, p.id
		LIMIT @per_endpoint - e.under_way
		FOR UPDATE SKIP LOCKED) d
	ORDER BY e.under_way, e.due_at
	LIMIT @limit)
UPDATE webhook_deliveries d
SET lease = @lease, leased_until = clock_timestamp() + @length, attempts = d.attempts + 1
FROM due
WHERE d.tenant_id = due.tenant_id AND d.id = due.id
RETURNING d.tenant_id, d.id, d.endpoint_id, d.lease`

// ClaimWebhooks implements dispatch.RelayStore.
func (s *Store) ClaimWebhooks(ctx context.Context, limit int, lease time.Duration) ([]dispatch.LeasedWebhookDelivery, error) {
	return relay(ctx, s, func(t *tx) ([]dispatch.LeasedWebhookDelivery, error) {
		args := pgx.NamedArgs{"limit": limit, "per_endpoint": dispatch.WebhooksPerEndpoint, "lease": newUUID(), "length": lease}
		return many(ctx, t, claimWebhooksSQL, args, pgx.RowToStructByPos[dispatch.LeasedWebhookDelivery])
	})
}
