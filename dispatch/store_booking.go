package dispatch

// BookingTx is what the use cases of dispatch/booking need of a transaction.
type BookingTx interface {
}
