package planning_test

import (
	"context"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
)

// forgotten keeps all working time of everybody on a day for holds that have
// ended and that no sweeper has met.
func (o office) forgotten(day int) {
	o.t.Helper()
	o.InTx(o.t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, shift := range o.Shifts[3*day : 3*day+3] {
			for _, span := range []dispatch.Span{{Start: o.At(day, 8, 0), End: o.At(day, 12, 0)}, {Start: o.At(day, 12, 30), End: o.At(day, 16, 0)}} {
				hold := dispatch.Hold{
					ID: dispatch.HoldID{}.New(), Holder: "visitor:gone", State: dispatch.HoldHeld, PlanningArea: o.Area.ID,
					Service: o.Service.ID, Tier: o.Tier.ID, Location: o.Center, Price: o.Tier.Price, Duration: span.Duration(),
					Window: dispatch.Window{Span: span, Zone: o.Tenant.TimeZone}, ExpiresAt: o.At(0, 7, 0).Add(-time.Minute), Version: 1,
				}
				if err := tx.CreateHold(ctx, hold); err != nil {
					return err
				}
				err := tx.CreateCommitment(ctx, dispatch.Commitment{
					ID: dispatch.CommitmentID{}.New(), Technician: shift.Technician, Shift: shift.ID,
					Kind: dispatch.CommitmentHold, State: dispatch.CommitmentHeld, Hold: hold.ID, Span: span,
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func TestHoldsThatAreOverKeepNobodyFromPlanning(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.forgotten(1)
	byHand := o.order(o.Service.ID, 3, 0, 0)
	v := o.visit(byHand)
	_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
		planning.Assignment{Visit: v.ID, Technician: o.Technicians[0].ID, Start: o.At(1, 10, 0), Version: v.Version})
	if err != nil {
		t.Errorf("assigned into a hold that is over: %v", err)
	}
	byRun := o.order(o.Boiler.ID, 2, 1, 1)
	o.forgotten(2)
	plan := o.plan(2)
	if v := o.visit(byRun); v.State != dispatch.VisitPlanned || len(plan.Conflicts) != 0 {
		t.Errorf("the run left the visit %s, conflicts %v", v.State, plan.Conflicts)
	}
}
