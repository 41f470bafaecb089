package dispatch

// PlanningTx is what the use cases of dispatch/planning need of a transaction.
type PlanningTx interface {
}
