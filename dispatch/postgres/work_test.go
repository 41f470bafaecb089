package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

// bench is one technician's day in a tiny tenant, with the work for two visits.
type bench struct {
	store      *Store
	db         *pgtest.DB
	tenant     dispatch.TenantID
	technician dispatch.TechnicianID
	shift      dispatch.Shift
	site       dispatch.SiteID
	customer   dispatch.CustomerID
}

// morning is 8:00 in New York on 2 November 2011.
var morning = time.Date(2011, 11, 2, 12, 0, 0, 0, time.UTC)

func newBench(t *testing.T) *bench {
	t.Helper()
	db := pgtest.New(t)
	store, err := Open(t.Context(), db.URL, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	b := &bench{
		store: store, db: db, tenant: tenant(t, store, "bench"),
		technician: dispatch.TechnicianID{UUID: newUUID()}, site: dispatch.SiteID{UUID: newUUID()},
		customer: dispatch.CustomerID{UUID: newUUID()},
	}
	b.shift = dispatch.Shift{
		ID: dispatch.ShiftID{UUID: newUUID()}, Technician: b.technician, PlanningArea: "north",
		Date: dispatch.DateOf(morning, time.UTC), Span: dispatch.Span{Start: morning, End: morning.Add(8 * time.Hour)}, Version: 1,
	}
	args := pgx.NamedArgs{
		"tenant": b.tenant, "technician": b.technician, "shift": b.shift.ID, "site": b.site, "customer": b.customer,
		"from": b.shift.Span.Start, "to": b.shift.Span.End, "day": b.shift.Date.UTC(),
	}
	conn, err := pgx.Connect(t.Context(), db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{
		`INSERT INTO planning_areas VALUES (@tenant, 'north', 'North', 'America/New_York', 7200, 14, 86400, 300, '18:00')`,
		`INSERT INTO services (tenant_id, id, display_name, duration_seconds, spread_seconds) VALUES (@tenant, 'repair', 'Repair', 3600, 600)`,
		`INSERT INTO service_tiers (tenant_id, service_id, id, display_name, price_minor, currency) VALUES (@tenant, 'repair', 'standard', 'Standard', 9900, 'USD')`,
		`INSERT INTO technicians (tenant_id, id, display_name, home, planning_area_id) VALUES (@tenant, @technician, 'Ada', ST_SetSRID(ST_MakePoint(-71.06, 42.36), 4326), 'north')`,
		`INSERT INTO shifts (tenant_id, id, technician_id, planning_area_id, local_date, starts_at, ends_at) VALUES (@tenant, @shift, @technician, 'north', @day, @from, @to)`,
		`INSERT INTO sites (tenant_id, id, address, address_key, location, time_zone) VALUES (@tenant, @site, '1 Main St', '1 main st|', ST_SetSRID(ST_MakePoint(-71.05, 42.35), 4326), 'America/New_York')`,
		`INSERT INTO customers (tenant_id, id, display_name) VALUES (@tenant, @customer, 'Grace')`,
	} {
		if _, err := conn.Exec(t.Context(), sql, args); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return b
}

func (b *bench) in(t *testing.T, fn func(ctx context.Context, tx dispatch.Tx) error) {
	t.Helper()
	if err := b.try(t, fn); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) try(t *testing.T, fn func(ctx context.Context, tx dispatch.Tx) error) error {
	t.Helper()
	return b.store.InTx(t.Context(), b.tenant, fn)
}

// must stops the test at the first statement of a list that fails.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("statement %d: %v", i+1, err)
		}
	}
}

func (b *bench) workOrder() dispatch.WorkOrder {
	return dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{UUID: newUUID()}, Customer: b.customer, Site: b.site, Service: "repair", PlanningArea: "north",
		State: dispatch.WorkOrderOpen, Priority: 2, Issue: "no heat", DueAt: morning.Add(48 * time.Hour), OpenedAt: morning, Version: 1,
	}
}

func (b *bench) visit(of dispatch.WorkOrder, ordinal int) dispatch.Visit {
	return dispatch.Visit{
		ID: dispatch.VisitID{UUID: newUUID()}, WorkOrder: of.ID, PlanningArea: "north", Ordinal: ordinal,
		State: dispatch.VisitPlanned, Duration: time.Hour, CreatedAt: morning, Version: 1,
	}
}

func (b *bench) commitment(v dispatch.VisitID, from, to time.Duration) dispatch.Commitment {
	return dispatch.Commitment{
		ID: dispatch.CommitmentID{UUID: newUUID()}, Technician: b.technician, Shift: b.shift.ID,
		Kind: dispatch.CommitmentVisit, State: dispatch.CommitmentPlanned, Visit: v,
		Span: dispatch.Span{Start: morning.Add(from), End: morning.Add(to)}, Travel: 9 * time.Minute, Version: 1,
	}
}

func (b *bench) appointment(of dispatch.WorkOrder) (dispatch.Appointment, dispatch.Promise) {
	a := dispatch.Appointment{
		ID: dispatch.AppointmentID{UUID: newUUID()}, WorkOrder: of.ID, Customer: b.customer,
		State: dispatch.AppointmentConfirmed, Service: "repair", Tier: "standard",
		Window: dispatch.Window{Span: dispatch.Span{Start: morning, End: morning.Add(2 * time.Hour)}, Zone: "America/New_York"},
		Price:  dispatch.Money{Minor: 9900, Currency: "USD"}, PriceLines: []dispatch.PriceLine{{Label: "Standard", Minor: 9900}}, Promise: 1, LinkEpoch: 1,
		BookedBy: "visitor:1", BookedAt: morning, Version: 1,
	}
	return a, dispatch.Promise{
		Appointment: a.ID, Ordinal: 1, Window: a.Window, MadeAt: morning, MadeBy: "visitor:1",
		Reason: "booked", Outcome: dispatch.PromiseOpen,
	}
}

var sameInstant = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

func TestWorkRoundTrip(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := b.workOrder()
	a, promise := b.appointment(order)
	visit := b.visit(order, 1)
	visit.Appointment = a.ID
	c := b.commitment(visit.ID, time.Hour, 2*time.Hour)
	c.PinnedBy = "member:boss"
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		must(t, tx.CreateWorkOrder(ctx, order), tx.CreateAppointment(ctx, a), tx.AddPromise(ctx, promise),
			tx.CreateVisit(ctx, visit), tx.CreateCommitment(ctx, c))
		return nil
	})
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		gotOrder, err := tx.LockWorkOrder(ctx, order.ID)
		must(t, err)
		gotVisit, err := tx.LockVisit(ctx, visit.ID)
		must(t, err)
		visitOf, err := tx.VisitOf(ctx, a.ID)
		must(t, err)
		visits, err := tx.VisitsOf(ctx, order.ID)
		must(t, err)
		gotAppointment, err := tx.LockAppointment(ctx, a.ID)
		must(t, err)
		promises, err := tx.ListPromises(ctx, a.ID)
		must(t, err)
		gotCommitment, found, err := tx.CommitmentOfVisit(ctx, visit.ID)
		must(t, err)
		stops, err := tx.StopsOn(ctx, []dispatch.ShiftID{b.shift.ID})
		must(t, err)
		stop := dispatch.Stop{
			Commitment: c, Location: dispatch.Point{Longitude: -71.05, Latitude: 42.35}, Duration: time.Hour,
			Window: a.Window, Service: "repair", Spread: 10 * time.Minute, Priority: 2, DueAt: order.DueAt, VisitVersion: 1,
		}
		for _, pair := range [][2]any{
			{order, gotOrder},
			{visit, gotVisit},
			{visit, visitOf},
			{[]dispatch.Visit{visit}, visits},
			{a, gotAppointment},
			{[]dispatch.Promise{promise}, promises},
			{c, gotCommitment},
			{true, found},
			{[]dispatch.Stop{stop}, stops},
		} {
			if diff := cmp.Diff(pair[0], pair[1], sameInstant); diff != "" {
				t.Errorf("%T came back changed (-want +got):\n%s", pair[0], diff)
			}
		}
		return nil
	})
}

func TestSaveRefusesAVersionThatMovedOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := b.workOrder()
	a, promise := b.appointment(order)
	visit := b.visit(order, 1)
	c := b.commitment(visit.ID, 0, time.Hour)
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		must(t, tx.CreateWorkOrder(ctx, order), tx.CreateAppointment(ctx, a), tx.AddPromise(ctx, promise),
			tx.CreateVisit(ctx, visit), tx.CreateCommitment(ctx, c))
		return nil
	})
	saves := map[string]func(ctx context.Context, tx dispatch.Tx) error{
		"work order":  func(ctx context.Context, tx dispatch.Tx) error { return tx.SaveWorkOrder(ctx, order) },
		"visit":       func(ctx context.Context, tx dispatch.Tx) error { return tx.SaveVisit(ctx, visit) },
		"appointment": func(ctx context.Context, tx dispatch.Tx) error { return tx.SaveAppointment(ctx, a) },
		"commitment":  func(ctx context.Context, tx dispatch.Tx) error { return tx.SaveCommitment(ctx, c) },
	}
	for name, save := range saves {
		if err := b.try(t, save); err != nil {
			t.Errorf("%s: first save: %v", name, err)
		}
		if err := b.try(t, save); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
			t.Errorf("%s: saving the old version again: %v, want ETAG_MISMATCH", name, err)
		}
	}
}

func TestOverlapIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := b.workOrder()
	one, two := b.visit(order, 1), b.visit(order, 2)
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		must(t, tx.CreateWorkOrder(ctx, order), tx.CreateVisit(ctx, one), tx.CreateVisit(ctx, two),
			tx.CreateCommitment(ctx, b.commitment(one.ID, 0, time.Hour)))
		return nil
	})
	cases := []struct {
		name     string
		from, to time.Duration
		change   func(c *dispatch.Commitment)
		want     dispatch.Reason
	}{
		{name: "touching is no overlap", from: time.Hour, to: 2 * time.Hour},
		{name: "a microsecond is one", from: time.Hour - time.Microsecond, to: 2 * time.Hour, want: dispatch.ReasonTechnicianBusy},
		{name: "within", from: 10 * time.Minute, to: 20 * time.Minute, want: dispatch.ReasonTechnicianBusy},
		{name: "allowed by somebody", from: 0, to: time.Hour, change: func(c *dispatch.Commitment) { c.OverlapAllowedBy = "member:boss" }},
		{name: "released time is free", from: 0, to: time.Hour, change: func(c *dispatch.Commitment) { c.State = dispatch.CommitmentReleased }},
		{name: "reality is never refused", from: 0, to: time.Hour, change: func(c *dispatch.Commitment) { c.State = dispatch.CommitmentUnderWay }},
	}
	for _, tc := range cases {
		for _, deferred := range []bool{false, true} {
			c := b.commitment(two.ID, tc.from, tc.to)
			if tc.change != nil {
				tc.change(&c)
			}
			err := b.try(t, func(ctx context.Context, tx dispatch.Tx) error {
				if deferred {
					must(t, tx.DeferOverlapCheck(ctx))
				}
				if err := tx.CreateCommitment(ctx, c); err != nil {
					if deferred {
						t.Errorf("%s: deferred, but refused before COMMIT: %v", tc.name, err)
					}
					return err
				}
				return nil
			})
			if dispatch.ReasonOf(err) != tc.want || (tc.want == "" && err != nil) {
				t.Errorf("%s (deferred %t): %v, want %q", tc.name, deferred, err, tc.want)
			}
			if err == nil && c.State != dispatch.CommitmentReleased {
				b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
					c.State = dispatch.CommitmentReleased
					return tx.SaveCommitment(ctx, c)
				})
			}
		}
	}
}

func TestTwoVisitsSwapInOneTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := b.workOrder()
	one, two := b.visit(order, 1), b.visit(order, 2)
	first, second := b.commitment(one.ID, 0, time.Hour), b.commitment(two.ID, time.Hour, 2*time.Hour)
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		must(t, tx.CreateWorkOrder(ctx, order), tx.CreateVisit(ctx, one), tx.CreateVisit(ctx, two),
			tx.CreateCommitment(ctx, first), tx.CreateCommitment(ctx, second))
		return nil
	})
	first.Span, second.Span = second.Span, first.Span
	swap := func(deferred bool) error {
		return b.try(t, func(ctx context.Context, tx dispatch.Tx) error {
			if deferred {
				must(t, tx.DeferOverlapCheck(ctx))
			}
			if err := tx.SaveCommitment(ctx, first); err != nil {
				return err
			}
			return tx.SaveCommitment(ctx, second)
		})
	}
	if err := swap(false); dispatch.ReasonOf(err) != dispatch.ReasonTechnicianBusy {
		t.Errorf("swap under the immediate check: %v, want TECHNICIAN_BUSY", err)
	}
	if err := swap(true); err != nil {
		t.Fatalf("swap: %v", err)
	}
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		got, err := tx.CommitmentsOn(ctx, []dispatch.ShiftID{b.shift.ID})
		must(t, err)
		if len(got) != 2 || got[0].Visit != two.ID || got[1].Visit != one.ID {
			t.Errorf("after the swap the day is %v", got)
		}
		return nil
	})
}

func TestAWindowNeedsItsPromise(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := b.workOrder()
	a, promise := b.appointment(order)
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		must(t, tx.CreateWorkOrder(ctx, order), tx.CreateAppointment(ctx, a), tx.AddPromise(ctx, promise))
		return nil
	})
	moved := a
	moved.Window.Start, moved.Window.End = a.Window.Start.Add(time.Hour), a.Window.End.Add(time.Hour)
	silent := b.try(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.SaveAppointment(ctx, moved) })
	if sqlState(silent) != "23000" {
		t.Errorf("a window moved without a promise: %v, want an integrity violation", silent)
	}
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		next := promise
		next.Ordinal, next.Window, next.Reason = 2, moved.Window, "rescheduled"
		moved.Promise = 2
		must(t, tx.JudgePromise(ctx, a.ID, 1, dispatch.PromiseSuperseded, morning), tx.AddPromise(ctx, next), tx.SaveAppointment(ctx, moved))
		return nil
	})
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		must(t, tx.JudgePromise(ctx, a.ID, 1, dispatch.PromiseKept, morning.Add(time.Hour)))
		got, err := tx.ListPromises(ctx, a.ID)
		must(t, err)
		if len(got) != 2 || got[0].Outcome != dispatch.PromiseSuperseded || !got[0].JudgedAt.Equal(morning) || got[1].Outcome != dispatch.PromiseOpen {
			t.Errorf("the ledger is %+v; a judged promise must stay as it was judged", got)
		}
		return nil
	})
}

func TestShiftsAreLockedInOrderAndCountChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.in(t, func(ctx context.Context, tx dispatch.Tx) error {
		found, err := tx.ShiftsBetween(ctx, "north", morning.Add(7*time.Hour), morning.Add(30*time.Hour))
		must(t, err)
		locked, err := tx.LockShifts(ctx, []dispatch.ShiftID{b.shift.ID})
		must(t, err, tx.TouchShifts(ctx, []dispatch.ShiftID{b.shift.ID}))
		touched, err := tx.LockShifts(ctx, []dispatch.ShiftID{b.shift.ID})
		must(t, err)
		if diff := cmp.Diff([]dispatch.Shift{b.shift}, found, sameInstant); diff != "" {
			t.Errorf("shifts of the day (-want +got):\n%s", diff)
		}
		if locked[0].Version != 1 || touched[0].Version != 2 {
			t.Errorf("versions %d and %d, want 1 and 2", locked[0].Version, touched[0].Version)
		}
		none, err := tx.ShiftsBetween(ctx, "north", morning.Add(8*time.Hour), morning.Add(30*time.Hour))
		must(t, err)
		if len(none) != 0 {
			t.Errorf("a shift that ends when the range begins was found: %v", none)
		}
		missing := dispatch.ShiftID{UUID: newUUID()}
		if _, err := tx.LockShifts(ctx, []dispatch.ShiftID{missing}); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
			t.Errorf("locking a shift that is not there: %v", err)
		}
		return nil
	})
}
