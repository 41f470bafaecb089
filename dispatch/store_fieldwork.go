package dispatch

// FieldworkTx is what the use cases of dispatch/fieldwork need of a transaction.
type FieldworkTx interface {
}
