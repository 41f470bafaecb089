package dispatch

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Operation is a call that runs on after it was answered. At most one of a kind
// runs in a tenant. Its documents are written and read by the use case of its
// kind alone.
type Operation struct {
	ID       OperationID
	Kind     OperationKind
	State    OperationState
	Progress json.RawMessage
	Result   json.RawMessage // of one that succeeded
	Failure  json.RawMessage // of one that failed
	// Lease is whose turn it is: who lost it writes nothing more.
	Lease      uuid.UUID
	CreatedAt  time.Time
	FinishedAt time.Time
}

// Name is the resource name.
func (o Operation) Name() string { return o.ID.Name() }

// OperationKind is what an operation does.
type OperationKind string

// OperationImportRequests reads a file of requests into work orders.
const OperationImportRequests OperationKind = "import_requests"

// OperationState is how far an operation is.
type OperationState string

// The states of an operation; the last two are final.
const (
	OperationRunning   OperationState = "running"
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed"
)
