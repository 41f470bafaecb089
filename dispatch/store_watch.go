package dispatch

import "context"

// Snapshot says which transactions a reader has seen. It is the database's own
// word and means nothing elsewhere.
type Snapshot string

// WatchTx is what watches need: everything that was changed by a transaction
// which an earlier reader could not see. A row is given again rather than left
// out.
type WatchTx interface {
	// SeenBy is the snapshot of a View: what all its reads show.
	SeenBy(ctx context.Context) (Snapshot, error)
	// ReferralsChanged pages, by id, the referrals that the filter lets through
	// and that have changed since.
	ReferralsChanged(ctx context.Context, since Snapshot, filter ReferralFilter, page Page) (referrals []Referral, next string, err error)
	// DayChanges says what has changed since on an area's day.
	DayChanges(ctx context.Context, since Snapshot, area PlanningAreaID, date Date) (DayChanges, error)
}

// DayChanges are the names of what has changed on an area's day.
type DayChanges struct {
	Shifts  []ShiftID // all of the day, by id
	Changed []ShiftID // those that have changed, or what is committed in them
	Visits  []VisitID // of the area, whatever their day, that have changed, by id
	Plan    PlanID    // in force, zero where none was made
}
