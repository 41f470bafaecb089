package fieldwork_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

// lookAtFix sees to a fix window as its process would, and gives when it wants to
// look again; zero if never.
func (w *world) lookAtFix(t testing.TB, id dispatch.WorkOrderID, episode int) time.Duration {
	t.Helper()
	look, err := w.field.LookAtFixWindow(t.Context(), w.Tenant.ID, id, episode)
	if err != nil {
		t.Fatal(err)
	}
	return look.Wait
}

// verdicts are the episodes of a work order, oldest first.
func (w *world) verdicts(t testing.TB, id dispatch.WorkOrderID) []string {
	t.Helper()
	return w.words(t, "SELECT state || ' ' || verdict FROM fix_episodes WHERE work_order_id = $1 ORDER BY episode", id)
}

// resolved is a work order that was resolved on its first visit.
func (w *world) resolved(t testing.TB, start time.Time) (job, *phone) {
	t.Helper()
	j, p := w.at(t, 0, start), newPhone()
	w.SetTime(t, start.Add(time.Hour))
	w.upload(t, 0, fieldwork.Accepted, p.trip(j.visit.ID, start, dispatch.EventCompleted)...)
	return w.now(t, j), p
}

// open opens a work order at the same place, and gives the work orders whose
// verdicts it may spoil.
func (w *world) open(t testing.TB, at time.Time, change func(*dispatch.WorkOrder)) (dispatch.WorkOrder, []dispatch.WorkOrderID) {
	t.Helper()
	w.SetTime(t, at)
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Service: w.Service.ID, PlanningArea: w.Area.ID,
		State: dispatch.WorkOrderOpen, Priority: 3, OpenedAt: at, Version: 1,
	}
	change(&order)
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateWorkOrder(ctx, order) })
	episodes, err := w.field.FixesSpoiltBy(t.Context(), w.Tenant.ID, order.ID)
	if err != nil {
		t.Fatal(err)
	}
	var touched []dispatch.WorkOrderID
	for _, e := range episodes {
		touched = append(touched, e.WorkOrder)
	}
	return order, touched
}

func TestAVerdictWaitsForItsWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j, _ := w.resolved(t, w.At(0, 9, 0))
	due := w.At(w.Service.FixWindowDays, 9, 50)
	if wait := w.lookAtFix(t, j.order.ID, 1); !w.At(0, 10, 0).Add(wait).Equal(due) {
		t.Errorf("it waits until %s, want %s", w.At(0, 10, 0).Add(wait), due)
	}
	w.SetTime(t, due.Add(-time.Second))
	w.lookAtFix(t, j.order.ID, 1)
	if got := w.verdicts(t, j.order.ID); !slices.Equal(got, []string{"provisional first_time_fix"}) {
		t.Errorf("a second before: %v", got)
	}
	w.SetTime(t, due)
	if wait := w.lookAtFix(t, j.order.ID, 1); wait != 0 {
		t.Errorf("it waits %s more", wait)
	}
	if got := w.verdicts(t, j.order.ID); !slices.Equal(got, []string{"final first_time_fix"}) {
		t.Errorf("at the end: %v", got)
	}
	if n := w.count(t, "SELECT count(*) FROM wakeups"); n != 0 {
		t.Errorf("%d wakeups are left", n)
	}
}

func TestAnIssueThatComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := w.At(3, 12, 0)
	for _, c := range []struct {
		name   string
		change func(j job, o *dispatch.WorkOrder)
		touch  bool
		want   string
	}{
		{"the same site and service", func(j job, o *dispatch.WorkOrder) { o.Site = j.order.Site }, true, "repeat_visit"},
		{"another service", func(j job, o *dispatch.WorkOrder) { o.Site, o.Service = j.order.Site, w.Boiler.ID }, false, "first_time_fix"},
		{"another service, linked by hand", func(j job, o *dispatch.WorkOrder) {
			o.Site, o.Service, o.Corrects = j.order.Site, w.Boiler.ID, j.order.ID
		}, true, "repeat_visit"},
		{"another place", func(_ job, o *dispatch.WorkOrder) { o.Site = w.Site.ID }, false, "first_time_fix"},
		{"cancelled", func(j job, o *dispatch.WorkOrder) { o.Site, o.State = j.order.Site, dispatch.WorkOrderCancelled }, true, "first_time_fix"},
	} {
		j, _ := w.resolved(t, w.At(0, 9, 0))
		w.SetTime(t, later)
		order, touched := w.open(t, later, func(o *dispatch.WorkOrder) { c.change(j, o) })
		var want []dispatch.WorkOrderID
		if c.touch {
			want = append(want, j.order.ID)
		}
		if !slices.Equal(touched, want) {
			t.Errorf("%s: touches %v, want %v", c.name, touched, want)
		}
		w.lookAtFix(t, j.order.ID, 1)
		if got := w.verdicts(t, j.order.ID); !slices.Equal(got, []string{"provisional " + c.want}) {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
		repeat := w.words(t, "SELECT coalesce(repeat_work_order_id::text, '') FROM fix_episodes WHERE work_order_id = $1", j.order.ID)
		if c.want == "repeat_visit" && repeat[0] != order.ID.String() {
			t.Errorf("%s: spoilt by %s", c.name, repeat[0])
		}
	}
}

func TestTheSameAssetCountsWhereverAndWhateverIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		j.order.Asset = w.Asset.ID
		return tx.SaveWorkOrder(ctx, j.order)
	})
	w.SetTime(t, w.At(0, 10, 0))
	w.upload(t, 0, fieldwork.Accepted, newPhone().trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventCompleted)...)
	_, touched := w.open(t, w.At(1, 9, 0), func(o *dispatch.WorkOrder) {
		o.Site, o.Service, o.Asset = w.Site.ID, w.Boiler.ID, w.Asset.ID
	})
	if len(touched) != 1 {
		t.Fatalf("touches %v", touched)
	}
	w.lookAtFix(t, j.order.ID, 1)
	if got := w.verdicts(t, j.order.ID); !slices.Equal(got, []string{"provisional repeat_visit"}) {
		t.Errorf("%v", got)
	}
}

// P22: a late event moves the figure, starts another episode, and leaves a record.
func TestALateEventReopens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j, p := w.resolved(t, w.At(0, 9, 0))
	w.SetTime(t, w.At(40, 9, 0))
	w.lookAtFix(t, j.order.ID, 1)
	if got := w.verdicts(t, j.order.ID); !slices.Equal(got, []string{"final first_time_fix"}) {
		t.Fatalf("%v", got)
	}
	// A second device, offline for six weeks: he had given up before he was done.
	w.upload(t, 0, fieldwork.Accepted, newPhone().event(j.visit.ID, dispatch.EventNeedsReturn, w.At(0, 9, 45)))
	got := w.now(t, j)
	if got.order.State != dispatch.WorkOrderOpen || !got.order.ResolvedAt.IsZero() || got.visit.Outcome != dispatch.OutcomeNeedsReturn {
		t.Errorf("order %s, visit %s", got.order.State, got.visit.Outcome)
	}
	if n := len(w.visits(t, j.order.ID)); n != 2 {
		t.Errorf("%d visits, want a return", n)
	}
	audit := w.words(t, "SELECT method || ' ' || (detail->>'verdict') FROM audit_entries")
	if !slices.Equal(audit, []string{"fieldwork.Reopen first_time_fix"}) {
		t.Errorf("audit %v", audit)
	}
	// And later still: it was done even earlier.
	w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventCompleted, w.At(0, 9, 40)))
	if got = w.now(t, j); got.order.State != dispatch.WorkOrderResolved || got.order.Episode != 2 {
		t.Errorf("order %s, episode %d", got.order.State, got.order.Episode)
	}
	for _, v := range w.visits(t, j.order.ID)[1:] {
		if v.State != dispatch.VisitCancelled {
			t.Errorf("the return is %s, and nothing is left to do", v.State)
		}
	}
	w.lookAtFix(t, j.order.ID, 2)
	if all := w.verdicts(t, j.order.ID); !slices.Equal(all, []string{"final first_time_fix", "final first_time_fix"}) {
		t.Errorf("%v", all)
	}
}

func TestWhatIsNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(1, 12, 0))
	trip := newPhone().trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventNeedsReturn)
	trip[3].Detail.Reason = string(dispatch.ReturnPlanned)
	w.upload(t, 0, fieldwork.Accepted, trip...)
	w.assign(t, w.visits(t, j.order.ID)[1], 1, w.At(1, 9, 0))
	w.upload(t, 1, fieldwork.Accepted, newPhone().trip(w.visits(t, j.order.ID)[1].ID, w.At(1, 9, 0), dispatch.EventCompleted)...)
	got := w.words(t, "SELECT verdict || ': ' || reason FROM fix_episodes")
	if !slices.Equal(got, []string{"not_counted: a second visit was planned from the start"}) {
		t.Errorf("%v", got)
	}
}
