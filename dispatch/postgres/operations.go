package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const createOperationSQL = `
INSERT INTO operations (tenant_id, id, kind, state, progress, input, lease, leased_until)
VALUES (@tenant, @id, @kind, 'running', @progress, @input, @lease, clock_timestamp() + make_interval(secs => @seconds))`

// CreateOperation implements dispatch.OperationTx.
func (t *tx) CreateOperation(ctx context.Context, o dispatch.Operation, input []byte, lease time.Duration) error {
	_, err := t.exec(ctx, createOperationSQL, pgx.NamedArgs{
		"id": o.ID, "kind": o.Kind, "progress": document(o.Progress), "input": input,
		"lease": o.Lease, "seconds": lease.Seconds(),
	})
	return err
}

const getOperationSQL = `
SELECT id, kind, state, progress, result, failure, lease, created_at, finished_at
FROM operations WHERE tenant_id = @tenant AND id = @id`

// GetOperation implements dispatch.OperationTx.
func (t *tx) GetOperation(ctx context.Context, id dispatch.OperationID) (dispatch.Operation, error) {
	return one(ctx, t, id.Name(), getOperationSQL, pgx.NamedArgs{"id": id}, func(row pgx.CollectableRow) (dispatch.Operation, error) {
		var o dispatch.Operation
		var lease *uuid.UUID
		var finished *time.Time
		err := row.Scan(&o.ID, &o.Kind, &o.State, &o.Progress, &o.Result, &o.Failure, &lease, &o.CreatedAt, &finished)
		o.Lease, o.FinishedAt = uuidOrZero(lease), timeOrZero(finished)
		return o, err
	})
}

const operationInputSQL = `
SELECT input FROM operations WHERE tenant_id = @tenant AND id = @id AND input IS NOT NULL`

// OperationInput implements dispatch.OperationTx.
func (t *tx) OperationInput(ctx context.Context, id dispatch.OperationID) ([]byte, error) {
	return one(ctx, t, id.Name(), operationInputSQL, pgx.NamedArgs{"id": id}, pgx.RowTo[[]byte])
}

const reportOperationSQL = `
UPDATE operations SET progress = @progress, leased_until = clock_timestamp() + make_interval(secs => @seconds)
WHERE tenant_id = @tenant AND id = @id AND state = 'running' AND lease = @lease`

// ReportOperation implements dispatch.OperationTx.
func (t *tx) ReportOperation(ctx context.Context, o dispatch.Operation, lease time.Duration) (bool, error) {
	changed, err := t.exec(ctx, reportOperationSQL, pgx.NamedArgs{
		"id": o.ID, "progress": document(o.Progress), "lease": o.Lease, "seconds": lease.Seconds(),
	})
	return changed == 1, err
}

const finishOperationSQL = `
UPDATE operations SET state = @state, progress = @progress, result = @result, failure = @failure,
	input = NULL, lease = NULL, leased_until = NULL, finished_at = domain_now()
WHERE tenant_id = @tenant AND id = @id AND state = 'running' AND lease = @lease`

// FinishOperation implements dispatch.OperationTx.
func (t *tx) FinishOperation(ctx context.Context, o dispatch.Operation) (bool, error) {
	changed, err := t.exec(ctx, finishOperationSQL, pgx.NamedArgs{
		"id": o.ID, "state": o.State, "progress": document(o.Progress), "result": o.Result, "failure": o.Failure, "lease": o.Lease,
	})
	return changed == 1, err
}

// document gives the empty object where there is none.
func document(d json.RawMessage) json.RawMessage {
	if d == nil {
		return json.RawMessage("{}")
	}
	return d
}

// The row is chosen in a CTE: as a join it might be chosen anew for each row that
// the planner tries, and so be several.
const claimOperationSQL = `
WITH due AS MATERIALIZED (
	SELECT tenant_id, id FROM operations
	WHERE state = 'running' AND kind = @kind AND leased_until < clock_timestamp()
	ORDER BY created_at, id LIMIT 1
	FOR UPDATE SKIP LOCKED
)
UPDATE operations o SET lease = @lease, leased_until = clock_timestamp() + make_interval(secs => @seconds)
FROM due WHERE o.tenant_id = due.tenant_id AND o.id = due.id
RETURNING o.tenant_id, o.id`

// ClaimOperation implements dispatch.OperationQueue.
func (s *Store) ClaimOperation(ctx context.Context, kind dispatch.OperationKind, lease time.Duration) (tenant dispatch.TenantID, o dispatch.Operation, found bool, err error) {
	o = dispatch.Operation{Kind: kind, State: dispatch.OperationRunning, Lease: newUUID()}
	err = s.inRelay(ctx, func(ctx context.Context, t *tx) error {
		found = false
		_, ok, err := oneOrNone(ctx, t, claimOperationSQL, pgx.NamedArgs{
			"kind": kind, "lease": o.Lease, "seconds": lease.Seconds(),
		}, func(row pgx.CollectableRow) (bool, error) { return true, row.Scan(&tenant, &o.ID) })
		found = ok
		return err
	})
	return tenant, o, found, err
}

var _ dispatch.OperationQueue = (*Store)(nil)
