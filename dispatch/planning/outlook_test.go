package planning_test

import (
	"context"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
)

func (o office) outlook(day int) planning.Outlook {
	o.t.Helper()
	out, err := o.GetOutlook(o.t.Context(), o.Call(dispatch.RoleDispatcher, "GetOutlook"), o.Area.ID, o.day(day), 0.1)
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

// foreseen is the visit of an order in an outlook.
func (o office) foreseen(out planning.Outlook, order dispatch.WorkOrder) planning.Foreseen {
	o.t.Helper()
	for _, v := range out.Visits {
		if v.WorkOrder == order.ID {
			return v
		}
	}
	o.t.Fatalf("the outlook does not know %s", order.Name())
	return planning.Foreseen{}
}

// assign gives the order's visit to a technician at a time.
func (o office) assign(order dispatch.WorkOrder, technician int, start time.Time) dispatch.Visit {
	o.t.Helper()
	v := o.visit(order)
	got, err := o.AssignVisit(o.t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"), planning.Assignment{
		Visit: v.ID, Technician: o.Technicians[technician].ID, Start: start, Version: v.Version,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return got
}

// works lets a technician be at a visit since start, still at it now.
func (o office) works(order dispatch.WorkOrder, start, now time.Time) {
	o.t.Helper()
	v := o.visit(order)
	o.SetTime(o.t, now)
	o.InTx(o.t, func(ctx context.Context, tx dispatch.Tx) error {
		visit, err := tx.LockVisit(ctx, v.ID)
		if err != nil {
			return err
		}
		visit.State, visit.Technician, visit.EnRouteAt, visit.ArrivedAt, visit.StartedAt = dispatch.VisitInProgress, v.Planned.Technician, start, start, start
		if err := tx.SaveVisit(ctx, visit); err != nil {
			return err
		}
		c, _, err := tx.CommitmentOfVisit(ctx, v.ID)
		if err != nil {
			return err
		}
		c.State = dispatch.CommitmentUnderWay
		return tx.SaveCommitment(ctx, c)
	})
}

// late is a day on which the first technician is at a job since a quarter past eight
// that was to take an hour, so many minutes past nine, with a promise for eight to ten
// after it, east of the centre by so many hundredths of a degree.
func late(t *testing.T, minute int, east float64) (o office, after dispatch.WorkOrder) {
	t.Helper()
	o = open(t)
	long := o.order(o.Service.ID, 3, -2.9, 0)
	o.assign(long, 0, o.At(0, 8, 15))
	after = o.order(o.Service.ID, 3, east, 0)
	o.promise(after, o.At(0, 8, 0), o.At(0, 10, 0))
	o.assign(after, 0, o.At(0, 9, 40))
	o.works(long, o.At(0, 8, 15), o.At(0, 9, minute))
	return o, after
}

func TestAQuietDayHasNothingInJeopardy(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	o.promise(order, o.At(0, 10, 0), o.At(0, 12, 0))
	o.assign(order, 1, o.At(0, 10, 30))
	free := o.order(o.Service.ID, 3, 1, 1)
	o.assign(free, 2, o.At(0, 9, 0))
	out := o.outlook(0)
	if len(out.Visits) != 2 || out.Visits[0].WorkOrder != free.ID {
		t.Fatalf("%d visits are foreseen, want both, the earlier first", len(out.Visits))
	}
	v := o.foreseen(out, order)
	if v.Miss > 0.02 || len(v.Remedies) != 0 || v.Expected.Before(o.At(0, 10, 0)) || v.Arrival.After(v.Expected) {
		t.Errorf("a visit with time to spare: missed with %.3f, arrival %s, begin %s, remedies %v", v.Miss, v.Arrival, v.Expected, v.Remedies)
	}
	if w := o.foreseen(out, free); w.Miss != 0 || len(w.Remedies) != 0 {
		t.Errorf("a visit without a promise is missed with %.3f, remedies %v", w.Miss, w.Remedies)
	}
}

// TestALateDayNamesWhatHelps, and one call of AssignVisit with what it names helps.
func TestALateDayNamesWhatHelps(t *testing.T) {
	t.Parallel()
	o, after := late(t, 54, 1.6)
	v := o.foreseen(o.outlook(0), after)
	if v.Miss < 0.3 || v.Expected.Before(o.At(0, 9, 55)) {
		t.Fatalf("the visit after the long one is missed with %.3f and begins at %s; want it in jeopardy", v.Miss, v.Expected)
	}
	if len(v.Remedies) != 3 {
		t.Fatalf("remedies %+v, want both other technicians and a call", v.Remedies)
	}
	best, last := v.Remedies[0], v.Remedies[len(v.Remedies)-1]
	if best.Kind != planning.RemedyReassign || best.Technician == o.Technicians[0].ID || best.Miss > v.Miss-0.05 || len(best.Tell) != 2 {
		t.Errorf("the best remedy is %+v, want another technician who comes more surely, and that both are told", best)
	}
	if last.Kind != planning.RemedyCall || len(last.Tell) != 1 || last.Tell[0] != o.Customer.Name() {
		t.Errorf("the last remedy is %+v, want a call to the customer", last)
	}
	for i, r := range v.Remedies[:len(v.Remedies)-1] {
		if r.Kind != planning.RemedyReassign || r.Miss > v.Miss-0.05 {
			t.Errorf("remedy %d is %s and misses with %.3f instead of %.3f: it helps nobody", i, r.Kind, r.Miss, v.Miss)
		}
		if i > 0 && r.Miss < v.Remedies[i-1].Miss+0.01 {
			t.Errorf("remedy %d misses with %.3f after %.3f, want the surer one first", i, r.Miss, v.Remedies[i-1].Miss)
		}
	}
	if best.Technician != o.Technicians[2].ID {
		t.Errorf("the best is %s, want the technician who lives nearest", best.Technician)
	}
	_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"), planning.Assignment{
		Visit: v.ID, Technician: best.Technician, Version: v.Version, Reason: "its window was in jeopardy",
	})
	if err != nil {
		t.Fatalf("applying the remedy: %v", err)
	}
	mended := o.foreseen(o.outlook(0), after)
	if mended.Planned.Technician != best.Technician || mended.Miss > best.Miss+0.01 || !mended.Expected.Equal(best.Expected) {
		t.Errorf("afterwards %s begins at %s and misses with %.3f; was foretold %s at %s with %.3f",
			mended.Planned.Technician, mended.Expected, mended.Miss, best.Technician, best.Expected, best.Miss)
	}
}

// TestWhatDoesNotHelpIsNoRemedy: the same technician could still begin in the window,
// but no more surely than he will.
func TestWhatDoesNotHelpIsNoRemedy(t *testing.T) {
	t.Parallel()
	o, after := late(t, 50, 0)
	v := o.foreseen(o.outlook(0), after)
	if !v.Expected.Before(o.At(0, 10, 0)) || v.Miss < 0.3 {
		t.Fatalf("it begins at %s and is missed with %.3f; want just in time, hardly surely", v.Expected, v.Miss)
	}
	for _, r := range v.Remedies {
		if r.Technician == o.Technicians[0].ID {
			t.Errorf("%+v is named a remedy", r)
		}
	}
}

// TestNoRemedyBreaksAnotherPromise: who has one to keep at the same time is not named.
func TestNoRemedyBreaksAnotherPromise(t *testing.T) {
	t.Parallel()
	o, after := late(t, 56, 1.6)
	o.SetTime(t, o.At(0, 9, 0))
	for technician := 1; technician <= 2; technician++ {
		other := o.order(o.Service.ID, 3, float64(technician)-1, 1)
		o.promise(other, o.At(0, 8, 0), o.At(0, 10, 0))
		o.assign(other, technician, o.At(0, 9, 57))
	}
	o.SetTime(t, o.At(0, 9, 56))
	v := o.foreseen(o.outlook(0), after)
	if len(v.Remedies) != 1 || v.Remedies[0].Kind != planning.RemedyCall {
		t.Errorf("remedies %+v, want a call and nothing that makes others late", v.Remedies)
	}
}

// TestAPromiseThatNobodyIsToKeepIsInJeopardy, and who could keep it is named.
func TestAPromiseThatNobodyIsToKeepIsInJeopardy(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Boiler.ID, 3, 0, 0)
	o.promise(order, o.At(1, 10, 0), o.At(1, 12, 0))
	v := o.foreseen(o.outlook(1), order)
	if v.Miss != 1 || !v.Expected.IsZero() {
		t.Errorf("it is missed with %.3f and begins at %s", v.Miss, v.Expected)
	}
	if len(v.Remedies) != 2 || v.Remedies[0].Technician != o.Technicians[0].ID || len(v.Remedies[0].Tell) != 1 || v.Remedies[0].Extra.Minor <= 0 {
		t.Errorf("remedies %+v, want the only technician with the skill, at a price, and a call", v.Remedies)
	}
	for _, other := range o.outlook(2).Visits {
		if other.WorkOrder == order.ID {
			t.Error("it is in the outlook of another day too")
		}
	}
}

// TestTheOrderOfADayIsARemedy: first to the place that was promised first.
func TestTheOrderOfADayIsARemedy(t *testing.T) {
	t.Parallel()
	o := open(t)
	boiler := o.order(o.Boiler.ID, 3, 0, 0) // only the first technician can do it
	o.promise(boiler, o.At(0, 8, 0), o.At(0, 10, 0))
	lamp := o.order(o.Service.ID, 3, 0.2, 0)
	o.assign(lamp, 0, o.At(0, 8, 5))
	o.assign(boiler, 0, o.At(0, 9, 10))
	o.SetTime(t, o.At(0, 9, 5)) // the lamp was not begun
	v := o.foreseen(o.outlook(0), boiler)
	if v.Miss < 0.3 {
		t.Fatalf("it is missed with %.3f, want jeopardy", v.Miss)
	}
	if r := v.Remedies[0]; r.Kind != planning.RemedyReorder || r.Technician != o.Technicians[0].ID || len(r.Tell) != 1 || r.Miss > 0.1 {
		t.Errorf("the best remedy is %+v, want the promised visit first", r)
	}
}
