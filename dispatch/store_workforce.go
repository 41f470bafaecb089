package dispatch

// WorkforceTx is what the use cases of dispatch/workforce need of a transaction.
type WorkforceTx interface {
}
