package planning_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
)

// daysAsked are the days that the planner was asked to plan again because of a
// visit's version: the date, and where it came from.
func (o office) daysAsked(v dispatch.Visit) (asked [][2]string) {
	o.t.Helper()
	conn, err := pgx.Connect(o.t.Context(), o.DB.SuperuserURL)
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.Close(o.t.Context())
	rows, err := conn.Query(o.t.Context(), `SELECT payload->>'date', coalesce(payload->>'date_before', '') FROM notices
		WHERE kind = 'day_changed' AND subject = $1 AND version = $2 AND payload->>'planning_area' = $3`, v.Name(), v.Version, string(o.Area.ID))
	if err != nil {
		o.t.Fatal(err)
	}
	asked, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (days [2]string, err error) {
		return days, row.Scan(&days[0], &days[1])
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return asked
}

// A day whose plan is in force is looked at again only when it is told of a
// change: without the notice a promised visit would stay without a technician.
func TestChangesByHandAskForTheDayToBePlannedAgain(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	change := func(what string, want [2]string, act func(v dispatch.ListedVisit) error) {
		t.Helper()
		if err := act(o.visit(order)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if asked := o.daysAsked(o.visit(order).Visit); len(asked) != 1 || asked[0] != want {
			t.Errorf("%s asked for %v, want once %v", what, asked, want)
		}
	}
	assign := func(start time.Time) func(dispatch.ListedVisit) error {
		return func(v dispatch.ListedVisit) error {
			_, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
				planning.Assignment{Visit: v.ID, Technician: o.Technicians[0].ID, Start: start, Version: v.Version})
			return err
		}
	}
	change("assigned", [2]string{"2024-06-04"}, assign(o.At(1, 10, 0)))
	change("moved to the next day", [2]string{"2024-06-05", "2024-06-04"}, assign(o.At(2, 10, 0)))
	change("unassigned", [2]string{"2024-06-05"}, func(v dispatch.ListedVisit) error {
		_, err := o.UnassignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "UnassignVisit"), v.ID, v.Version)
		return err
	})
	change("assigned again", [2]string{"2024-06-06"}, assign(o.At(3, 10, 0)))
	change("cancelled with its order", [2]string{"2024-06-06"}, func(dispatch.ListedVisit) error {
		_, err := o.CancelWorkOrder(t.Context(), o.Call(dispatch.RoleDispatcher, "CancelWorkOrder"), order.ID, 0, "not needed")
		return err
	})
}

// lateVisit adds a visit to a work order in the moment before the order is
// locked, as a technician's event does who had the lock first.
type lateVisit struct {
	dispatch.Tx
	visit *dispatch.Visit
}

func (l lateVisit) LockWorkOrder(ctx context.Context, id dispatch.WorkOrderID) (dispatch.WorkOrder, error) {
	if err := l.CreateVisit(ctx, *l.visit); err != nil {
		return dispatch.WorkOrder{}, err
	}
	return l.Tx.LockWorkOrder(ctx, id)
}

type lateStore struct {
	dispatch.Store
	visit *dispatch.Visit
}

func (s lateStore) InTx(ctx context.Context, tenant dispatch.TenantID, fn func(context.Context, dispatch.Tx) error) error {
	return s.Store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error { return fn(ctx, lateVisit{tx, s.visit}) })
}

func TestCancelWorkOrderCancelsAVisitThatWasAddedMeanwhile(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	late := dispatch.Visit{
		ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: o.Area.ID, Ordinal: 2,
		State: dispatch.VisitUnassigned, Duration: o.Service.Duration, CreatedAt: o.At(0, 7, 0), Version: 1,
	}
	office := planning.New(lateStore{o.Store, &late}, nil)
	if _, err := office.CancelWorkOrder(t.Context(), o.Call(dispatch.RoleDispatcher, "CancelWorkOrder"), order.ID, 0, "not needed"); err != nil {
		t.Fatal(err)
	}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		visits, err := tx.VisitsOf(ctx, order.ID)
		for _, v := range visits {
			if v.State != dispatch.VisitCancelled {
				t.Errorf("visit %d of the cancelled order is %s", v.Ordinal, v.State)
			}
		}
		if len(visits) != 2 {
			t.Errorf("%d visits, want 2", len(visits))
		}
		return err
	})
}

// A customer whose appointment the company took back is told, and his link still
// opens the page that says so.
func TestCancelWorkOrderTellsTheCustomer(t *testing.T) {
	t.Parallel()
	o := open(t)
	order := o.order(o.Service.ID, 3, 0, 0)
	a := o.promise(order, o.At(1, 10, 0), o.At(1, 12, 0))
	if _, err := o.CancelWorkOrder(t.Context(), o.Call(dispatch.RoleDispatcher, "CancelWorkOrder"), order.ID, 0, "not needed"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), o.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var told, heard, epoch int
	err = conn.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM deliveries WHERE subject = $1 AND template = 'cancelled'),
		(SELECT count(*) FROM notices WHERE subject = $1 AND kind = 'appointment_cancelled'),
		(SELECT link_epoch FROM appointments WHERE id = $2)`, a.Name(), a.ID.UUID).Scan(&told, &heard, &epoch)
	if err != nil {
		t.Fatal(err)
	}
	if told != 2 || heard != 1 || epoch != a.LinkEpoch {
		t.Errorf("%d messages, %d notices, link epoch %d; want 2, 1 and %d", told, heard, epoch, a.LinkEpoch)
	}
}

// A work order is scheduled when a customer was promised a window, not when a
// technician was found for it.
func TestAnOrderWithoutAPromiseStaysOpen(t *testing.T) {
	t.Parallel()
	o := open(t)
	byHand, byRun := o.order(o.Service.ID, 3, 0, 0), o.order(o.Service.ID, 3, 1, 0)
	seen := o.visit(byHand)
	visit, err := o.AssignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "AssignVisit"),
		planning.Assignment{Visit: seen.ID, Technician: o.Technicians[0].ID, Start: o.At(1, 10, 0), Version: seen.Version})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.PlanDay(t.Context(), o.Call(dispatch.RoleDispatcher, "PlanDay"), o.Area.ID, o.day(1)); err != nil {
		t.Fatal(err)
	}
	open := func(when string) {
		t.Helper()
		for _, order := range []dispatch.WorkOrder{byHand, byRun} {
			if v := o.visit(order); when == "planned" && v.State != dispatch.VisitPlanned {
				t.Errorf("%s is %s, want planned", v.Name(), v.State)
			}
			o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
				w, err := tx.GetWorkOrder(ctx, order.ID)
				if w.State != dispatch.WorkOrderOpen {
					t.Errorf("%s: %s is %s, want open", when, order.Name(), w.State)
				}
				return err
			})
		}
	}
	open("planned")
	if _, err := o.UnassignVisit(t.Context(), o.Call(dispatch.RoleDispatcher, "UnassignVisit"), visit.ID, o.visit(byHand).Version); err != nil {
		t.Fatal(err)
	}
	open("unassigned")
}
