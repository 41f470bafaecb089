package planning_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
)

// told is what a watcher hears, by name.
type told struct {
	Whole, Plan                    bool
	Lanes, Unassigned, GoneV, Gone []string
}

func toldOf(n planning.BoardNews) told {
	out := told{Whole: n.Whole, Plan: n.PlanChanged}
	for _, l := range n.Lanes {
		out.Lanes = append(out.Lanes, l.Shift.ID.Name())
	}
	for _, v := range n.Unassigned {
		out.Unassigned = append(out.Unassigned, v.Name())
	}
	for _, id := range n.GoneVisits {
		out.GoneV = append(out.GoneV, id.Name())
	}
	for _, id := range n.GoneLanes {
		out.Gone = append(out.Gone, id.Name())
	}
	return out
}

func TestBoardChanges(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	visit := o.visit(order)
	seen := planning.BoardSeen{}
	hears := func(what string, want told) {
		t.Helper()
		news, err := o.BoardChanges(t.Context(), o.Call(dispatch.RoleDispatcher, "WatchBoard"), o.Area.ID, o.day(1), seen)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, toldOf(news), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		seen = news.Seen
	}
	// The lanes of the day are those of the company's second shift of each
	// technician.
	var lanes []dispatch.Shift
	for _, s := range o.Shifts {
		if s.Date == o.day(1) {
			lanes = append(lanes, s)
		}
	}
	hears("at first", told{Whole: true})
	hears("when nothing has happened", told{})

	assigned, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
		planning.Assignment{Visit: visit.ID, Technician: o.Technicians[0].ID, Start: o.At(1, 10, 0), Version: visit.Version})
	if err != nil {
		t.Fatal(err)
	}
	hears("assigned", told{Lanes: []string{lanes[0].ID.Name()}})

	moved, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
		planning.Assignment{Visit: visit.ID, Technician: o.Technicians[1].ID, Start: o.At(1, 10, 0), Version: assigned.Version})
	if err != nil {
		t.Fatal(err)
	}
	hears("moved to another technician", told{Lanes: []string{lanes[0].ID.Name(), lanes[1].ID.Name()}})

	if _, err := o.UnassignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "UnassignVisit"), visit.ID, moved.Version); err != nil {
		t.Fatal(err)
	}
	hears("unassigned", told{Lanes: []string{lanes[1].ID.Name()}, Unassigned: []string{visit.Name()}})

	beforeCancel := seen
	elsewhere := o.visit(o.order(o.Service.ID, 3, 1, 0)) // comes and goes before the watcher asks
	_, err = o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
		planning.Assignment{Visit: elsewhere.ID, Technician: o.Technicians[0].ID, Start: o.At(2, 10, 0), Version: elsewhere.Version})
	if err != nil {
		t.Fatal(err)
	}
	hears("a visit of another day", told{})
	if _, err := o.CancelWorkOrder(t.Context(), o.Call(dispatch.RoleDispatcher, "CancelWorkOrder"), order.ID, 0, "not needed"); err != nil {
		t.Fatal(err)
	}
	hears("cancelled", told{GoneV: []string{visit.Name()}})

	away := seen
	away.Snapshot, away.Visits = beforeCancel.Snapshot, nil
	if news, err := o.BoardChanges(t.Context(), o.Call(dispatch.RoleDispatcher, "WatchBoard"), o.Area.ID, o.day(1), away); err != nil || len(news.GoneVisits) != 2 {
		t.Errorf("one who was away hears of %d visits that are gone, %v; want the cancelled one, and the one of another day", len(news.GoneVisits), err)
	}
	o.plan(1)
	hears("planned, with nothing to plan", told{Plan: true})
	o.plan(2)
	hears("another day planned", told{})

	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.DeleteShift(ctx, lanes[2].ID) })
	hears("a shift deleted", told{Gone: []string{lanes[2].ID.Name()}})
}
