package dispatch

// InsightTx is what the use cases of dispatch/insight need of a transaction.
type InsightTx interface {
}
