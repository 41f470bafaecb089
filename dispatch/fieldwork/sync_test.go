package fieldwork_test

import (
	"context"
	"slices"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

func (w *world) sync(t testing.TB, technician int, cursor string, size int) fieldwork.Day {
	t.Helper()
	day, err := w.field.Sync(t.Context(), w.as(technician), cursor, size)
	if err != nil {
		t.Fatal(err)
	}
	return day
}

func ids(visits []dispatch.AssignedVisit) []dispatch.VisitID {
	var out []dispatch.VisitID
	for _, v := range visits {
		out = append(out, v.Visit.ID)
	}
	return out
}

func TestSyncTellsTheDayWithAllThatIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	earlier := w.at(t, 1, w.At(0, 9, 0))
	w.SetTime(t, w.At(0, 10, 0))
	w.upload(t, 1, fieldwork.Accepted, newPhone().trip(earlier.visit.ID, w.At(0, 9, 0), dispatch.EventNoAccess)...)

	second := w.at(t, 0, w.At(1, 10, 0))
	first := job{order: earlier.order} // the same place again
	w.plan(t, &first, 0, w.At(0, 13, 0))
	w.at(t, 0, w.At(2, 9, 0)) // the day after tomorrow
	w.at(t, 1, w.At(0, 13, 0))

	day := w.sync(t, 0, "", 50)
	if !slices.Equal(ids(day.Visits), []dispatch.VisitID{first.visit.ID, second.visit.ID}) {
		t.Fatalf("visits %v, want today's and tomorrow's of his", ids(day.Visits))
	}
	v := day.Visits[0]
	if v.WorkOrder.Issue != "it flickers" || v.Site.AccessNotes != "ring twice" || v.Service.DisplayName != w.Service.DisplayName ||
		v.DisplayName != w.Customer.DisplayName || v.Phone != w.Customer.Phone || !v.Window.Start.Equal(first.appointment.Window.Start) ||
		!v.Commitment.Span.Start.Equal(w.At(0, 13, 0)) {
		t.Errorf("not all that he needs: %+v", v)
	}
	if len(v.Past) != 1 || v.Past[0].ID != earlier.visit.ID || v.Past[0].Outcome != dispatch.OutcomeNoAccess {
		t.Errorf("what was there before: %+v", v.Past)
	}
	if len(day.Visits[1].Past) != 0 || day.More || !day.Now.Equal(w.At(0, 10, 0)) {
		t.Errorf("the rest: past %+v, more %t, now %s", day.Visits[1].Past, day.More, day.Now)
	}
}

func TestSyncTellsWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetTime(t, w.At(0, 8, 0))
	a, b := w.at(t, 0, w.At(0, 9, 0)), w.at(t, 0, w.At(0, 11, 0))
	all := w.sync(t, 0, "", 50)
	if again := w.sync(t, 0, all.Cursor, 50); len(again.Visits)+len(again.Removed) != 0 || again.Cursor != all.Cursor {
		t.Errorf("nothing changed, and it tells %v, removed %v", ids(again.Visits), again.Removed)
	}

	// One changes by a row that is not the visit's own; the other goes to Ben.
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		site, err := tx.GetSite(ctx, a.order.Site)
		if err != nil {
			return err
		}
		site.AccessNotes = "the dog is friendly"
		if err := tx.SaveSite(ctx, site); err != nil {
			return err
		}
		c := b.commitment
		c.State = dispatch.CommitmentReleased
		if err := tx.SaveCommitment(ctx, c); err != nil {
			return err
		}
		return tx.CreateCommitment(ctx, w.commitment(1, w.At(0, 11, 0), b.visit))
	})
	change := w.sync(t, 0, all.Cursor, 50)
	if !slices.Equal(ids(change.Visits), []dispatch.VisitID{a.visit.ID}) || change.Visits[0].Site.AccessNotes != "the dog is friendly" {
		t.Errorf("changed %+v", change.Visits)
	}
	if !slices.Equal(change.Removed, []dispatch.VisitID{b.visit.ID}) {
		t.Errorf("removed %v", change.Removed)
	}
	if rest := w.sync(t, 0, change.Cursor, 50); len(rest.Visits)+len(rest.Removed) != 0 {
		t.Errorf("told twice: %v, %v", ids(rest.Visits), rest.Removed)
	}
	// An answer that got lost on its way is told again to the older cursor.
	if lost := w.sync(t, 0, all.Cursor, 50); len(lost.Visits) != 1 || len(lost.Removed) != 1 {
		t.Errorf("to the old cursor: %v, %v", ids(lost.Visits), lost.Removed)
	}
}

func TestSyncInSmallPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetTime(t, w.At(0, 8, 0))
	var want []dispatch.VisitID
	for hour := range 5 {
		want = append(want, w.at(t, 0, w.At(0, 9+hour+hour/3, 0)).visit.ID)
	}
	var got []dispatch.VisitID
	cursor, more := "", true
	for pages := 0; more; pages++ {
		day := w.sync(t, 0, cursor, 2)
		if pages > 3 || len(day.Visits) > 2 {
			t.Fatalf("page %d has %d visits", pages, len(day.Visits))
		}
		got = append(got, ids(day.Visits)...)
		cursor, more = day.Cursor, day.More
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestACursorIsItsTechnicians(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at(t, 0, w.At(0, 9, 0))
	mine := w.sync(t, 0, "", 50).Cursor
	for name, cursor := range map[string]string{"another's": mine, "a forged one": "abc", "a changed one": mine[:len(mine)-2] + "AA"} {
		_, err := w.field.Sync(t.Context(), w.as(1), cursor, 50)
		if dispatch.ReasonOf(err) != dispatch.ReasonResyncRequired {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.field.Sync(t.Context(), w.Call(dispatch.RoleDispatcher, "Sync"), "", 50); dispatch.ReasonOf(err) != dispatch.ReasonAccessDenied {
		t.Errorf("a dispatcher: %v", err)
	}
}
