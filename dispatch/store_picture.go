package dispatch

import "context"

// PictureTx reads what is still to be planned.
type PictureTx interface {
	// UnplannedVisits gives the visits of an area that are unassigned, the most
	// urgent first: by priority, due time and age. Their Commitment holds the
	// visit's id and kind only.
	UnplannedVisits(ctx context.Context, area PlanningAreaID, limit int) ([]Stop, error)
}
