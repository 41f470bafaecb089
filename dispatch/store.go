package dispatch

import (
	"context"
	"time"
)

// Store is the port to the database. dispatch/postgres is behind it; the use
// cases know nothing else of SQL.
type Store interface {
	// InTx runs fn in one transaction of one tenant and commits it if fn returns
	// nil. A serialization failure or deadlock, also at COMMIT, runs fn again
	// from the start, a few times; then it is refused as TRANSACTION_CONFLICT.
	// fn must therefore change nothing but through tx.
	InTx(ctx context.Context, tenant TenantID, fn func(context.Context, Tx) error) error
	// View runs fn in one read-only transaction with one snapshot.
	View(ctx context.Context, tenant TenantID, fn func(context.Context, Tx) error) error
}

// Tx is what one transaction offers, room by room. Methods that find nothing
// refuse with RESOURCE_NOT_FOUND unless they say otherwise. Methods named Lock…
// hold the row until the end of the transaction and follow the lock order:
// idempotency key, shifts (by start, then technician), work order, visit, hold.
type Tx interface {
	LedgerTx
	WorkforceTx
	WorkTx
	PictureTx
	BookingTx
	PlanningTx
	FieldworkTx
	ReferralTx
	PayTx
	AfterSaleTx
	WaitlistTx
	StockTx
	PhotoTx
	HandOffTx
	WorkflowTx
	WatchTx
	InsightTx
}

// LedgerTx is what every mutation writes beside its effect.
type LedgerTx interface {
	// Now is domain time. It is read from the database's clock at the moment of
	// the call, not at the start of the transaction: a transaction that waited
	// for a lock must not revive what expired meanwhile.
	Now(ctx context.Context) (time.Time, error)
	// ClaimRequest takes the call's idempotency key. If an earlier call with the
	// same key was answered, it gives that answer; with another payload it
	// refuses with REQUEST_ID_PAYLOAD_MISMATCH; while a twin is in flight it
	// waits shortly, then refuses with REQUEST_IN_FLIGHT.
	ClaimRequest(ctx context.Context, call Call) (answer []byte, found bool, err error)
	StoreAnswer(ctx context.Context, call Call, answer []byte) error
	WriteAudit(ctx context.Context, entry AuditEntry) error
	// Publish writes a notice. The same subject, version and kind is one notice.
	Publish(ctx context.Context, notice Notice) error
	// Tell writes a delivery that is due now. The same dedupe key is one message.
	Tell(ctx context.Context, delivery Delivery) error
}
