package fieldwork_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

func TestTheLifeOfAVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := w.At(0, 9, 0)
	j := w.at(t, 0, start)
	p := newPhone()

	w.SetTime(t, start.Add(-15*time.Minute))
	w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventEnRoute, start.Add(-15*time.Minute)))
	got := w.now(t, j)
	if got.visit.State != dispatch.VisitEnRoute || got.commitment.State != dispatch.CommitmentUnderWay || got.order.State != dispatch.WorkOrderScheduled {
		t.Errorf("on the way: visit %s, commitment %s, order %s", got.visit.State, got.commitment.State, got.order.State)
	}
	if told := w.words(t, "SELECT DISTINCT template FROM deliveries"); !slices.Equal(told, []string{"on_the_way"}) {
		t.Errorf("on the way: the customer was told %v", told)
	}

	w.SetTime(t, start)
	w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventArrived, start))
	got = w.now(t, j)
	if got.visit.State != dispatch.VisitOnSite || got.order.State != dispatch.WorkOrderInProgress || w.promise(t, j) != dispatch.PromiseKept {
		t.Errorf("there: visit %s, order %s, promise %s", got.visit.State, got.order.State, w.promise(t, j))
	}

	w.SetTime(t, start.Add(time.Hour))
	w.upload(t, 0, fieldwork.Accepted,
		p.event(j.visit.ID, dispatch.EventStarted, start.Add(5*time.Minute)),
		p.event(j.visit.ID, dispatch.EventCompleted, start.Add(50*time.Minute)))
	got = w.now(t, j)
	if got.visit.State != dispatch.VisitClosed || got.visit.Outcome != dispatch.OutcomeResolved ||
		got.commitment.State != dispatch.CommitmentDone || got.appointment.State != dispatch.AppointmentClosed ||
		got.order.State != dispatch.WorkOrderResolved || !got.order.ResolvedAt.Equal(start.Add(50*time.Minute)) || got.order.Episode != 1 {
		t.Errorf("done: %+v", got)
	}
	if got.visit.Technician != w.Technicians[0].ID || !got.visit.StartedAt.Equal(start.Add(5*time.Minute)) {
		t.Errorf("done: by %s, started %s", got.visit.Technician, got.visit.StartedAt)
	}
	verdict := w.words(t, "SELECT state || ' ' || verdict FROM fix_episodes WHERE work_order_id = $1", j.order.ID)
	if !slices.Equal(verdict, []string{"provisional first_time_fix"}) {
		t.Errorf("verdicts %v", verdict)
	}
	notices := w.words(t, "SELECT kind FROM notices WHERE subject = ANY($1) ORDER BY kind, version",
		[]string{j.visit.Name(), j.order.Name(), j.appointment.Name()})
	want := []string{"appointment_closed", "visit_moved", "visit_moved", "visit_moved", "work_order_resolved"}
	if !slices.Equal(notices, want) {
		t.Errorf("notices %v, want %v", notices, want)
	}
	if told := w.words(t, "SELECT DISTINCT template FROM deliveries ORDER BY template"); !slices.Equal(told, []string{"done", "on_the_way"}) {
		t.Errorf("told %v", told)
	}
}

func TestAVisitThatNeedsAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	w.upload(t, 0, fieldwork.Accepted, newPhone().trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventNeedsReturn)...)
	got := w.now(t, j)
	if got.order.State != dispatch.WorkOrderOpen || got.visit.Outcome != dispatch.OutcomeNeedsReturn || got.visit.OutcomeReason != "part" {
		t.Errorf("order %s, visit %s because of %s", got.order.State, got.visit.Outcome, got.visit.OutcomeReason)
	}
	next := w.visits(t, j.order.ID)[1]
	if next.State != dispatch.VisitUnassigned || next.Ordinal != 2 || !next.Appointment.IsZero() {
		t.Fatalf("the return visit is %+v", next)
	}
	if days := w.words(t, "SELECT payload->>'date' FROM notices WHERE kind = 'day_changed' AND subject = $1", next.Name()); !slices.Equal(days, []string{"2024-06-03"}) {
		t.Errorf("days to plan again: %v", days)
	}

	w.assign(t, next, 1, w.At(1, 9, 0))
	w.SetTime(t, w.At(1, 10, 0))
	w.upload(t, 1, fieldwork.Accepted, newPhone().trip(next.ID, w.At(1, 9, 0), dispatch.EventCompleted)...)
	if got = w.now(t, j); got.order.State != dispatch.WorkOrderResolved {
		t.Errorf("after the return the order is %s", got.order.State)
	}
	verdict := w.words(t, "SELECT verdict || ': ' || reason FROM fix_episodes")
	if !slices.Equal(verdict, []string{"repeat_visit: it took more than one visit"}) {
		t.Errorf("verdicts %v", verdict)
	}
}

func TestNobodyAtHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	p := newPhone()
	w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventNoAccess, w.At(0, 9, 10)))
	got := w.now(t, j)
	if got.order.State != dispatch.WorkOrderOpen || got.visit.Outcome != dispatch.OutcomeNoAccess || got.appointment.State != dispatch.AppointmentClosed {
		t.Errorf("order %s, visit %s, appointment %s", got.order.State, got.visit.Outcome, got.appointment.State)
	}
	// He was there in time, and nothing but the event says when.
	if w.promise(t, j) != dispatch.PromiseKept {
		t.Errorf("the promise is %s", w.promise(t, j))
	}
	if n := len(w.visits(t, j.order.ID)); n != 1 {
		t.Errorf("%d visits: the customer has to book anew, nobody else plans it", n)
	}
}

// A promise that was judged while the technician was offline is judged again by
// what he brings.
func TestLateEvidenceCorrectsAPromise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 18, 0))
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.JudgePromise(ctx, j.appointment.ID, 1, dispatch.PromiseMissed, w.At(0, 12, 0))
	})
	p := newPhone()
	trip := p.trip(j.visit.ID, w.At(0, 9, 30), dispatch.EventCompleted)
	w.upload(t, 0, fieldwork.Accepted, trip[3])
	if w.promise(t, j) != dispatch.PromiseMissed {
		t.Errorf("all that is known is an end at 10:20, and the promise is %s", w.promise(t, j))
	}
	w.upload(t, 0, fieldwork.Accepted, trip[:3]...)
	if w.promise(t, j) != dispatch.PromiseKept {
		t.Errorf("he came at 9:30, and the promise is %s", w.promise(t, j))
	}
	if told := w.words(t, "SELECT DISTINCT template FROM deliveries"); !slices.Equal(told, []string{"done"}) {
		t.Errorf("the customer was told %v hours afterwards", told)
	}
}

// visits are those of a work order, by ordinal.
func (w *world) visits(t testing.TB, id dispatch.WorkOrderID) []dispatch.Visit {
	t.Helper()
	var out []dispatch.Visit
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		out, err = tx.VisitsOf(ctx, id)
		return err
	})
	return out
}

// assign plans an unassigned visit.
func (w *world) assign(t testing.TB, v dispatch.Visit, technician int, start time.Time) {
	t.Helper()
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		v.State = dispatch.VisitPlanned
		if err := tx.SaveVisit(ctx, v); err != nil {
			return err
		}
		return tx.CreateCommitment(ctx, w.commitment(technician, start, v))
	})
}
