package dispatch

import (
	"context"
	"time"
)

// OperationTx keeps what runs on after its call was answered.
type OperationTx interface {
	// CreateOperation starts an operation with its input, leased to o.Lease for a
	// while. It refuses with OPERATION_IN_PROGRESS while another of the kind runs.
	CreateOperation(ctx context.Context, o Operation, input []byte, lease time.Duration) error
	GetOperation(ctx context.Context, id OperationID) (Operation, error)
	// OperationInput gives the input of a running operation.
	OperationInput(ctx context.Context, id OperationID) ([]byte, error)
	// ReportOperation writes the progress and prolongs the lease; held is false if
	// the lease has gone to somebody else or the operation is over.
	ReportOperation(ctx context.Context, o Operation, lease time.Duration) (held bool, err error)
	// FinishOperation writes state, progress and result or failure, and forgets the
	// input; held as with ReportOperation.
	FinishOperation(ctx context.Context, o Operation) (held bool, err error)
}

// OperationQueue hands out operations whose worker has died, before a tenant is
// known.
type OperationQueue interface {
	// ClaimOperation leases a running operation of the kind whose lease is over;
	// found is false where there is none.
	ClaimOperation(ctx context.Context, kind OperationKind, lease time.Duration) (tenant TenantID, o Operation, found bool, err error)
}

// ImportTx is what reading a file of requests needs beside the catalogue, for
// many rows at once.
type ImportTx interface {
	// TerritoriesAt is TerritoryAt for many places, without boundaries; outside of
	// all territories it gives an empty one.
	TerritoriesAt(ctx context.Context, places []Point) ([]Territory, error)
	// KnownReferences says which of these are external references of work orders.
	KnownReferences(ctx context.Context, references []string) (map[string]bool, error)
	// AddWork makes work orders and visits, and notices of those work orders whose
	// issue has been resolved before: they may spoil its fix window.
	AddWork(ctx context.Context, orders []WorkOrder, visits []Visit) error
}
