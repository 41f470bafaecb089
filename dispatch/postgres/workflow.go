package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// now() is when the transaction began, on the real clock like asked_at: rows
// that were committed before somebody asked are seen by a transaction that began
// after he asked, and only by that.
const setWakeupSQL = `
INSERT INTO wakeups (tenant_id, workflow_id, kind, subject, due_at)
VALUES (@tenant, @workflow, @kind, @subject, @due)
ON CONFLICT (tenant_id, workflow_id) DO UPDATE SET
    kind = EXCLUDED.kind,
    subject = EXCLUDED.subject,
    due_at = EXCLUDED.due_at,
    asked_at = CASE WHEN wakeups.asked_at >= now() THEN wakeups.asked_at END,
    leased_until = CASE
        WHEN wakeups.asked_at >= now() THEN wakeups.leased_until
        WHEN wakeups.asked_at IS NULL AND wakeups.due_at = EXCLUDED.due_at THEN wakeups.leased_until
    END,
    nudges = CASE WHEN wakeups.due_at = EXCLUDED.due_at THEN wakeups.nudges ELSE 0 END`

// SetWakeup implements dispatch.WorkflowTx.
func (t *tx) SetWakeup(ctx context.Context, w dispatch.Wakeup) error {
	_, err := t.exec(ctx, setWakeupSQL, pgx.NamedArgs{
		"workflow": w.Workflow, "kind": w.Kind, "subject": w.Subject, "due": w.DueAt,
	})
	return err
}

const clearWakeupSQL = `
DELETE FROM wakeups
WHERE tenant_id = @tenant AND workflow_id = @workflow AND (asked_at IS NULL OR asked_at < now())`

// ClearWakeup implements dispatch.WorkflowTx.
func (t *tx) ClearWakeup(ctx context.Context, workflow string) error {
	_, err := t.exec(ctx, clearWakeupSQL, pgx.NamedArgs{"workflow": workflow})
	return err
}

const settleDeliverySQL = `
UPDATE deliveries
SET state = @state, state_reason = @reason, receipt = @receipt, due_at = @due,
    lease = NULL, leased_until = NULL,
    finished_at = CASE WHEN @state::text <> 'pending' THEN domain_now() END
WHERE tenant_id = @tenant AND id = @id AND lease = @lease AND state = 'pending'`

// SettleDelivery implements dispatch.WorkflowTx.
func (t *tx) SettleDelivery(ctx context.Context, d dispatch.Delivery) (bool, error) {
	n, err := t.exec(ctx, settleDeliverySQL, pgx.NamedArgs{
		"id": d.ID, "lease": d.Lease, "state": d.State, "reason": d.Reason, "receipt": d.Receipt, "due": d.DueAt,
	})
	return n == 1, err
}
