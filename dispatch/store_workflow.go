package dispatch

// WorkflowTx is what the activities of workflows need of a transaction.
type WorkflowTx interface {
}
