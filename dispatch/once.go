package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
)

// Once runs a mutation with one effect and one answer per idempotency key: in
// one transaction it claims the call's key, runs fn, stores fn's answer beside
// the effect and, for staff, writes the audit row. A repeated call gets the
// stored answer; a refusal is not stored, since its transaction is rolled back.
//
// T must survive JSON unchanged and hold no secret: links and tokens are rebuilt
// from it by their keyed seal. Calls without a RequestID (our own workers) just
// run: their callers are idempotent by row version.
func Once[T any](ctx context.Context, store Store, call Call, fn func(context.Context, Tx) (T, error)) (T, error) {
	var answer T
	err := store.InTx(ctx, call.Principal.Tenant, func(ctx context.Context, tx Tx) error {
		var fresh T
		answer = fresh // a transaction that is run again starts from nothing
		stored, found, err := claim(ctx, tx, call)
		if err != nil {
			return err
		}
		if found {
			if err := json.Unmarshal(stored, &answer); err != nil {
				return fmt.Errorf("read the stored answer of %s: %w", call.Method, err)
			}
			return nil
		}
		if answer, err = fn(ctx, tx); err != nil {
			return err
		}
		return record(ctx, tx, call, answer)
	})
	if err != nil {
		var none T
		return none, err
	}
	return answer, nil
}

func claim(ctx context.Context, tx Tx, call Call) (stored []byte, found bool, err error) {
	if call.RequestID == [16]byte{} {
		return nil, false, nil
	}
	return tx.ClaimRequest(ctx, call)
}

func record(ctx context.Context, tx Tx, call Call, answer any) error {
	subject := ""
	if named, ok := answer.(interface{ Name() string }); ok {
		subject = named.Name()
	}
	if call.Principal.Role.Staff() {
		entry := AuditEntry{
			Actor: call.Principal.Subject, Role: call.Principal.Role,
			Method: call.Method, RequestID: call.RequestID, Subject: subject,
		}
		if err := tx.WriteAudit(ctx, entry); err != nil {
			return err
		}
	}
	if call.RequestID == [16]byte{} {
		return nil
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("store the answer of %s: %w", call.Method, err)
	}
	return tx.StoreAnswer(ctx, call, encoded)
}
