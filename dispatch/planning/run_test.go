package planning_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
	"github.com/firstfix/firstfix/dispatch/planning"
)

// lockLog writes down the locks of visits.
type lockLog struct {
	dispatch.Store
	visits []string
}

type loggedTx struct {
	dispatch.Tx
	log *lockLog
}

func (l *lockLog) InTx(ctx context.Context, tenant dispatch.TenantID, fn func(context.Context, dispatch.Tx) error) error {
	return l.Store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error {
		l.visits = nil
		return fn(ctx, loggedTx{tx, l})
	})
}

func (t loggedTx) LockVisit(ctx context.Context, id dispatch.VisitID) (dispatch.Visit, error) {
	t.log.visits = append(t.log.visits, id.String())
	return t.Tx.LockVisit(ctx, id)
}

// Two runs that want the same visits, and a dispatcher who cancels one of them,
// wait for one another and never in a circle.
func TestPublishLocksInOrder(t *testing.T) {
	t.Parallel()
	o := open(t)
	for i := range 6 {
		o.order(o.Service.ID, 3, float64(i%3)-1, float64(i%2))
	}
	log := &lockLog{Store: o.Store}
	office := planning.New(log, travel.Estimator{})
	if _, err := office.PlanDay(t.Context(), o.Call(dispatch.RoleDispatcher, "PlanDay"), o.Area.ID, o.day(1)); err != nil {
		t.Fatal(err)
	}
	if len(log.visits) != 6 || !slices.IsSorted(log.visits) {
		t.Errorf("6 visits were to be locked by id, got %v", log.visits)
	}
}

func TestANightShiftIsPlannedPastMidnight(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.CreateShifts(ctx, []dispatch.Shift{{
			ID: dispatch.ShiftID{}.New(), Technician: o.Technicians[0].ID, PlanningArea: o.Area.ID, Date: o.day(1),
			Span: dispatch.Span{Start: o.At(1, 22, 0), End: o.At(2, 6, 0)}, Version: 1,
		}})
	})
	o.SetTime(t, o.At(2, 0, 30))
	order := o.order(o.Service.ID, 1, 0, 0)
	look, err := o.LookAtDay(t.Context(), o.Tenant.ID, o.Area.ID, o.day(1), "plan-day/test")
	if err != nil || look.Done {
		t.Fatalf("looked at a day whose night is under way: %+v, %v", look, err)
	}
	if v := o.visit(order); v.State != dispatch.VisitPlanned || v.Planned.Span.End.After(o.At(2, 6, 0)) {
		t.Errorf("the visit is %s at %v, want it planned into the night", v.State, v.Planned.Span)
	}
	o.SetTime(t, o.At(2, 6, 0))
	_, err = o.PlanDay(t.Context(), o.Call(dispatch.RoleDispatcher, "PlanDay"), o.Area.ID, o.day(1))
	if dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("planned a night that is over: %v", err)
	}
}

func TestARepeatedPlanDayHasItsAnswerAlsoWhenTheDayIsOver(t *testing.T) {
	t.Parallel()
	o := open(t)
	call := o.Call(dispatch.RoleDispatcher, "PlanDay")
	first, err := o.PlanDay(t.Context(), call, o.Area.ID, o.day(1))
	if err != nil {
		t.Fatal(err)
	}
	o.SetTime(t, o.At(2, 7, 0))
	again, err := o.PlanDay(t.Context(), call, o.Area.ID, o.day(1))
	if err != nil || again.ID != first.ID {
		t.Errorf("repeated: plan %s, %v; want %s", again.ID, err, first.ID)
	}
}

// What changes after the day was read must not be slept over: read and wakeup are
// one transaction.
func TestLookAtDaySeesAChangeUntilItsWakeupIsWritten(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.SetTime(t, o.At(0, 18, 0))
	o.plan(1)
	m := &meddler{Store: o.Store}
	m.between = func() { o.order(o.Service.ID, 1, 0, 0) }
	look, err := planning.New(m, travel.Estimator{}).LookAtDay(t.Context(), o.Tenant.ID, o.Area.ID, o.day(1), "plan-day/test")
	if err != nil || look.Wait != 15*time.Minute {
		t.Errorf("a change just before the wakeup was written: %+v, %v; want a look once it has settled", look, err)
	}
}
