package fieldwork_test

import (
	"slices"
	"testing"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

// look sees to a visit as its process would, and gives when it wants to look
// again; zero if never.
func (w *world) look(t testing.TB, now time.Time, j job) time.Time {
	t.Helper()
	w.SetTime(t, now)
	look, err := w.field.LookAtVisit(t.Context(), w.Tenant.ID, j.visit.ID)
	if err != nil {
		t.Fatal(err)
	}
	due := w.words(t, "SELECT to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM wakeups WHERE workflow_id = $1",
		dispatch.WatchVisit(w.Tenant.ID, j.visit.ID).Workflow)
	if look.Done {
		if len(due) != 0 {
			t.Errorf("the process rests and a wakeup is left at %v", due)
		}
		return time.Time{}
	}
	next := now.Add(look.Wait)
	if !slices.Equal(due, []string{next.UTC().Format(time.DateTime)}) {
		t.Errorf("it waits until %s, the wakeup says %v", next, due)
	}
	return next
}

func (w *world) told(t testing.TB, template string) int {
	t.Helper()
	return w.count(t, "SELECT count(*) FROM deliveries WHERE template = $1", template)
}

// Planned for 11:00 with 15 minutes of travel, promised until 12:00: he is late
// for the plan at 11:15, and for the promise when leaving at 11:30 would be too
// late to be a quarter of an hour early.
func TestALateTechnicianIsToldOfOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 11, 0))
	next := w.look(t, w.At(0, 8, 0), j)
	if !next.Equal(w.At(0, 11, 30)) {
		t.Errorf("looks again at %s", next)
	}
	if w.look(t, w.At(0, 11, 16), j); w.told(t, dispatch.TemplateLate) != 0 {
		t.Error("he can still be in time, and the customer is told that he is late")
	}
	next = w.look(t, w.At(0, 11, 30), j)
	if w.told(t, dispatch.TemplateLate) != 2 || !next.Equal(w.At(0, 12, 0)) {
		t.Errorf("%d messages (one per channel), next look %s", w.told(t, dispatch.TemplateLate), next)
	}
	w.look(t, w.At(0, 11, 40), j)
	if w.told(t, dispatch.TemplateLate) != 2 || w.now(t, j).visit.LateToldAt.IsZero() {
		t.Errorf("told again: %d messages", w.told(t, dispatch.TemplateLate))
	}
}

func TestATechnicianOnTheWayIsExpected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 11, 0))
	w.SetTime(t, w.At(0, 11, 20))
	p := newPhone()
	w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventEnRoute, w.At(0, 11, 20)))
	if next := w.look(t, w.At(0, 11, 31), j); !next.Equal(w.At(0, 11, 45)) || w.told(t, dispatch.TemplateLate) != 0 {
		t.Errorf("he will be there at 11:35; next look %s, %d messages", next, w.told(t, dispatch.TemplateLate))
	}
	w.look(t, w.At(0, 11, 45), j)
	if w.told(t, dispatch.TemplateLate) != 2 {
		t.Error("a quarter of an hour is left, he is not there, and nobody was told")
	}
	w.upload(t, 0, fieldwork.Accepted, p.event(j.visit.ID, dispatch.EventArrived, w.At(0, 11, 50)))
	if next := w.look(t, w.At(0, 11, 50), j); !next.Equal(w.At(0, 11, 50).Add(w.Service.Duration * 3 / 2)) {
		t.Errorf("he is there; next look %s", next)
	}
}

func TestNobodyCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 11, 0))
	if next := w.look(t, w.At(0, 12, 0), j); !next.IsZero() {
		t.Errorf("the window is over; next look %s", next)
	}
	w.look(t, w.At(0, 12, 30), j)
	days := w.words(t, "SELECT payload->>'planning_area' || ' ' || (payload->>'date') FROM notices WHERE kind = 'day_changed'")
	if !slices.Equal(days, []string{"center 2024-06-03"}) {
		t.Errorf("days to plan again: %v, want it once", days)
	}
	if w.promise(t, j) != dispatch.PromiseOpen {
		t.Error("the promise is judged by the process of the appointment")
	}
}

func TestWorkThatTakesFarTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 11, 0))
	w.SetTime(t, w.At(0, 11, 10))
	w.upload(t, 0, fieldwork.Accepted, newPhone().trip(j.visit.ID, w.At(0, 11, 0), dispatch.EventCompleted)[:3]...)
	overrun := w.At(0, 11, 5).Add(w.Service.Duration * 3 / 2)
	if next := w.look(t, w.At(0, 11, 10), j); !next.Equal(overrun) {
		t.Errorf("next look %s, want %s", next, overrun)
	}
	for range 2 {
		if next := w.look(t, overrun, j); !next.IsZero() {
			t.Errorf("next look %s", next)
		}
	}
	if n := w.count(t, "SELECT count(*) FROM notices WHERE kind = 'day_changed'"); n != 1 {
		t.Errorf("the day was asked for %d times", n)
	}
}

func TestAClosedVisitRests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.at(t, 0, w.At(0, 9, 0))
	w.look(t, w.At(0, 8, 0), j)
	w.SetTime(t, w.At(0, 10, 0))
	w.upload(t, 0, fieldwork.Accepted, newPhone().trip(j.visit.ID, w.At(0, 9, 0), dispatch.EventCompleted)...)
	if next := w.look(t, w.At(0, 10, 0), j); !next.IsZero() {
		t.Errorf("next look %s", next)
	}
	gone := job{visit: dispatch.Visit{ID: dispatch.VisitID{}.New()}}
	if next := w.look(t, w.At(0, 10, 0), gone); !next.IsZero() {
		t.Errorf("a visit that is not there: next look %s", next)
	}
}
