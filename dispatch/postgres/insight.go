package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// The measures read ranges of time by their indexes; a planning area narrows what
// was read, since it is asked for seldom and excludes little.

func scopeArgs(s dispatch.Scope) pgx.NamedArgs {
	return pgx.NamedArgs{"from": s.Period.Start, "to": s.Period.End, "area": s.PlanningArea}
}

const countRequestsSQL = `
SELECT
	(SELECT count(*) FROM work_orders w
		WHERE w.tenant_id = @tenant AND w.opened_at >= @from AND w.opened_at < @to
			AND (@area = '' OR w.planning_area_id = @area)),
	(SELECT count(*) FROM slot_searches s
		WHERE s.tenant_id = @tenant AND s.at >= @from AND s.at < @to
			AND (@area = '' OR s.planning_area_id = @area)),
	(SELECT count(*) FROM slot_searches s
		WHERE s.tenant_id = @tenant AND s.at >= @from AND s.at < @to AND s.offered > 0
			AND (@area = '' OR s.planning_area_id = @area)),
	(SELECT count(*) FROM appointments a
		JOIN work_orders w ON w.tenant_id = a.tenant_id AND w.id = a.work_order_id
		WHERE a.tenant_id = @tenant AND a.booked_at >= @from AND a.booked_at < @to
			AND (@area = '' OR w.planning_area_id = @area))`

// CountRequests implements dispatch.InsightTx.
func (t *tx) CountRequests(ctx context.Context, s dispatch.Scope) (dispatch.RequestCounts, error) {
	return one(ctx, t, "", countRequestsSQL, scopeArgs(s), pgx.RowToStructByPos[dispatch.RequestCounts])
}

const countRefusalsSQL = `
SELECT no_offer_reason, count(*)
FROM slot_searches
WHERE tenant_id = @tenant AND at >= @from AND at < @to AND offered = 0
	AND (@area = '' OR planning_area_id = @area)
GROUP BY no_offer_reason`

// CountRefusals implements dispatch.InsightTx.
func (t *tx) CountRefusals(ctx context.Context, s dispatch.Scope) (map[dispatch.NoOfferReason]int64, error) {
	return tally[dispatch.NoOfferReason](ctx, t, countRefusalsSQL, scopeArgs(s))
}

const countWindowsSQL = `
SELECT count(*) FILTER (WHERE p.outcome = 'kept'),
	count(*) FILTER (WHERE p.outcome = 'missed'),
	count(*) FILTER (WHERE p.outcome = 'open')
FROM promises p
JOIN appointments a ON a.tenant_id = p.tenant_id AND a.id = p.appointment_id
JOIN work_orders w ON w.tenant_id = a.tenant_id AND w.id = a.work_order_id
WHERE p.tenant_id = @tenant AND p.window_start >= @from AND p.window_start < @to
	AND (@area = '' OR w.planning_area_id = @area)`

// CountWindows implements dispatch.InsightTx.
func (t *tx) CountWindows(ctx context.Context, s dispatch.Scope) (dispatch.WindowCounts, error) {
	return one(ctx, t, "", countWindowsSQL, scopeArgs(s), pgx.RowToStructByPos[dispatch.WindowCounts])
}

const sumTimeSQL = `
WITH shift AS (
	SELECT id, ends_at - starts_at AS length FROM shifts
	WHERE tenant_id = @tenant AND starts_at >= @from AND starts_at < @to
		AND (@area = '' OR planning_area_id = @area)
), spent AS (
	SELECT c.kind, sum(c.travel_seconds) AS travel, sum(extract(epoch FROM c.ends_at - c.starts_at)) AS site
	FROM shift JOIN commitments c ON c.tenant_id = @tenant AND c.shift_id = shift.id
	WHERE c.state IN ('planned', 'under_way', 'done')
	GROUP BY c.kind
)
SELECT coalesce((SELECT travel FROM spent WHERE kind = 'visit'), 0)::bigint,
	coalesce((SELECT site FROM spent WHERE kind = 'visit'), 0)::bigint,
	coalesce((SELECT extract(epoch FROM sum(length)) FROM shift), 0)::bigint,
	coalesce((SELECT sum(site) FROM spent WHERE kind IN ('break', 'absence')), 0)::bigint`

// SumTime implements dispatch.InsightTx.
func (t *tx) SumTime(ctx context.Context, s dispatch.Scope) (dispatch.TimeSums, error) {
	return one(ctx, t, "", sumTimeSQL, scopeArgs(s), func(row pgx.CollectableRow) (dispatch.TimeSums, error) {
		var travel, work, shifts, pauses int64
		err := row.Scan(&travel, &work, &shifts, &pauses)
		return dispatch.TimeSums{
			Travel: fromSeconds(travel), Work: fromSeconds(work), Shifts: fromSeconds(shifts), Pauses: fromSeconds(pauses),
		}, err
	})
}

// Only the current episode of a work order that is resolved counts: what came
// before is history.
const countFixesSQL = `
SELECT f.service_id, f.window_days,
	count(*) FILTER (WHERE f.verdict = 'first_time_fix'),
	count(*) FILTER (WHERE f.verdict = 'repeat_visit'),
	count(*) FILTER (WHERE f.verdict = 'not_counted'),
	count(*) FILTER (WHERE f.verdict <> 'not_counted' AND f.state = 'provisional')
FROM fix_episodes f
JOIN work_orders w ON w.tenant_id = f.tenant_id AND w.id = f.work_order_id AND w.episode = f.episode AND w.state = 'resolved'
WHERE f.tenant_id = @tenant AND f.resolved_at >= @from AND f.resolved_at < @to
	AND (@service = '' OR f.service_id = @service)
	AND (@area = '' OR w.planning_area_id = @area)
GROUP BY f.service_id, f.window_days
ORDER BY f.service_id, f.window_days`

// CountFixes implements dispatch.InsightTx.
func (t *tx) CountFixes(ctx context.Context, s dispatch.Scope, service dispatch.ServiceID) ([]dispatch.FixCounts, error) {
	args := scopeArgs(s)
	args["service"] = service
	return many(ctx, t, countFixesSQL, args, pgx.RowToStructByPos[dispatch.FixCounts])
}

const countReferralStatesSQL = `
SELECT r.state, count(*)
FROM referrals r
JOIN work_orders w ON w.tenant_id = r.tenant_id AND w.id = r.work_order_id
WHERE r.tenant_id = @tenant AND r.logged_at >= @from AND r.logged_at < @to
	AND (@area = '' OR w.planning_area_id = @area)
GROUP BY r.state`

// CountReferralStates implements dispatch.InsightTx.
func (t *tx) CountReferralStates(ctx context.Context, s dispatch.Scope) (map[dispatch.ReferralState]int64, error) {
	return tally[dispatch.ReferralState](ctx, t, countReferralStatesSQL, scopeArgs(s))
}

// How far a referral came is the furthest stage of its moves; what it cost is what the
// ledger has given its payees. Stages are numbered from 0, logged, to 5, won.
const funnelReferralsSQL = `
WITH logged AS (
	SELECT r.duplicate_of IS NOT NULL AS duplicate, r.state, r.value_minor, r.logged_at, r.accepted_at, r.contacted_at,
		CASE @by WHEN 'service' THEN coalesce(r.service_id, '') WHEN 'territory' THEN coalesce(p.territory_id, '')
			WHEN 'desk' THEN coalesce(r.sales_desk_id, '') ELSE '' END AS key,
		coalesce((
			SELECT max(array_position(ARRAY['accepted', 'contacted', 'qualified', 'quoted', 'won'], m.to_state)) FROM referral_moves m
			WHERE m.tenant_id = @tenant AND m.referral_id = r.id), 0) AS stage,
		r.state IN ('lost', 'declined', 'expired') AS ended,
		(SELECT s.state <> 'reversed' FROM sales s WHERE s.tenant_id = @tenant AND s.referral_id = r.id) AS stands,
		coalesce((
			SELECT sum(e.amount_minor) FROM pay_entries e
			WHERE e.tenant_id = @tenant AND e.referral_id = r.id AND e.account = 'payable'), 0) AS pay
	FROM referrals r
	JOIN work_orders w ON w.tenant_id = @tenant AND w.id = r.work_order_id
	JOIN sites p ON p.tenant_id = @tenant AND p.id = r.site_id
	WHERE r.tenant_id = @tenant AND r.logged_at >= @from AND r.logged_at < @to
		AND (@area = '' OR w.planning_area_id = @area)
), own AS (
	SELECT *, extract(epoch FROM accepted_at - logged_at) AS accepted_after, extract(epoch FROM contacted_at - logged_at) AS contacted_after
	FROM logged WHERE NOT duplicate
)
SELECT coalesce(key, ''), grouping(key) = 1, count(*), (SELECT count(*) FROM logged d WHERE d.duplicate AND (grouping(own.key) = 1 OR d.key = own.key)),
	ARRAY[count(*) FILTER (WHERE stage >= 1), count(*) FILTER (WHERE stage >= 2), count(*) FILTER (WHERE stage >= 3),
		count(*) FILTER (WHERE stage >= 4), count(*) FILTER (WHERE stage >= 5)],
	ARRAY[count(*) FILTER (WHERE stage >= 1 OR ended), count(*) FILTER (WHERE stage >= 2 OR stage = 1 AND ended),
		count(*) FILTER (WHERE stage >= 3 OR stage = 2 AND ended), count(*) FILTER (WHERE stage >= 4 OR stage = 3 AND ended),
		count(*) FILTER (WHERE stage >= 5 OR stage = 4 AND ended)],
	count(accepted_after), coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY accepted_after), 0)::bigint,
	coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY accepted_after), 0)::bigint,
	count(contacted_after), coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY contacted_after), 0)::bigint,
	coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY contacted_after), 0)::bigint,
	coalesce(sum(value_minor) FILTER (WHERE stands), 0)::bigint, coalesce(sum(pay), 0)::bigint
FROM own
GROUP BY GROUPING SETS ((key), ())
ORDER BY grouping(key), key`

// FunnelReferrals implements dispatch.InsightTx.
func (t *tx) FunnelReferrals(ctx context.Context, s dispatch.Scope, by dispatch.ReferralGrouping) ([]dispatch.ReferralFunnel, error) {
	args := scopeArgs(s)
	args["by"] = by
	return many(ctx, t, funnelReferralsSQL, args, func(row pgx.CollectableRow) (dispatch.ReferralFunnel, error) {
		var f dispatch.ReferralFunnel
		var acceptHalf, acceptNine, contactHalf, contactNine int64
		err := row.Scan(&f.Key, &f.Total, &f.Logged, &f.Duplicates, &f.Reached, &f.Decided,
			&f.ToAccept.Count, &acceptHalf, &acceptNine, &f.ToContact.Count, &contactHalf, &contactNine, &f.WonValue, &f.Pay)
		f.ToAccept.Median, f.ToAccept.NinthDecile = fromSeconds(acceptHalf), fromSeconds(acceptNine)
		f.ToContact.Median, f.ToContact.NinthDecile = fromSeconds(contactHalf), fromSeconds(contactNine)
		return f, err
	})
}

// Whose area a message belongs to is looked up only where an area is asked for.
const countDeliveriesSQL = `
SELECT d.template, d.state, count(*)
FROM deliveries d
WHERE d.tenant_id = @tenant AND d.created_at >= @from AND d.created_at < @to
	AND (@area = '' OR EXISTS (
		SELECT FROM appointments a
		JOIN work_orders w ON w.tenant_id = a.tenant_id AND w.id = a.work_order_id
		WHERE a.tenant_id = @tenant AND a.id = substring(d.subject FROM '^appointments/(.{36})$')::uuid
			AND w.planning_area_id = @area))
GROUP BY d.template, d.state
ORDER BY d.template, d.state`

// CountDeliveries implements dispatch.InsightTx.
func (t *tx) CountDeliveries(ctx context.Context, s dispatch.Scope) ([]dispatch.DeliveryCount, error) {
	return many(ctx, t, countDeliveriesSQL, scopeArgs(s), pgx.RowToStructByPos[dispatch.DeliveryCount])
}

// A commitment is at most 24 hours long, so its overlaps start within a day of
// it: the bounds keep the inner scan on the index.
const countDoubleBookingsSQL = `
SELECT count(*)
FROM commitments a
JOIN shifts s ON s.tenant_id = a.tenant_id AND s.id = a.shift_id
JOIN commitments b ON b.tenant_id = a.tenant_id AND b.technician_id = a.technician_id AND b.id > a.id
	AND b.starts_at < a.ends_at AND a.starts_at < b.ends_at
	AND b.starts_at >= a.starts_at - interval '24 hours' AND b.starts_at < a.starts_at + interval '24 hours'
	AND b.state IN ('held', 'planned') AND b.overlap_allowed_by IS NULL
WHERE a.tenant_id = @tenant AND a.state IN ('held', 'planned') AND a.overlap_allowed_by IS NULL
	AND a.starts_at >= @from AND a.starts_at < @to
	AND (@area = '' OR s.planning_area_id = @area)`

// CountDoubleBookings implements dispatch.InsightTx.
func (t *tx) CountDoubleBookings(ctx context.Context, s dispatch.Scope) (int64, error) {
	return one(ctx, t, "", countDoubleBookingsSQL, scopeArgs(s), pgx.RowTo[int64])
}

// tally reads counts by a word.
func tally[W ~string](ctx context.Context, t *tx, sql string, pairs pgx.NamedArgs) (map[W]int64, error) {
	rows, err := t.db.Query(ctx, sql, t.args(pairs))
	if err != nil {
		return nil, err
	}
	out := map[W]int64{}
	var word string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&word, &n}, func() error {
		out[W(word)] = n
		return nil
	})
	return out, err
}
