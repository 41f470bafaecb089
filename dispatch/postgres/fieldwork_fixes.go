package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const fixColumns = `work_order_id, episode, service_id, technician_id, resolved_at, window_days, due_at, state, verdict,
	reason, repeat_work_order_id, judged_at, version`

func scanFix(row pgx.CollectableRow) (dispatch.FixEpisode, error) {
	var f dispatch.FixEpisode
	var technician, repeat *uuid.UUID
	err := row.Scan(&f.WorkOrder, &f.Episode, &f.Service, &technician, &f.ResolvedAt, &f.WindowDays, &f.DueAt, &f.State,
		&f.Verdict, &f.Reason, &repeat, &f.JudgedAt, &f.Version)
	f.Technician.UUID, f.Repeat.UUID = uuidOrZero(technician), uuidOrZero(repeat)
	return f, err
}

func fixArgs(f dispatch.FixEpisode) pgx.NamedArgs {
	return pgx.NamedArgs{
		"order": f.WorkOrder, "episode": f.Episode, "service": f.Service, "technician": orNull(f.Technician),
		"resolved": f.ResolvedAt, "days": f.WindowDays, "due": f.DueAt, "state": f.State, "verdict": f.Verdict,
		"reason": f.Reason, "repeat": orNull(f.Repeat), "judged": f.JudgedAt, "version": f.Version,
	}
}

const createFixSQL = `
INSERT INTO fix_episodes (tenant_id, work_order_id, episode, service_id, technician_id, resolved_at, window_days,
	due_at, state, verdict, reason, repeat_work_order_id, judged_at)
VALUES (@tenant, @order, @episode, @service, @technician, @resolved, @days, @due, @state, @verdict, @reason, @repeat,
	@judged)`

// CreateFixEpisode implements dispatch.FixTx.
func (t *tx) CreateFixEpisode(ctx context.Context, f dispatch.FixEpisode) error {
	_, err := t.exec(ctx, createFixSQL, fixArgs(f))
	return err
}

const lockFixSQL = `SELECT ` + fixColumns + `
FROM fix_episodes WHERE tenant_id = @tenant AND work_order_id = @order AND episode = @episode
FOR NO KEY UPDATE`

// LockFixEpisode implements dispatch.FixTx.
func (t *tx) LockFixEpisode(ctx context.Context, id dispatch.WorkOrderID, episode int) (dispatch.FixEpisode, error) {
	return one(ctx, t, dispatch.EpisodeName(id, episode), lockFixSQL, pgx.NamedArgs{"order": id, "episode": episode}, scanFix)
}

const saveFixSQL = `
UPDATE fix_episodes SET technician_id = @technician, resolved_at = @resolved, window_days = @days, due_at = @due,
	state = @state, verdict = @verdict, reason = @reason, repeat_work_order_id = @repeat, judged_at = @judged,
	version = version + 1
WHERE tenant_id = @tenant AND work_order_id = @order AND episode = @episode AND version = @version`

// SaveFixEpisode implements dispatch.FixTx.
func (t *tx) SaveFixEpisode(ctx context.Context, f dispatch.FixEpisode) error {
	return t.save(ctx, dispatch.EpisodeName(f.WorkOrder, f.Episode), f.Version, saveFixSQL, fixArgs(f))
}

// Three ways to be about the same issue, an index each.
const repeatsOfSQL = `SELECT ` + workOrderColumns + `
FROM work_orders
WHERE tenant_id = @tenant AND state <> 'cancelled' AND opened_at >= @from AND opened_at < @to AND id IN (
	SELECT w.id FROM work_orders w
	JOIN services s ON s.tenant_id = w.tenant_id AND s.id = w.service_id AND s.corrective
	WHERE w.tenant_id = @tenant AND w.site_id = @site AND w.service_id = @service
		AND w.opened_at >= @from AND w.opened_at < @to
	UNION
	SELECT w.id FROM work_orders w
	JOIN services s ON s.tenant_id = w.tenant_id AND s.id = w.service_id AND s.corrective
	WHERE w.tenant_id = @tenant AND w.asset_id = @asset AND w.opened_at >= @from AND w.opened_at < @to
	UNION
	SELECT w.id FROM work_orders w WHERE w.tenant_id = @tenant AND w.corrects_id = @id
)
AND id <> @id
ORDER BY opened_at, id`

// RepeatsOf implements dispatch.FixTx.
func (t *tx) RepeatsOf(ctx context.Context, w dispatch.WorkOrder, from, to time.Time) ([]dispatch.WorkOrder, error) {
	return many(ctx, t, repeatsOfSQL, pgx.NamedArgs{
		"id": w.ID, "site": w.Site, "service": w.Service, "asset": orNull(w.Asset), "from": from, "to": to,
	}, scanWorkOrder)
}

const provisionalFixesSQL = `
SELECT f.work_order_id, f.episode, f.service_id, f.technician_id, f.resolved_at, f.window_days, f.due_at, f.state,
	f.verdict, f.reason, f.repeat_work_order_id, f.judged_at, f.version
FROM (
	SELECT w.id, w.episode FROM work_orders w
	WHERE w.tenant_id = @tenant AND w.site_id = @site AND w.service_id = @service
	UNION
	SELECT w.id, w.episode FROM work_orders w WHERE w.tenant_id = @tenant AND w.asset_id = @asset
	UNION
	SELECT w.id, w.episode FROM work_orders w WHERE w.tenant_id = @tenant AND w.id = @corrects
) same
JOIN fix_episodes f ON f.tenant_id = @tenant AND f.work_order_id = same.id AND f.episode = same.episode
WHERE f.state = 'provisional' AND same.id <> @id AND f.resolved_at < @opened AND f.due_at > @opened
ORDER BY f.work_order_id`

// ProvisionalFixes implements dispatch.FixTx.
func (t *tx) ProvisionalFixes(ctx context.Context, w dispatch.WorkOrder) ([]dispatch.FixEpisode, error) {
	return many(ctx, t, provisionalFixesSQL, pgx.NamedArgs{
		"id": w.ID, "site": w.Site, "service": w.Service, "asset": orNull(w.Asset),
		"corrects": orNull(w.Corrects), "opened": w.OpenedAt,
	}, scanFix)
}
