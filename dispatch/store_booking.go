package dispatch

// NOTE to the booking engineer: shifts + stops -> scheduler.Model lives in dispatch/picture (picture.Take with
// Scope{Shifts, Candidates, Now, Rehearse: true}; Picture.Window, .Job, .Read give the answers back). Use it for
// offers and holds, so that booking and planning see the same rules; improve it where you need more. Remove this note.

// BookingTx is what the use cases of dispatch/booking need of a transaction.
type BookingTx interface {
}
