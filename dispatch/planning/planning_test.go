package planning_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
	"github.com/firstfix/firstfix/dispatch/planning"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// office is a company with its planning.
type office struct {
	*company.Company
	*planning.Planning
	t *testing.T
}

func open(t *testing.T) office {
	t.Helper()
	c := company.New(t)
	return office{Company: c, Planning: planning.New(c.Store, travel.Estimator{}), t: t}
}

func (o office) day(n int) dispatch.Date { return dispatch.DateOf(o.At(n, 12, 0), o.Zone) }

// order makes a work order at a place this many hundredths of a degree from the
// centre.
func (o office) order(service dispatch.ServiceID, priority int, east, north float64) dispatch.WorkOrder {
	o.t.Helper()
	place := dispatch.Point{Longitude: o.Center.Longitude + east/100, Latitude: o.Center.Latitude + north/100}
	var site dispatch.Site
	o.InTx(o.t, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		site, err = tx.PutSite(ctx, dispatch.Site{
			ID: dispatch.SiteID{}.New(), Location: place, TimeZone: o.Tenant.TimeZone, Territory: o.Territory.ID,
		})
		return err
	})
	order, err := o.CreateWorkOrder(o.t.Context(), o.Call(dispatch.RoleDispatcher, "CreateWorkOrder"),
		dispatch.WorkOrder{Site: site.ID, Service: service, Priority: priority})
	if err != nil {
		o.t.Fatal(err)
	}
	return order
}

// visit is the first visit of an order as it stands.
func (o office) visit(order dispatch.WorkOrder) dispatch.ListedVisit {
	o.t.Helper()
	visits, _, err := o.ListVisits(o.t.Context(), o.Call(dispatch.RoleDispatcher, "ListVisits"),
		dispatch.VisitFilter{WorkOrder: order.ID}, dispatch.Page{Size: 10})
	if err != nil || len(visits) != 1 {
		o.t.Fatalf("visits of %s: %d, %v", order.Name(), len(visits), err)
	}
	return visits[0]
}

// promise gives the order's visit an arrival window.
func (o office) promise(order dispatch.WorkOrder, start, end time.Time) dispatch.Appointment {
	o.t.Helper()
	a := dispatch.Appointment{
		ID: dispatch.AppointmentID{}.New(), WorkOrder: order.ID, Customer: o.Customer.ID, State: dispatch.AppointmentConfirmed,
		Service: order.Service, Tier: o.Tier.ID, Window: dispatch.Window{Span: dispatch.Span{Start: start, End: end}, Zone: o.Tenant.TimeZone},
		Price: o.Tier.Price, Promise: 1, LinkEpoch: 1, BookedBy: "member:test", BookedAt: company.Now,
	}
	o.InTx(o.t, func(ctx context.Context, tx dispatch.Tx) error {
		if err := tx.CreateAppointment(ctx, a); err != nil {
			return err
		}
		err := tx.AddPromise(ctx, dispatch.Promise{
			Appointment: a.ID, Ordinal: 1, Window: a.Window, MadeAt: company.Now, MadeBy: "member:test", Reason: "booked", Outcome: dispatch.PromiseOpen,
		})
		if err != nil {
			return err
		}
		visits, err := tx.VisitsOf(ctx, order.ID)
		if err != nil {
			return err
		}
		visits[0].Appointment = a.ID
		return tx.SaveVisit(ctx, visits[0])
	})
	return a
}

func (o office) plan(day int) dispatch.Plan {
	o.t.Helper()
	plan, err := o.PlanDay(o.t.Context(), o.Call(dispatch.RoleDispatcher, "PlanDay"), o.Area.ID, o.day(day))
	if err != nil {
		o.t.Fatal(err)
	}
	return plan
}

func TestPlanDayPlacesWorkAndKeepsPromises(t *testing.T) {
	t.Parallel()
	o := open(t)
	var orders []dispatch.WorkOrder
	for i := range 6 {
		orders = append(orders, o.order(o.Service.ID, 3, float64(i)-3, float64(i%3)-1))
	}
	boiler := o.order(o.Boiler.ID, 2, 1, 1)
	promised := o.promise(orders[0], o.At(1, 10, 0), o.At(1, 12, 0))

	plan := o.plan(1)
	if len(plan.Stops) != 7 || len(plan.Leftovers) != 0 || plan.Version != 1 {
		t.Fatalf("plan %d has %d stops and leaves over %v; want all 7 visits in plan 1", plan.Version, len(plan.Stops), plan.Leftovers)
	}
	for _, order := range append(orders, boiler) {
		v := o.visit(order)
		if v.State != dispatch.VisitPlanned || v.Planned.ID.IsZero() {
			t.Errorf("visit of %s is %s with commitment %v", order.ID, v.State, v.Planned.ID)
		}
	}
	if start := o.visit(orders[0]).Planned.Span.Start; !promised.Window.Contains(start) {
		t.Errorf("promised %v, planned at %v", promised.Window.Span, start)
	}
	if who := o.visit(boiler).Planned.Technician; who != o.Technicians[0].ID {
		t.Errorf("the boiler went to %s, who cannot do it", who)
	}
	board, err := o.GetBoard(t.Context(), o.Call(dispatch.RoleDispatcher, "GetBoard"), o.Area.ID, o.day(1))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, lane := range board.Lanes {
		shown += len(lane.Visits)
		if len(lane.Shift.Breaks) != 1 {
			t.Errorf("lane of %s shows %d breaks", lane.Technician.DisplayName, len(lane.Shift.Breaks))
		}
	}
	if shown != 7 || len(board.Unassigned) != 0 || board.Plan == nil || board.Plan.ID != plan.ID {
		t.Errorf("the board shows %d visits, %d unassigned, plan %v", shown, len(board.Unassigned), board.Plan)
	}

	again := o.plan(1)
	if again.Version != 2 || again.Moved != 0 {
		t.Errorf("planning the same day again moved %d visits in version %d; want none in 2", again.Moved, again.Version)
	}
	stored, err := o.GetPlan(t.Context(), o.Call(dispatch.RoleDispatcher, "GetPlan"), plan.ID)
	if err != nil || stored.State != dispatch.PlanSuperseded || len(stored.Stops) != 7 {
		t.Errorf("the first plan is %s with %d stops, %v; want it superseded and whole", stored.State, len(stored.Stops), err)
	}
}

func TestPlanDayNamesWhatItLeavesOver(t *testing.T) {
	t.Parallel()
	o := open(t)
	orders := []dispatch.WorkOrder{o.order(o.Boiler.ID, 1, 0, 0)}
	o.promise(orders[0], o.At(1, 12, 0), o.At(1, 12, 20)) // in everybody's break
	plan := o.plan(1)
	if len(plan.Leftovers) != 1 || plan.Leftovers[0].Visit != o.visit(orders[0]).ID || plan.Leftovers[0].Reason == "" {
		t.Errorf("leftovers %+v; want the visit that falls into the break, with a reason", plan.Leftovers)
	}
	if v := o.visit(orders[0]); v.State != dispatch.VisitUnassigned {
		t.Errorf("the leftover is %s", v.State)
	}
}

func TestOnTheDayItselfLateIsBetterThanNever(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Boiler.ID, 1, 0, 0)
	o.promise(order, o.At(1, 12, 0), o.At(1, 12, 20)) // in everybody's break
	o.SetTime(t, o.At(1, 11, 0))
	plan := o.plan(1)
	v := o.visit(order)
	if len(plan.Leftovers) != 0 || v.State != dispatch.VisitPlanned || !v.Planned.Span.Start.Equal(o.At(1, 12, 30)) {
		t.Errorf("the visit is %s at %s, leftovers %+v; want it right after the break", v.State, v.Planned.Span.Start, plan.Leftovers)
	}
}

func TestPlanDayRefusesThePast(t *testing.T) {
	t.Parallel()
	o := open(t)
	_, err := o.PlanDay(t.Context(), o.Call(dispatch.RoleDispatcher, "PlanDay"), o.Area.ID, o.day(-1))
	if dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("planned yesterday: %v", err)
	}
}

// meddler lets a test change rows between the picture of a run and its
// publication.
type meddler struct {
	dispatch.Store
	between func()
}

func (m *meddler) InTx(ctx context.Context, tenant dispatch.TenantID, fn func(context.Context, dispatch.Tx) error) error {
	if between := m.between; between != nil {
		m.between = nil
		between()
	}
	return m.Store.InTx(ctx, tenant, fn)
}

func TestPublishLeavesAloneWhatMovedMeanwhile(t *testing.T) {
	t.Parallel()
	o := open(t)
	mine, other := o.order(o.Boiler.ID, 3, 0, 0), o.order(o.Service.ID, 3, 1, 0)
	m := &meddler{Store: o.Store}
	slow := planning.New(m, travel.Estimator{})
	m.between = func() {
		v := o.visit(mine)
		_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"), planning.Assignment{
			Visit: v.ID, Technician: o.Technicians[0].ID, Start: o.At(1, 14, 0), Version: v.Version,
		})
		if err != nil {
			t.Error(err)
		}
	}
	plan, err := slow.PlanDay(t.Context(), o.Call(dispatch.RoleDispatcher, "PlanDay"), o.Area.ID, o.day(1))
	if err != nil {
		t.Fatal(err)
	}
	v := o.visit(mine)
	if !v.Planned.Span.Start.Equal(o.At(1, 14, 0)) {
		t.Errorf("the dispatcher's 14:00 became %v", v.Planned.Span.Start)
	}
	if len(plan.Conflicts) == 0 || plan.Conflicts[0] != v.ID {
		t.Errorf("conflicts %v; want %s among them", plan.Conflicts, v.ID)
	}
	if next := o.plan(1); len(next.Conflicts) != 0 || o.visit(other).State != dispatch.VisitPlanned {
		t.Errorf("the next run left %v in conflict and the other visit %s", next.Conflicts, o.visit(other).State)
	}
}

func TestAssignVisit(t *testing.T) {
	t.Parallel()
	o := open(t)
	order, boiler := o.order(o.Service.ID, 3, 0, 0), o.order(o.Boiler.ID, 3, 1, 0)
	promised := o.promise(order, o.At(1, 10, 0), o.At(1, 12, 0))
	assign := func(order dispatch.WorkOrder, who int, start time.Time, change func(*planning.Assignment)) error {
		v := o.visit(order)
		in := planning.Assignment{Visit: v.ID, Technician: o.Technicians[who].ID, Start: start, Version: v.Version}
		if change != nil {
			change(&in)
		}
		_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"), in)
		return err
	}
	wants := func(what string, err error, reason dispatch.Reason) {
		t.Helper()
		if dispatch.ReasonOf(err) != reason {
			t.Errorf("%s: %v, want %q", what, err, reason)
		}
	}
	wants("outside the promised window", assign(order, 0, o.At(1, 13, 0), nil), dispatch.ReasonConfirmedProtected)
	wants("without the skill", assign(boiler, 1, o.At(1, 10, 0), nil), dispatch.ReasonTechnicianUnsuitable)
	wants("without a shift", assign(boiler, 0, o.At(1, 20, 0), nil), dispatch.ReasonTechnicianUnsuitable)
	wants("of an old version", assign(order, 0, o.At(1, 10, 0), func(a *planning.Assignment) { a.Version-- }), dispatch.ReasonEtagMismatch)
	wants("within the window", assign(order, 0, time.Time{}, nil), "")
	if start := o.visit(order).Planned.Span.Start; !promised.Window.Contains(start) {
		t.Errorf("assigned at %v, promised %v", start, promised.Window.Span)
	}
	taken := o.visit(order).Planned.Span.Start
	wants("onto a busy technician", assign(boiler, 0, taken, nil), dispatch.ReasonTechnicianBusy)
	wants("an overlap without a reason", assign(boiler, 0, taken, func(a *planning.Assignment) { a.AllowOverlap = true }), dispatch.ReasonInvalidRequest)
	wants("an allowed overlap", assign(boiler, 0, taken, func(a *planning.Assignment) { a.AllowOverlap, a.Reason = true, "gas leak" }), "")
	wants("to another technician", assign(order, 1, time.Time{}, func(a *planning.Assignment) { a.Pin = true }), "")
	if v := o.visit(order); v.Planned.Technician != o.Technicians[1].ID || v.Planned.PinnedBy == "" {
		t.Errorf("planned for %s, pinned by %q", v.Planned.Technician, v.Planned.PinnedBy)
	}
	v := o.visit(order)
	if _, err := o.UnassignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "UnassignVisit"), v.ID, v.Version); err != nil {
		t.Error(err)
	}
	if v := o.visit(order); v.State != dispatch.VisitUnassigned || !v.Planned.ID.IsZero() {
		t.Errorf("unassigned visit is %s at %v", v.State, v.Planned.Span)
	}
}

func TestCancelWorkOrderWithdrawsItsPromise(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	a := o.promise(order, o.At(1, 10, 0), o.At(1, 12, 0))
	o.plan(1)
	cancel := func(version int64) (dispatch.WorkOrder, error) {
		return o.CancelWorkOrder(t.Context(), o.Call(dispatch.RoleDispatcher, "CancelWorkOrder"), order.ID, version, "not needed")
	}
	if _, err := cancel(99); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("another version: %v", err)
	}
	for range 2 { // the second finds it cancelled
		got, err := cancel(0)
		if err != nil || got.State != dispatch.WorkOrderCancelled {
			t.Fatalf("cancelled: %s, %v", got.State, err)
		}
	}
	v := o.visit(order)
	if v.State != dispatch.VisitCancelled || !v.Planned.ID.IsZero() {
		t.Errorf("its visit is %s at %v", v.State, v.Planned.Span)
	}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		got, err := tx.GetAppointment(ctx, a.ID)
		if err != nil {
			return err
		}
		promises, err := tx.ListPromises(ctx, a.ID)
		if got.State != dispatch.AppointmentCancelled || promises[0].Outcome != dispatch.PromiseWithdrawn {
			t.Errorf("its appointment is %s, the promise %s", got.State, promises[0].Outcome)
		}
		return err
	})
}

func TestLookAtDay(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	look := func() dispatch.Look {
		t.Helper()
		got, err := o.LookAtDay(t.Context(), o.Tenant.ID, o.Area.ID, o.day(1), "plan-day/test")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	published := func() (plan dispatch.Plan) {
		t.Helper()
		o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
			var err error
			plan, _, err = tx.PublishedPlan(ctx, o.Area.ID, o.day(1))
			return err
		})
		return plan
	}
	if diff := cmp.Diff(dispatch.Look{Wait: o.At(0, 18, 0).Sub(company.Now)}, look()); diff != "" {
		t.Errorf("before the evening (-want +got):\n%s", diff)
	}
	o.SetTime(t, o.At(0, 18, 0))
	if got := look(); got.Done || published().Version != 1 || o.visit(order).State != dispatch.VisitPlanned {
		t.Errorf("in the evening: %+v, plan %d, visit %s", got, published().Version, o.visit(order).State)
	}
	if look(); published().Version != 1 {
		t.Error("planned again though nothing had changed")
	}
	o.order(o.Service.ID, 1, 1, 1)
	if got := look(); got.Wait != 15*time.Minute || published().Version != 1 {
		t.Errorf("just after a change: %+v, plan %d; want the burst to settle first", got, published().Version)
	}
	o.SetTime(t, o.At(0, 18, 15))
	if look(); published().Version != 2 {
		t.Errorf("after the burst: plan %d, want 2", published().Version)
	}
	o.SetTime(t, o.At(1, 16, 0))
	if got := look(); !got.Done {
		t.Errorf("after the day: %+v, want done", got)
	}
}

func TestWorkOrderReferencesMustExist(t *testing.T) {
	t.Parallel()
	o := open(t)
	twin := o.Twin(t)
	for what, order := range map[string]dispatch.WorkOrder{
		"another tenant's site":     {Site: twin.Site.ID, Service: o.Service.ID},
		"another tenant's customer": {Site: o.Site.ID, Service: o.Service.ID, Customer: twin.Customer.ID},
		"another tenant's asset":    {Site: o.Site.ID, Service: o.Service.ID, Asset: twin.Asset.ID},
		"no such service":           {Site: o.Site.ID, Service: "nothing"},
	} {
		_, err := o.CreateWorkOrder(t.Context(), o.Call(dispatch.RoleDispatcher, "CreateWorkOrder"), order)
		var refused *dispatch.Error
		if !errors.As(err, &refused) || refused.Reason != dispatch.ReasonReferenceNotFound || len(refused.Fields) != 1 {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNothingIsPlannedIntoABreakUnderWay(t *testing.T) {
	t.Parallel()
	o := open(t)
	for i := range 8 {
		o.promise(o.order(o.Service.ID, 3, float64(i%5)-2, float64(i%3)-1), o.At(1, 10, 0), o.At(1, 14, 0))
	}
	if plan := o.plan(1); len(plan.Stops) != 8 {
		t.Fatalf("%d visits are planned, want 8", len(plan.Stops))
	}
	// Nobody has set off, and everybody has a break.
	now := o.At(1, 12, 10)
	o.SetTime(t, now)
	plan := o.plan(1)
	if len(plan.Stops) == 0 {
		t.Fatal("nothing was planned for the rest of the day")
	}
	for _, stop := range plan.Stops {
		if over := o.At(1, 12, 30); stop.Span.Start.Before(over) {
			t.Errorf("a visit is planned at %s, within the break until %s", stop.Span.Start, over)
		}
	}
}

func TestWorkThatRunsIntoABreak(t *testing.T) {
	t.Parallel()
	o := open(t)
	for i := range 8 {
		o.promise(o.order(o.Service.ID, 3, float64(i%5)-2, float64(i%3)-1), o.At(1, 10, 0), o.At(1, 14, 0))
	}
	o.plan(1)
	// Somebody is at work since twenty past eleven, which takes until twenty past twelve.
	now := o.At(1, 11, 50)
	o.SetTime(t, now)
	var begun dispatch.Commitment
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		plan, _, err := tx.PublishedPlan(ctx, o.Area.ID, o.day(1))
		if err != nil {
			return err
		}
		visit, err := tx.LockVisit(ctx, plan.Stops[0].Visit)
		if err != nil {
			return err
		}
		if begun, _, err = tx.CommitmentOfVisit(ctx, visit.ID); err != nil {
			return err
		}
		visit.State, visit.Technician = dispatch.VisitInProgress, begun.Technician
		visit.ArrivedAt, visit.StartedAt = now.Add(-30*time.Minute), now.Add(-30*time.Minute)
		begun.State = dispatch.CommitmentUnderWay
		return errors.Join(tx.SaveVisit(ctx, visit), tx.SaveCommitment(ctx, begun))
	})
	plan := o.plan(1)
	for _, stop := range plan.Stops {
		if stop.Shift == begun.Shift && stop.Visit != begun.Visit && stop.Span.Start.Before(o.At(1, 12, 30)) {
			t.Errorf("a visit is planned at %s, when its technician is at work or has his break", stop.Span.Start)
		}
	}
}
