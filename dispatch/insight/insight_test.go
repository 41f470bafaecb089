package insight_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/insight"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// The interval of a few shares, by hand from the formula, and its properties.
func TestWilson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k, n      int64
		low, high float64
	}{
		{0, 0, 0, 1},
		{0, 10, 0, 0.277533},
		{10, 10, 0.722467, 1},
		{5, 10, 0.236593, 0.763407},
		{80, 100, 0.711171, 0.866633},
		{1, 1, 0.206549, 1},
	} {
		low, high := insight.Wilson(c.k, c.n)
		if math.Abs(low-c.low) > 1e-5 || math.Abs(high-c.high) > 1e-5 {
			t.Errorf("%d of %d: [%f, %f], want [%f, %f]", c.k, c.n, low, high, c.low, c.high)
		}
	}
	for n := int64(1); n < 60; n++ {
		for k := int64(0); k <= n; k++ {
			low, high := insight.Wilson(k, n)
			p := float64(k) / float64(n)
			if low < 0 || high > 1 || low > p+1e-12 || high < p-1e-12 {
				t.Fatalf("%d of %d: [%f, %f]", k, n, low, high)
			}
		}
	}
}

// ledger writes rows as they would be after a busy day, each with a word of why
// it counts.
type ledger struct {
	*company.Company
	conn *pgx.Conn
}

func (l *ledger) exec(t testing.TB, sql string, args pgx.NamedArgs) {
	t.Helper()
	args["tenant"] = l.Tenant.ID
	if _, err := l.conn.Exec(t.Context(), sql, args); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// job is a work order with an appointment, its promise and its visit.
func (l *ledger) job(t testing.TB, technician int, start time.Time, outcome dispatch.PromiseOutcome, state dispatch.CommitmentState) dispatch.WorkOrderID {
	t.Helper()
	order, appointment, visit := dispatch.WorkOrderID{}.New(), dispatch.AppointmentID{}.New(), dispatch.VisitID{}.New()
	window := dispatch.Window{Span: dispatch.Span{Start: start, End: start.Add(2 * time.Hour)}, Zone: "America/New_York"}
	l.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		err := tx.CreateWorkOrder(ctx, dispatch.WorkOrder{
			ID: order, Customer: l.Customer.ID, Site: l.Site.ID, Service: l.Service.ID, PlanningArea: l.Area.ID,
			State: dispatch.WorkOrderScheduled, Priority: 3, OpenedAt: start.Add(-time.Hour), Version: 1,
		})
		if err != nil {
			return err
		}
		err = tx.CreateAppointment(ctx, dispatch.Appointment{
			ID: appointment, WorkOrder: order, Customer: l.Customer.ID, State: dispatch.AppointmentConfirmed, Service: l.Service.ID,
			Tier: l.Tier.ID, Window: window, Price: l.Tier.Price, Promise: 1, LinkEpoch: 1, BookedBy: "visitor:x", BookedAt: start.Add(-time.Hour), Version: 1,
		})
		if err != nil {
			return err
		}
		err = tx.AddPromise(ctx, dispatch.Promise{
			Appointment: appointment, Ordinal: 1, Window: window, MadeAt: start.Add(-time.Hour), MadeBy: "visitor:x", Reason: "booked", Outcome: outcome,
		})
		if err != nil {
			return err
		}
		err = tx.CreateVisit(ctx, dispatch.Visit{
			ID: visit, WorkOrder: order, Appointment: appointment, PlanningArea: l.Area.ID, Ordinal: 1, State: dispatch.VisitPlanned,
			Duration: time.Hour, CreatedAt: start, Version: 1,
		})
		if err != nil {
			return err
		}
		day := int(start.Sub(l.At(0, 0, 0)).Hours()) / 24
		return tx.CreateCommitment(ctx, dispatch.Commitment{
			ID: dispatch.CommitmentID{}.New(), Technician: l.Technicians[technician].ID, Shift: l.Shifts[3*day+technician].ID,
			Kind: dispatch.CommitmentVisit, State: state, Visit: visit, Span: dispatch.Span{Start: start, End: start.Add(time.Hour)},
			Travel: 15 * time.Minute, Version: 1,
		})
	})
	for _, template := range []string{"booked", "done"} {
		l.exec(t, `INSERT INTO deliveries (tenant_id, id, channel, template, subject, recipient, dedupe_key, state, due_at, created_at)
			VALUES (@tenant, gen_random_uuid(), 'mail', @template, @subject, 'customers/x', @subject || @template, 'sent', @at, @at)`,
			pgx.NamedArgs{"template": template, "subject": appointment.Name(), "at": start})
	}
	return order
}

// resolve gives a work order a verdict.
func (l *ledger) resolve(t testing.TB, id dispatch.WorkOrderID, at time.Time, state dispatch.FixState, verdict dispatch.FixVerdict) {
	t.Helper()
	l.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		order, err := tx.LockWorkOrder(ctx, id)
		if err != nil {
			return err
		}
		order.State, order.ResolvedAt = dispatch.WorkOrderResolved, at
		order.Episode++
		if err := tx.SaveWorkOrder(ctx, order); err != nil {
			return err
		}
		return tx.CreateFixEpisode(ctx, dispatch.FixEpisode{
			WorkOrder: id, Episode: order.Episode, Service: order.Service, ResolvedAt: at, WindowDays: 30, DueAt: at.AddDate(0, 0, 30),
			State: state, Verdict: verdict, JudgedAt: at,
		})
	})
}

func (l *ledger) search(t testing.TB, at time.Time, offered int, reason dispatch.NoOfferReason) {
	t.Helper()
	l.exec(t, `INSERT INTO slot_searches (tenant_id, id, at, planning_area_id, service_id, offered, no_offer_reason)
		VALUES (@tenant, gen_random_uuid(), @at, @area, 'lamp', @offered, @reason)`,
		pgx.NamedArgs{"at": at, "area": l.Area.ID, "offered": offered, "reason": reason})
}

func newLedger(t testing.TB) *ledger {
	t.Helper()
	c := company.New(t)
	conn, err := pgx.Connect(t.Context(), c.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return &ledger{Company: c, conn: conn}
}

// A day by hand: three technicians of 8 hours with half an hour of break are
// 22.5 hours; four visits of an hour with a quarter of travel each are 5.
func TestServiceLevelsOfADayByHand(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	today := dispatch.Scope{Period: dispatch.Span{Start: l.At(0, 0, 0), End: l.At(1, 0, 0)}}
	l.search(t, l.At(0, 7, 0), 3, "")
	l.search(t, l.At(0, 7, 0), 0, dispatch.NoOfferFullyBooked)
	l.search(t, l.At(0, 7, 0), 0, dispatch.NoOfferFullyBooked)
	l.search(t, l.At(1, 0, 0), 1, "") // the first instant of tomorrow
	a := l.job(t, 0, l.At(0, 9, 0), dispatch.PromiseKept, dispatch.CommitmentDone)
	b := l.job(t, 0, l.At(0, 10, 0), dispatch.PromiseMissed, dispatch.CommitmentDone)
	c := l.job(t, 1, l.At(0, 9, 0), dispatch.PromiseOpen, dispatch.CommitmentUnderWay)
	l.job(t, 1, l.At(0, 10, 0), dispatch.PromiseSuperseded, dispatch.CommitmentPlanned)
	l.job(t, 2, l.At(0, 9, 0), dispatch.PromiseWithdrawn, dispatch.CommitmentReleased)
	l.job(t, 0, l.At(1, 9, 0), dispatch.PromiseKept, dispatch.CommitmentPlanned) // tomorrow
	l.resolve(t, a, l.At(0, 9, 50), dispatch.FixFinal, dispatch.FirstTimeFix)
	l.resolve(t, b, l.At(0, 10, 50), dispatch.FixProvisional, dispatch.FirstTimeFix)
	l.resolve(t, b, l.At(0, 10, 55), dispatch.FixProvisional, dispatch.RepeatVisit) // the second life counts
	l.resolve(t, c, l.At(0, 11, 0), dispatch.FixFinal, dispatch.NotCounted)

	call := l.Call(dispatch.RoleDispatcher, "GetServiceLevels")
	got, err := insight.New(l.Store).GetServiceLevels(t.Context(), call, today)
	if err != nil {
		t.Fatal(err)
	}
	low, high := insight.Wilson(1, 2)
	rate := insight.FixRate{
		FixCounts: dispatch.FixCounts{Service: "lamp", WindowDays: 30, Fixed: 1, Repeated: 1, NotCounted: 1, Provisional: 1},
		Rate:      0.5, Low: low, High: high,
	}
	all := rate
	all.Service, all.WindowDays = "", 0
	want := insight.ServiceLevels{
		RequestCounts: dispatch.RequestCounts{WorkOrders: 5, Searches: 3, Offered: 1, Booked: 5},
		WindowCounts:  dispatch.WindowCounts{Kept: 1, Missed: 1, Open: 1},
		Refused:       map[dispatch.NoOfferReason]int64{dispatch.NoOfferFullyBooked: 2},
		TravelShare:   1.0 / 5, Utilisation: 5 / 22.5,
		FirstTimeFix: []insight.FixRate{rate, all},
		Referrals:    map[dispatch.ReferralState]int64{},
		Notifications: []dispatch.DeliveryCount{
			{Template: "booked", State: dispatch.DeliverySent, Count: 5}, {Template: "done", State: dispatch.DeliverySent, Count: 5},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("service levels (-want +got):\n%s", diff)
	}

	scope := today
	scope.PlanningArea = l.Area.ID
	same, err := insight.New(l.Store).GetServiceLevels(t.Context(), call, scope)
	if diff := cmp.Diff(got, same); err != nil || diff != "" {
		t.Errorf("of its only area: %v (-all +area)\n%s", err, diff)
	}
	scope.PlanningArea = "elsewhere"
	if _, err := insight.New(l.Store).GetServiceLevels(t.Context(), call, scope); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("of an area that is not there: %v", err)
	}
	// Another company has had no day at all.
	twin := l.Twin(t)
	none, err := insight.New(l.Store).GetServiceLevels(t.Context(), twin.Call(dispatch.RoleDispatcher, "GetServiceLevels"), today)
	if err != nil || none.WorkOrders+none.Searches+none.Booked+none.Kept != 0 || none.Utilisation != 0 {
		t.Errorf("another company: %+v, %v", none, err)
	}
}

func TestFirstTimeFixOfOneService(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	today := dispatch.Scope{Period: dispatch.Span{Start: l.At(0, 0, 0), End: l.At(1, 0, 0)}}
	l.resolve(t, l.job(t, 0, l.At(0, 9, 0), dispatch.PromiseKept, dispatch.CommitmentDone), l.At(0, 9, 50), dispatch.FixFinal, dispatch.FirstTimeFix)
	call := l.Call(dispatch.RoleAdministrator, "GetFirstTimeFix")
	in := insight.New(l.Store)
	got, err := in.GetFirstTimeFix(t.Context(), call, today, "lamp")
	if err != nil || len(got) != 2 || got[0].Fixed != 1 || got[1].Rate != 1 {
		t.Errorf("lamp: %+v, %v", got, err)
	}
	got, err = in.GetFirstTimeFix(t.Context(), call, today, "boiler")
	if err != nil || len(got) != 1 || got[0].Fixed != 0 || got[0].High != 1 {
		t.Errorf("boiler: %+v, %v", got, err)
	}
	if _, err = in.GetFirstTimeFix(t.Context(), call, today, "magic"); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("magic: %v", err)
	}
}

// If ever the constraint were gone, the count would say so.
func TestDoubleBookingsAreSeen(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	scope := dispatch.Scope{Period: dispatch.Span{Start: l.At(0, 0, 0), End: l.At(2, 0, 0)}}
	l.exec(t, "ALTER TABLE commitments DROP CONSTRAINT commitments_do_not_overlap", pgx.NamedArgs{})
	l.job(t, 0, l.At(0, 9, 0), dispatch.PromiseOpen, dispatch.CommitmentPlanned)
	l.job(t, 0, l.At(0, 10, 0), dispatch.PromiseOpen, dispatch.CommitmentPlanned) // touches
	l.job(t, 1, l.At(0, 9, 0), dispatch.PromiseOpen, dispatch.CommitmentPlanned)  // another's
	levels := func() insight.ServiceLevels {
		got, err := insight.New(l.Store).GetServiceLevels(t.Context(), l.Call(dispatch.RoleDispatcher, "GetServiceLevels"), scope)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if n := levels().DoubleBookings; n != 0 {
		t.Errorf("%d double bookings of a clean day", n)
	}
	l.job(t, 0, l.At(0, 9, 30), dispatch.PromiseOpen, dispatch.CommitmentPlanned) // clashes with two
	l.job(t, 1, l.At(0, 9, 30), dispatch.PromiseOpen, dispatch.CommitmentDone)    // what happened clashes with nothing
	if n := levels().DoubleBookings; n != 2 {
		t.Errorf("%d double bookings, want 2", n)
	}
}
