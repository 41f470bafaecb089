package dispatch

import "context"

// PlanningTx keeps the versions of plans.
type PlanningTx interface {
	// CreatePlan writes a plan as the next version of its day, and gives it with
	// that version. A published plan supersedes the one before.
	CreatePlan(ctx context.Context, p Plan) (Plan, error)
	// GetPlan reads a plan with its stops and leftovers.
	GetPlan(ctx context.Context, id PlanID) (Plan, error)
	// PublishedPlan reads the plan in force of an area's day; found is false
	// where none was made yet.
	PublishedPlan(ctx context.Context, area PlanningAreaID, date Date) (plan Plan, found bool, err error)
	// ListPlans gives the plans of an area without stops, the newest first; all
	// days if date is zero.
	ListPlans(ctx context.Context, area PlanningAreaID, date Date, page Page) (plans []Plan, next string, err error)
	// DayVersion changes whenever a shift of the day, one of its commitments, or
	// the set of the area's unassigned visits changes.
	DayVersion(ctx context.Context, area PlanningAreaID, date Date) (int64, error)
}
