package dispatch

import "context"

// WorkflowTx keeps the due rows of sleeping workflows.
type WorkflowTx interface {
	// SetWakeup writes or moves the wakeup of a workflow.
	SetWakeup(ctx context.Context, w Wakeup) error
	// ClearWakeup removes it; that there is none is fine.
	ClearWakeup(ctx context.Context, workflow string) error
}
