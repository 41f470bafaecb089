package planning_test

import (
	"context"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
)

// Whoever has left the company may still have shifts: nobody is planned into them.
func TestWhoHasLeftIsGivenNoWork(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		ada := o.Technicians[0]
		ada.Active = false
		return tx.SaveTechnician(ctx, ada)
	})
	boiler := o.order(o.Boiler.ID, 1, 0, 0) // that only she can do
	plan := o.plan(1)
	v := o.visit(boiler)
	if v.State != dispatch.VisitUnassigned || len(plan.Leftovers) != 1 {
		t.Errorf("the visit is %s with %s, leftovers %v", v.State, v.Planned.Technician, plan.Leftovers)
	}
	for _, forced := range []bool{false, true} {
		_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"), planning.Assignment{
			Visit: v.ID, Technician: o.Technicians[0].ID, Start: o.At(1, 10, 0), Version: v.Version, AllowOverlap: forced, Reason: "test",
		})
		if dispatch.ReasonOf(err) != dispatch.ReasonTechnicianUnsuitable {
			t.Errorf("assigned, overlap allowed %v: %v", forced, err)
		}
	}
}
