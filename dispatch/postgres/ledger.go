package postgres

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const nowSQL = `SELECT domain_now()`

// Now implements dispatch.LedgerTx.
func (t *tx) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	err := t.db.QueryRow(ctx, nowSQL).Scan(&now)
	return now, err
}

// The insert waits for a twin in flight, by lock_timeout at the longest.
const claimRequestSQL = `
INSERT INTO idempotency_keys (tenant_id, principal, method, request_id, request_hash)
VALUES (@tenant, @principal, @method, @request, @hash)
ON CONFLICT DO NOTHING`

const storedAnswerSQL = `
SELECT request_hash, answer
FROM idempotency_keys
WHERE tenant_id = @tenant AND principal = @principal AND method = @method AND request_id = @request`

// ClaimRequest implements dispatch.LedgerTx.
func (t *tx) ClaimRequest(ctx context.Context, call dispatch.Call) ([]byte, bool, error) {
	key := pgx.NamedArgs{
		"principal": call.Principal.Subject, "method": call.Method,
		"request": call.RequestID, "hash": call.Hash[:],
	}
	claimed, err := t.exec(ctx, claimRequestSQL, key)
	if sqlState(err) == pgerrcode.LockNotAvailable {
		refused := dispatch.Refuse(dispatch.ReasonRequestInFlight, "", "the same request is being answered; repeat it in a moment")
		refused.RetryAfter = time.Second
		return nil, false, refused.Because(err)
	}
	if err != nil || claimed == 1 {
		return nil, false, err
	}
	var hash, answer []byte
	if err := t.db.QueryRow(ctx, storedAnswerSQL, key).Scan(&hash, &answer); err != nil {
		return nil, false, err
	}
	if !bytes.Equal(hash, call.Hash[:]) {
		return nil, false, dispatch.InvalidField(dispatch.ReasonRequestIDMismatch, "request_id",
			"%s was used for another request; use a new one", call.RequestID)
	}
	return answer, true, nil
}

const storeAnswerSQL = `
UPDATE idempotency_keys SET answer = @answer
WHERE tenant_id = @tenant AND principal = @principal AND method = @method AND request_id = @request`

// StoreAnswer implements dispatch.LedgerTx.
func (t *tx) StoreAnswer(ctx context.Context, call dispatch.Call, answer []byte) error {
	_, err := t.exec(ctx, storeAnswerSQL, pgx.NamedArgs{
		"principal": call.Principal.Subject, "method": call.Method,
		"request": call.RequestID, "answer": answer,
	})
	return err
}

const writeAuditSQL = `
INSERT INTO audit_entries (tenant_id, id, actor, role, method, request_id, subject, detail)
VALUES (@tenant, @id, @actor, @role, @method, @request, @subject, @detail)`

// WriteAudit implements dispatch.LedgerTx.
func (t *tx) WriteAudit(ctx context.Context, e dispatch.AuditEntry) error {
	detail := e.Detail
	if detail == nil {
		detail = map[string]string{}
	}
	_, err := t.exec(ctx, writeAuditSQL, pgx.NamedArgs{
		"id": newUUID(), "actor": e.Actor, "role": e.Role, "method": e.Method,
		"request": e.RequestID, "subject": e.Subject, "detail": detail,
	})
	return err
}

const publishSQL = `
INSERT INTO notices (tenant_id, id, subject, version, kind, payload)
VALUES (@tenant, @id, @subject, @version, @kind, @payload)
ON CONFLICT (tenant_id, subject, version, kind) DO NOTHING`

// Publish implements dispatch.LedgerTx.
func (t *tx) Publish(ctx context.Context, n dispatch.Notice) error {
	payload := n.Payload
	if payload == nil {
		payload = map[string]string{}
	}
	_, err := t.exec(ctx, publishSQL, pgx.NamedArgs{
		"id": newUUID(), "subject": n.Subject, "version": n.Version, "kind": n.Kind, "payload": payload,
	})
	return err
}

const tellSQL = `
INSERT INTO deliveries (tenant_id, id, channel, template, subject, recipient, dedupe_key, state, due_at)
VALUES (@tenant, @id, @channel, @template, @subject, @recipient, @dedupe, 'pending', domain_now())
ON CONFLICT (tenant_id, dedupe_key) DO NOTHING`

// Tell implements dispatch.LedgerTx.
func (t *tx) Tell(ctx context.Context, d dispatch.Delivery) error {
	_, err := t.exec(ctx, tellSQL, pgx.NamedArgs{
		"id": newUUID(), "channel": d.Channel, "template": d.Template,
		"subject": d.Subject, "recipient": d.Recipient, "dedupe": d.DedupeKey,
	})
	return err
}

func newUUID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
